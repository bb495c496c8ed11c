//! Codes by mail: control of the mailbox before the first second factor, where that is asked for.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    acts::{ADA, BOB, refresh, signed_in},
    app::{App, Reply, Setup, each_engine_with},
};

fn mailbox_first() -> Setup {
    Setup::default().settings(|settings| settings.first_enrollment_mail = true)
}

async fn ask(app: &App, access_token: &str) -> Reply {
    app.post("/auth/step-up/options", Some(access_token), json!({ "method": "email" })).await
}

async fn mailed_code(app: &App, email: &str) -> String {
    app.mail(email).await.and_then(|message| message.code).expect("a code")
}

async fn present(app: &App, access_token: &str, code: &str) -> Reply {
    let body = json!({ "method": "email", "code": code });
    app.post("/auth/step-up", Some(access_token), body).await
}

/// Another code of six digits.
fn other(code: &str) -> String {
    let code: u32 = code.parse().unwrap();
    format!("{:06}", (code + 1) % 1_000_000)
}

#[tokio::test]
async fn the_first_second_factor_needs_the_mailbox() {
    each_engine_with(mailbox_first(), async |app| {
        let access = signed_in(&app, ADA).await;
        let refused = app.post("/auth/mfa/enable", Some(&access), Value::Null).await;
        let refused = refused.refused(403, "mfa-required");
        let required = json!({ "level": "aal1", "max_age": 900, "methods": ["email"] });
        assert_eq!(refused.json["required"], required);

        let sent = ask(&app, &access).await.expect(202);
        let expected = json!({ "sent_to": "a***@e***.org", "expires_in": 300, "resend_in": 30 });
        assert_eq!(sent.json, expected);
        let code = mailed_code(&app, ADA).await;
        present(&app, &access, &other(&code)).await.refused(401, "invalid-code");
        let proved = present(&app, &access, &code).await.expect(200);
        assert_eq!(proved.json["session"]["level"], "aal1");
        assert_eq!(proved.json["session"]["levels"], json!({}));
        let access = proved.text_at("/access_token");
        app.enrol_totp(&access).await;
    })
    .await;
}

#[tokio::test]
async fn a_mailed_code_is_for_one_session_once_and_for_five_minutes() {
    each_engine_with(mailbox_first(), async |app| {
        let access = signed_in(&app, ADA).await;
        let thief = app.sign_in(ADA).await.text_at("/access_token");
        let bob = signed_in(&app, BOB).await;
        ask(&app, &access).await.expect(202);
        let code = mailed_code(&app, ADA).await;
        for session in [&thief, &bob] {
            present(&app, session, &code).await.refused(401, "invalid-code");
        }
        let proved = present(&app, &access, &code).await.expect(200);
        let access = proved.text_at("/access_token");
        present(&app, &access, &code).await.refused(401, "invalid-code");

        ask(&app, &access).await.expect(202);
        let code = mailed_code(&app, ADA).await;
        app.clock.advance(Duration::from_mins(5));
        let access =
            refresh(&app, &proved.text_at("/refresh_token")).await.text_at("/access_token");
        present(&app, &access, &code).await.refused(401, "invalid-code");
    })
    .await;
}

#[tokio::test]
async fn three_wrong_guesses_and_a_new_code_end_a_mailed_code() {
    each_engine_with(mailbox_first(), async |app| {
        let access = signed_in(&app, ADA).await;
        ask(&app, &access).await.expect(202);
        let first = mailed_code(&app, ADA).await;
        for _ in 0..3 {
            present(&app, &access, &other(&first)).await.refused(401, "invalid-code");
        }
        present(&app, &access, &first).await.refused(401, "invalid-code");

        ask(&app, &access).await.expect(202);
        let second = mailed_code(&app, ADA).await;
        present(&app, &access, &first).await.refused(401, "invalid-code");
        // Asking again gave no guess back: five in a row, and everybody waits.
        let throttled = present(&app, &access, &second).await;
        throttled.refused(429, "too-many-attempts");
        app.clock.advance(Duration::from_secs(30));
        present(&app, &access, &second).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn mails_to_one_address_are_few() {
    each_engine_with(mailbox_first(), async |app| {
        let access = signed_in(&app, ADA).await;
        for _ in 0..5 {
            ask(&app, &access).await.expect(202);
        }
        let refused = ask(&app, &access).await.refused(429, "too-many-attempts");
        assert_eq!(refused.headers["retry-after"], "30");
        let other = json!({ "method": "totp" });
        let reply = app.post("/auth/step-up/options", Some(&access), other).await;
        reply.refused(403, "method-not-allowed");
    })
    .await;
}
