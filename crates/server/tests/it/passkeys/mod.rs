//! Passkeys and security keys, over HTTP: enrolled, used as the second factor, as the whole sign-in
//! and to step up, on both engines.

pub(crate) mod acts;
mod alike;
mod ceremonies;
mod counters;
mod enrolling;
mod levels;
mod limits;
mod origins;
mod password;
mod peer;
mod removed;
mod replay;
mod states;
mod swap;
mod trail;
mod unique;

use std::time::Duration;

use serde_json::json;

use self::acts::{ORIGIN, answer, challenge, enrol, enrolled, sign_in, step_up};
use crate::{
    acts::{ADA, STEP},
    app::{PASSWORD, each_engine},
    device::Device,
};

#[tokio::test]
async fn a_passkey_is_enrolled_and_raises_the_session() {
    each_engine(async |app| {
        let (_, reply) = enrolled(&app, ADA, &Device::synced(ORIGIN)).await;
        let (method, session) = (&reply.json["method"], &reply.json["tokens"]["session"]);
        assert_eq!(method["type"], "webauthn");
        assert_eq!((&method["kind"], &method["synced"]), (&json!("passkey"), &json!(true)));
        assert_eq!(session["level"], "phishing_resistant");
        assert_eq!(session["amr"], json!(["pwd", "swk", "user", "mfa"]));
        assert_eq!(reply.json["backup_codes"].as_array().map(Vec::len), Some(10));
        let mail = app.mail(ADA).await.unwrap();
        assert_eq!(mail.subject, "A second factor was added");
    })
    .await;
}

#[tokio::test]
async fn a_passkey_that_verifies_is_the_whole_sign_in() {
    each_engine(async |app| {
        let device = Device::synced(ORIGIN);
        let (mut credential, _) = enrolled(&app, ADA, &device).await;
        app.clock.advance(STEP);
        let reply = sign_in(&app, &device, &mut credential).await.expect(200);
        assert_eq!(reply.json["status"], "complete");
        let session = &reply.json["session"];
        assert_eq!(session["level"], "phishing_resistant");
        assert_eq!(session["levels"]["aal2"], session["levels"]["phishing_resistant"]);
        assert_eq!(session["amr"], json!(["swk", "user", "mfa"]));
        let access = reply.text_at("/access_token");
        app.get("/auth/session", Some(&access)).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn presence_alone_is_one_factor_and_the_password_is_asked_next() {
    each_engine(async |app| {
        let device = Device::touched(ORIGIN);
        let (mut credential, _) = enrolled(&app, ADA, &device).await;
        let reply = sign_in(&app, &device, &mut credential).await.expect(200);
        assert_eq!(reply.json["status"], "mfa_required");
        assert_eq!(reply.json["mfa_types"], json!(["password"]));
        let temp_token = reply.text_at("/temp_token");
        let body = json!({ "temp_token": temp_token, "method": "password", "password": PASSWORD });
        let done = app.post("/auth/login/mfa", None, body).await.expect(200);
        assert_eq!(done.json["session"]["level"], "phishing_resistant");
    })
    .await;
}

#[tokio::test]
async fn a_credential_is_the_second_factor_after_the_password() {
    each_engine(async |app| {
        let device = Device::touched(ORIGIN);
        let (mut credential, _) = enrolled(&app, ADA, &device).await;
        let asked = app.sign_in(ADA).await;
        assert_eq!(asked.json["mfa_types"], json!(["webauthn", "backup_code"]));
        assert_eq!(asked.json["preferred"], "webauthn");
        let temp_token = asked.text_at("/temp_token");
        let options = challenge(&app, &temp_token).await.expect(200);
        let public_key = &options.json["public_key"];
        assert_eq!(public_key["allowCredentials"].as_array().map(Vec::len), Some(1));
        let credential = device.get(&mut credential, public_key);
        let done = answer(&app, &temp_token, &options, &credential).await.expect(200);
        assert_eq!(done.json["session"]["level"], "phishing_resistant");
    })
    .await;
}

#[tokio::test]
async fn what_a_passkey_protects_only_a_passkey_changes() {
    each_engine(async |app| {
        let device = Device::synced(ORIGIN);
        let access = crate::acts::signed_in(&app, ADA).await;
        let crate::app::Enrolled { totp, access_token, .. } = app.enrol_totp(&access).await;
        let (mut credential, reply) = enrol(&app, &access_token, &device).await;
        let method = reply.text_at("/method/id");
        app.clock.advance(Duration::from_mins(10));
        let weak = app.sign_in_with(ADA, &totp).await.text_at("/access_token");
        let path = format!("/auth/mfa/methods/{method}");
        let refused = app.call("DELETE", &path, Some(&weak), json!(null)).await;
        let refused = refused.refused(403, "mfa-required");
        assert_eq!(refused.json["required"]["level"], "phishing_resistant");
        assert_eq!(refused.json["required"]["methods"], json!(["webauthn"]));
        let strong = step_up(&app, &weak, &device, &mut credential).await.expect(200);
        let strong = strong.text_at("/access_token");
        app.call("DELETE", &path, Some(&strong), json!(null)).await.expect(204);
    })
    .await;
}
