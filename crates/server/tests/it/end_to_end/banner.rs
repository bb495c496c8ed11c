//! What a development server prints is what a newcomer types.

use nightlatch_store::Engine;
use serde_json::Value;
use tokio::process::Command;

use super::{
    authenticator::Authenticator,
    installation::Installation,
    process::{Finished, finish, nightlatch},
};

/// Runs `script` as a newcomer's terminal does.
async fn terminal(script: &str, token: &str) -> String {
    let mut command = Command::new("sh");
    command.args(["-c", script]).env("TOKEN", token).env("NO_PROXY", "*");
    let Finished { status, stdout, stderr } = finish(&mut command).await;
    assert_ne!(status, Some(127), "a program is missing ({stderr}): run cargo xtask test");
    assert_eq!(status, Some(0), "{stdout}{stderr}");
    stdout
}

/// The commands below the headline of this step.
fn step(banner: &str, number: u32) -> String {
    let lines = banner.lines().skip_while(|line| !line.starts_with(&format!("  {number}. ")));
    let commands: Vec<_> = lines.skip(1).take_while(|line| !line.trim().is_empty()).collect();
    assert!(!commands.is_empty(), "no step {number} in {banner}");
    commands.join("\n")
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[tokio::test]
async fn the_three_things_to_try_work_as_they_are_printed() {
    let installation = Installation::new(Engine::Sqlite, "").await;
    let server = installation.dev().await;
    let banner = &server.banner;

    let registered = json(&terminal(&step(banner, 1), "").await);
    assert_eq!(registered["email"], "ada@example.org");
    let sign_in = format!("{}\nprintf %s \"$TOKEN\"", step(banner, 2));
    let token = terminal(&sign_in, "").await;
    assert!(token.split('.').count() == 3, "{token}");

    let step = step(banner, 3);
    let (enable, confirm) = step.split_at(step.rfind("curl").unwrap());
    let enabled = json(&terminal(enable, &token).await);
    let mut app = Authenticator::scan(enabled["qr_code"].as_str().unwrap()).await;
    assert_eq!(enabled["secret"], app.secret());
    assert!(confirm.contains("123456"));
    let confirm = confirm.replace("123456", &app.next().await);
    let confirmed = json(&terminal(&confirm, &token).await);
    assert_eq!(confirmed["message"], "MFA enabled successfully");
    assert_eq!(confirmed["tokens"]["session"]["level"], "aal2");

    let mut words =
        banner.lines().map(str::trim).filter_map(|line| line.strip_prefix("nightlatch "));
    let invite = words.next().expect("how the first administrator is made");
    let invited = finish(nightlatch(invite.split(' ')).args(["--print", "--json"])).await.with(0);
    assert_eq!(invited.json()["status"], "invited");
    for page in ["/docs", "/dev/mailbox", "/dev/passkeys", "/openapi.json"] {
        server.public.get(page, None).await.expect(200);
    }
    server.stop().await;
}
