//! The main job, on real input: a picture is scanned, codes come from another program, and only the
//! right ones are accepted.

use serde_json::{Value, json};

use super::{
    authenticator::{Authenticator, now},
    caller::{Caller, Enrolled},
    installation::each_engine,
};
use crate::app::PASSWORD;

const ADA: &str = "ada@example.org";
const HOUR: i64 = 3600;

#[tokio::test]
async fn a_person_scans_a_picture_and_signs_in_with_the_codes_of_the_app() {
    each_engine("", async |installation| {
        let server = installation.dev().await;
        let caller = &server.public;
        caller.register(ADA).await;
        let access = caller.sign_in(ADA).await;
        let Enrolled { mut app, setup, confirmed } = caller.enrol(&access).await;
        assert_eq!(app.uri, setup.text_at("/otpauth_uri"));
        assert_eq!(app.secret(), setup.text_at("/secret"));
        assert_eq!(confirmed.json["message"], "MFA enabled successfully");
        assert_eq!(confirmed.json["tokens"]["session"]["level"], "aal2");
        let notices = caller.get(&format!("/dev/v1/messages?to={ADA}&wait=20"), None).await;
        assert_eq!(notices.text_at("/messages/0/subject"), "A second factor was added");

        let code = app.next().await;
        let signed_in = caller.answer(&caller.challenge(ADA).await, &code).await.expect(200);
        assert_eq!(signed_in.json["status"], "complete");
        assert_eq!(signed_in.json["session"]["level"], "aal2");
        let access = signed_in.text_at("/access_token");
        caller.get("/auth/session", Some(&access)).await.expect(200);

        refuses_other_codes(caller, &app, &code).await;
        accepts_a_recovery_code_once(caller, &setup.text_at("/backup_codes/0")).await;
        server.stop().await;
    })
    .await;
}

/// One answer for all of them, whatever is wrong; what is no code at all is not counted.
async fn refuses_other_codes(caller: &Caller, app: &Authenticator, used: &str) {
    let temp_token = caller.challenge(ADA).await;
    for no_code in ["", "12345", "123456789", "abcdef", "１２３４５６", "12345\u{660}", "0x1234"]
    {
        caller.answer(&temp_token, no_code).await.refused(422, "invalid-values");
    }
    for no_text in [json!(123_456), Value::Null, json!(["123456"])] {
        let body = json!({ "temp_token": temp_token, "mfa_token": no_text });
        caller.post("/auth/login/mfa", None, body).await.refused(400, "malformed");
    }
    let (stale, early) = (app.at(now() - HOUR).await, app.at(now() + HOUR).await);
    let mut answers = Vec::new();
    for code in [used.to_owned(), app.wrong().await, stale, early] {
        let refused = caller.answer(&temp_token, &code).await.refused(401, "invalid-code");
        let mut answer = refused.json;
        answer["request_id"].take();
        answers.push(answer);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "they tell what is wrong: {answers:?}");
}

async fn accepts_a_recovery_code_once(caller: &Caller, code: &str) {
    let first = caller.challenge(ADA).await;
    let spaced = code.to_lowercase().replace('-', " ");
    assert_eq!(caller.answer(&first, &spaced).await.expect(200).json["status"], "complete");
    let second = caller.challenge(ADA).await;
    caller.answer(&second, code).await.refused(401, "invalid-code");
}

#[tokio::test]
async fn a_code_is_neither_looked_at_nor_spent_beside_a_wrong_password() {
    each_engine("", async |installation| {
        let server = installation.dev().await;
        let caller = &server.public;
        caller.register(ADA).await;
        let mut app = caller.enrol(&caller.sign_in(ADA).await).await.app;

        let code = app.next().await;
        let in_one_shot = async |password: &str| {
            let body = json!({ "email": ADA, "password": password, "mfa_token": code });
            caller.post("/auth/login/mfa", None, body).await
        };
        in_one_shot("mustard violin canyon").await.refused(401, "invalid-credentials");
        let signed_in = in_one_shot(PASSWORD).await.expect(200);
        assert_eq!(signed_in.json["session"]["level"], "aal2");
        server.stop().await;
    })
    .await;
}
