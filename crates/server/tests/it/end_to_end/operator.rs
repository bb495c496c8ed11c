//! What an operator does beside a running server: accounts, settings and the audit trail.

use nightlatch_store::Engine;
use serde_json::Value;

use super::{
    installation::{Installation, OPEN, each_engine},
    process::Finished,
};

const ADA: &str = "ada@example.org";

async fn json(installation: &Installation, arguments: &[&str]) -> Value {
    installation.command([arguments, &["--json"]].concat()).await.with(0).json()
}

#[tokio::test]
async fn accounts_are_seen_and_changed_while_the_server_runs() {
    each_engine(OPEN, async |installation| {
        let server = installation.migrate_and_serve().await;
        let caller = &server.public;
        caller.register(ADA).await;
        let enrolled = caller.enrol(&caller.sign_in(ADA).await).await;
        let access = enrolled.confirmed.text_at("/tokens/access_token");

        let list = json(installation, &["user", "list"]).await;
        assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
        let id = list["items"][0]["id"].as_str().unwrap();
        let shown = json(installation, &["user", "show", id]).await;
        assert_eq!(shown["account"]["email"], ADA);
        assert_eq!(shown["methods"][0]["type"], "totp");
        assert_eq!(shown["recovery_codes"]["remaining"], 10);
        let secrets = [enrolled.app.secret(), access.as_str()];
        for told in
            [installation.command(["user", "show", ADA]).await.succeeded(), shown.to_string()]
        {
            assert!(!secrets.iter().any(|secret| told.contains(secret)), "{told}");
        }

        for changed in [true, false] {
            let told = json(installation, &["user", "disable", ADA]).await;
            assert_eq!(told["changed"], changed);
        }
        caller.get("/auth/session", Some(&access)).await.refused(401, "unauthenticated");
        caller.login(ADA).await.refused(403, "account-disabled");
        json(installation, &["user", "enable", ADA]).await;
        caller.challenge(ADA).await;
        assert_eq!(json(installation, &["user", "reset-mfa", id]).await["reset"], true);
        caller.sign_in(ADA).await;
        let shown = json(installation, &["user", "show", ADA]).await;
        assert_eq!(shown["methods"], Value::Array(Vec::new()));

        let unknown = installation.command(["user", "show", "eve@example.org"]).await.with(1);
        assert!(unknown.stderr.contains("\nnext: "), "{}", unknown.stderr);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn settings_are_checked_and_shown_without_secrets() {
    let installation = Installation::new(Engine::Sqlite, "").await;
    let address = "postgres://nightlatch:tell-nobody@db.example.com/nightlatch";
    let good = installation.settings().replace(&installation.database(), address);
    installation.configure(&good);
    assert_eq!(json(&installation, &["config", "check"]).await["issues"], Value::Array(Vec::new()));
    installation.command(["config", "check"]).await.succeeded();

    let shown = json(&installation, &["config", "show"]).await;
    assert_eq!(shown["public_url"], "https://id.example.com");
    assert_eq!(shown["totp.window"], 1);
    let text = installation.command(["config", "show"]).await.succeeded();
    for told in [shown.to_string(), text] {
        assert!(told.contains("db.example.com") && !told.contains("tell-nobody"), "{told}");
    }

    installation.configure(&format!("{good}totp.digits = 7\ntotp.colour = \"red\"\n"));
    let checked = installation.command(["config", "check", "--json"]).await.with(1);
    let mut keys: Vec<_> = checked.json()["issues"]
        .as_array()
        .unwrap()
        .iter()
        .map(|issue| issue["key"].as_str().unwrap().to_owned())
        .collect();
    keys.sort();
    assert_eq!(keys, ["totp.colour", "totp.digits"]);
}

#[tokio::test]
async fn a_setting_that_weakens_something_is_written_down_when_it_is_switched_on() {
    each_engine("", async |installation| {
        let lives = async |settings: &str| {
            installation.configure(&format!("{}{settings}", installation.settings()));
            installation.serve().await.stop().await;
            let said = async |setting| {
                let like = format!("%risk_accepted%\"setting\":\"{setting}\"%");
                installation
                    .count(&format!("SELECT count(*) FROM audit WHERE body LIKE '{like}'"))
                    .await
            };
            (said("mail.delivery").await, said("limits.per_address").await)
        };
        installation.command(["migrate"]).await.succeeded();
        assert_eq!(lives("").await, (1, 0));
        assert_eq!(lives("").await, (1, 0), "it was known");
        assert_eq!(lives("limits.per_address = 0\n").await, (1, 1));
        assert_eq!(lives("").await, (1, 1));
        assert_eq!(lives("limits.per_address = 0\n").await, (1, 2), "it was off in between");
        let pretended = "SELECT count(*) FROM audit WHERE body LIKE '%\"http.trusted_proxies\"%'";
        let before = installation.count(pretended).await;
        lives("http.trusted_proxies = [\"203.0.0.0/8\"]\n").await;
        assert_eq!(installation.count(pretended).await, before + 1, "it is worse");
    })
    .await;
}

/// A short life of a server; what `audit verify --json` says about it.
async fn lived(installation: &Installation) -> Value {
    let server = installation.migrate_and_serve().await;
    server.public.register(ADA).await;
    let mut app = server.public.enrol(&server.public.sign_in(ADA).await).await.app;
    let temp_token = server.public.challenge(ADA).await;
    server.public.answer(&temp_token, &app.next().await).await.expect(200);
    let beside = verified(installation).await.with(0).json();
    assert_eq!(beside["intact"], true);
    server.stop().await;
    verified(installation).await.with(0).json()
}

async fn verified(installation: &Installation) -> Finished {
    installation.command(["audit", "verify", "--json"]).await
}

#[tokio::test]
async fn an_audit_trail_that_was_edited_is_told_by_its_chain() {
    each_engine(OPEN, async |installation| {
        let report = lived(installation).await;
        assert_eq!((&report["intact"], &report["flaws"]), (&true.into(), &Value::Array(vec![])));
        assert!(report["events"].as_u64().unwrap() >= 5, "{report}");
        assert!(report["checkpoints"].as_u64().unwrap() >= 1, "{report}");

        installation
            .tamper(
                "UPDATE audit SET body = replace(body, 'sign_in', 'step_up') \
                 WHERE body LIKE '%sign_in%'",
            )
            .await;
        let broken = verified(installation).await.with(1);
        let flaw = broken.json()["flaws"][0].as_str().unwrap().to_owned();
        assert!(flaw.starts_with("chain ") && flaw.contains("broken at event"), "{flaw}");
        let told = installation.command(["audit", "verify"]).await.with(1);
        assert!(told.stdout.contains(&flaw), "{}", told.stdout);
    })
    .await;
}

#[tokio::test]
async fn an_audit_trail_that_was_cut_is_told_by_its_checkpoint() {
    each_engine(OPEN, async |installation| {
        lived(installation).await;
        installation.tamper("DELETE FROM audit WHERE seq > 1").await;
        let broken = verified(installation).await.with(1);
        let flaw = broken.json()["flaws"][0].as_str().unwrap().to_owned();
        assert!(flaw.starts_with("checkpoint ") && flaw.contains("lacks event"), "{flaw}");
    })
    .await;
}
