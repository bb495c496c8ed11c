//! `nightlatch doctor`: what is well is said to be well, and every fault has its finding with the next
//! step, whatever else there is to look at.

mod broken;
mod plaintext;
mod well;

use std::fs;

use data_encoding::HEXLOWER;
use nightlatch_store::Engine;
use serde_json::Value;

use super::{
    installation::Installation,
    process::{Finished, finish},
    server::Server,
};

const ADA: &str = "ada@example.org";

/// What a careful operator sets besides.
const CAREFUL: &str =
    "accounts.registration = \"open\"\nhttp.trusted_proxies = [\"127.0.0.1/32\"]\n";

/// The key file is kept apart from the database.
fn part(installation: &Installation) {
    let (keys, apart) = (installation.path("keys"), installation.path("ring"));
    fs::create_dir(&apart).unwrap();
    fs::rename(&keys, apart.join("keys")).unwrap();
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    change(installation, &text(&keys), &text(&apart.join("keys")));
}

/// Changes the settings.
fn change(installation: &Installation, was: &str, is: &str) {
    let settings = fs::read_to_string(installation.path("nightlatch.toml")).unwrap();
    assert!(settings.contains(was), "no {was} in {settings}");
    installation.configure(&settings.replace(was, is));
}

/// Bytes in the words of the engine.
fn bytes(installation: &Installation, bytes: &[u8]) -> String {
    let hex = HEXLOWER.encode(bytes);
    match installation.engine() {
        Engine::Sqlite => format!("x'{hex}'"),
        Engine::Postgres => format!("'\\x{hex}'"),
    }
}

/// A short life: somebody registers, enrols an app and signs in with it.
async fn live(server: &Server) -> String {
    server.public.register(ADA).await;
    let mut app = server.public.enrol(&server.public.sign_in(ADA).await).await.app;
    let step = server.public.challenge(ADA).await;
    server.public.answer(&step, &app.next().await).await.expect(200);
    app.secret().to_owned()
}

/// What the doctor found.
struct Found(Vec<Value>);

impl Found {
    /// What `finished` told, which has to fit its status.
    #[track_caller]
    fn of(finished: &Finished) -> Self {
        let report = finished.json();
        let findings = report["findings"].as_array().unwrap().clone();
        let count = |state: &str| findings.iter().filter(|found| found["state"] == state).count();
        assert_eq!(report["failed"], count("failed"), "{report}");
        assert_eq!(report["warnings"], count("warning"), "{report}");
        assert_eq!(finished.status, Some(i32::from(count("failed") > 0)), "{report}");
        assert!(finished.stderr.is_empty(), "{}", finished.stderr);
        for found in &findings {
            let has_next = found["next"].as_str().is_some_and(|next| !next.is_empty());
            let needs_next = found["state"] == "failed" || found["state"] == "warning";
            assert_eq!(has_next, needs_next, "{found}");
        }
        Self(findings)
    }

    /// `check state` of everything that is not well, but for the risks that all settings here accept.
    fn bad(&self) -> Vec<String> {
        let accepted = |found: &&Value| {
            let text = found["text"].as_str().unwrap();
            text.starts_with("accounts.verify_email:") || text.starts_with("mail.delivery:")
        };
        let bad = self.0.iter().filter(|found| found["state"] != "ok" && !accepted(found));
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        bad.map(|found| format!("{} {}", word(&found["check"]), word(&found["state"]))).collect()
    }

    /// What is said of `check`, with the next steps.
    fn of_check(&self, check: &str) -> String {
        let lines = self.0.iter().filter(|found| found["check"] == check);
        let lines = lines.map(|found| format!("{} -> {}", found["text"], found["next"]));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Insists on these findings, and that the first is about `named` and says to do `next`.
    #[track_caller]
    fn assert(&self, bad: &[&str], named: &str, next: &str) {
        assert_eq!(self.bad(), bad, "{:#?}", self.0);
        let (check, _) = bad[0].split_once(' ').unwrap();
        let told = self.of_check(check);
        assert!(told.contains(named) && told.contains(next), "{named}, {next}: {told}");
    }
}

/// Runs the doctor.
async fn doctor(installation: &Installation) -> Found {
    Found::of(&installation.command(["doctor", "--json"]).await)
}

/// Runs the doctor in a world where something is wrong.
async fn doctor_in(world: &super::faults::World, installation: &Installation) -> Found {
    let mut command = world.nightlatch(["doctor", "--json", "--config"]);
    Found::of(&finish(command.arg(installation.path("nightlatch.toml"))).await)
}
