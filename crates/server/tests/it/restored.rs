//! After a restore: what was good when the backup was taken, and spent or ended since, is void.

use std::time::Duration;

use nightlatch_core::{
    SecretText,
    token::{Device, PasskeyCeremony},
};
use nightlatch_flows::{
    admin::{audit, restore::revoke, users},
    upkeep::checkpoint::checkpoint,
};
use nightlatch_store::{Database, Engine, backup, units::account::Standing};
use serde_json::json;

use crate::{
    acts::{ADA, BOB, STEP, answer, joined, mailed_link, refresh},
    app::{App, Enrolled, Reply, Setup, each_engine_with},
};

/// What a thief, or an honest client, still has of the server that is gone.
struct Left {
    enrolled: Enrolled,
    signed_in: Reply,
    /// The code that the sign-in used up.
    code: String,
    temp_token: String,
    passkey: SecretText,
    link: String,
    registration: String,
}

/// Uses the app after its backup was taken.
async fn lose(app: &App, enrolled: Enrolled) -> Left {
    let code = enrolled.totp.code_at(app.now());
    let signed_in = app.sign_in_with(ADA, &enrolled.totp).await;
    let step = app.challenge(ADA).await;
    answer(app, &step, &enrolled.recovery_codes[0]).await.expect(200);
    let registration = app.register(BOB).await.text_at("/registration_token");
    let link = mailed_link(app, BOB).await;
    let options = app.post("/auth/passkey/options", None, json!({})).await.expect(200);
    let passkey = SecretText::new(options.text_at("/challenge_token"));
    let account = users::find(&app.env, ADA).await.unwrap();
    for standing in [Standing::Disabled, Standing::Active] {
        assert!(users::set_standing(&app.env, &account, standing).await.unwrap());
    }
    let temp_token = app.challenge(ADA).await;
    Left { enrolled, signed_in, code, temp_token, passkey, link, registration }
}

/// Whether the ring of `app` opens the tokens that no account is asked about.
fn opens(app: &App, left: &Left) -> (bool, bool) {
    let device = SecretText::new(left.signed_in.text_at("/device_token"));
    (
        PasskeyCeremony::open(&app.env.ring(), &left.passkey, app.now()).is_some(),
        Device::open(&app.env.ring(), &device).is_some(),
    )
}

async fn nothing_of_before_works(app: &App, left: &Left) {
    for access in [left.enrolled.access_token.clone(), left.signed_in.text_at("/access_token")] {
        app.get("/auth/session", Some(&access)).await.refused(401, "unauthenticated");
    }
    refresh(app, &left.signed_in.text_at("/refresh_token")).await.refused(400, "invalid-token");
    answer(app, &left.temp_token, &left.code).await.refused(401, "flow-ended");
    let verify = json!({ "token": left.link, "registration_token": left.registration });
    app.post("/auth/register/verify", None, verify).await.refused(400, "invalid-token");
    assert_eq!(opens(app, left), (false, false));

    let step = app.challenge(ADA).await;
    answer(app, &step, &left.code).await.refused(401, "invalid-code");
    for code in &left.enrolled.recovery_codes[..2] {
        let reply = answer(app, &step, code).await;
        assert!(reply.status.is_client_error(), "{}", reply.text);
    }
}

#[tokio::test]
async fn what_was_issued_or_spent_before_is_void_and_the_person_signs_in_with_both_factors() {
    let setup = Setup::default().settings(|settings| settings.verify_email = true);
    each_engine_with(setup, async |app| {
        let access = joined(&app, ADA).await.text_at("/access_token");
        let enrolled = app.enrol_totp(&access).await;
        app.clock.advance(STEP);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup");
        let database = Database::parse(&app.database()).unwrap();
        backup::take(&database, &file, app.now()).await.unwrap();
        let left = lose(&app, enrolled).await;
        assert_eq!(opens(&app, &left), (true, true));

        for engine in [Engine::Sqlite, Engine::Postgres] {
            println!("into {engine}:");
            let copy = app
                .elsewhere(Engine::Sqlite, async |place| {
                    backup::unpack(&file, &place.home().join("nightlatch.db")).unwrap();
                })
                .await;
            assert_eq!(revoke(&copy.env).await.unwrap(), 1, "one person has recovery codes");
            checkpoint(&copy.env, &[]).await.unwrap();
            // Its log is still beside it; putting folds it in.
            let place = copy.end().await;
            let work = place.home().join("nightlatch.db");
            let restored = app
                .elsewhere(engine, async |place| {
                    let target = Database::parse(&place.address()).unwrap();
                    backup::require_empty(&target).await.unwrap();
                    backup::put(&work, &target, app.now()).await.unwrap();
                    assert!(backup::require_empty(&target).await.is_err());
                })
                .await;
            nothing_of_before_works(&restored, &left).await;
            let mails = restored.mails(ADA).await;
            assert_eq!(mails[0].subject, "Your recovery codes are void");
            app.clock.advance(Duration::from_mins(5));
            restored.sign_in_with(ADA, &left.enrolled.totp).await;
            checkpoint(&restored.env, &[]).await.unwrap();
            let report = audit::verify(&restored.env).await.unwrap();
            assert!(report.flaws.is_empty() && report.events > 0, "{report:?}");
            restored.end().await.remove().await;
        }
    })
    .await;
}
