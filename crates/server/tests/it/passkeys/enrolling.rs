//! Enrolling: who may, what comes along with the first passkey, and how many there may be.

use std::time::Duration;

use nightlatch_flows::admin::{
    invite::{Invited, invite},
    users,
};
use serde_json::{Value, json};

use super::{
    acts::{ORIGIN, enrol, enrolling, register, sign_in, step_up},
    ceremonies::Person,
};
use crate::{
    acts::{ADA, refresh, signed_in},
    app::{App, Enrolled, PASSWORD, each_engine},
    database::count,
    device::Device,
};

/// Registers an address that has to enrol a factor; the enrolment tokens of two sign-ins.
pub(super) async fn vouched(app: &App, email: &str) -> [String; 2] {
    let Invited::Link(link) = invite(&app.env, email).await.unwrap() else {
        panic!("there is no account yet");
    };
    let body = json!({ "email": email, "password": PASSWORD, "invite": link.expose() });
    app.post("/auth/register", None, body).await.expect(201);
    let first = app.sign_in(email).await.text_at("/temp_token");
    [first, app.sign_in(email).await.text_at("/temp_token")]
}

#[tokio::test]
async fn a_passkey_completes_a_sign_in_that_has_to_enrol() {
    each_engine(async |app| {
        let device = Device::synced(ORIGIN);
        let [token, other] = vouched(&app, ADA).await;
        let options = enrolling(&app, &token, "passkey").await.expect(200);
        let begun = enrolling(&app, &other, "passkey").await.expect(200);
        let (mut credential, answer) = device.create(&options.json["public_key"]);
        let reply = register(&app, &token, &options, &answer).await.expect(201);
        assert_eq!(reply.json["tokens"]["session"]["level"], "phishing_resistant");
        assert_eq!(reply.json["backup_codes"].as_array().map(Vec::len), Some(10));
        let access = reply.text_at("/tokens/access_token");
        app.get("/auth/session", Some(&access)).await.expect(200);
        assert!(users::find(&app.env, ADA).await.unwrap().is_admin);

        // The other sign-in is over, and so is what it began.
        let (_, answer) = device.create(&begun.json["public_key"]);
        for token in [&token, &other] {
            let reply = register(&app, token, &begun, &answer).await;
            reply.refused(401, "unauthenticated");
            enrolling(&app, token, "passkey").await.refused(401, "unauthenticated");
        }
        assert_eq!(count(&app, "methods").await, 1);
        sign_in(&app, &device, &mut credential).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn the_first_passkey_ends_the_other_sessions_and_the_next_does_not() {
    each_engine(async |app| {
        let planted = signed_in(&app, ADA).await;
        let access = app.sign_in(ADA).await.text_at("/access_token");
        let device = Device::synced(ORIGIN);
        let (mut credential, reply) = enrol(&app, &access, &device).await;
        for dead in [&planted, &access] {
            app.get("/auth/session", Some(dead)).await.refused(401, "unauthenticated");
        }
        let raised = reply.text_at("/tokens/access_token");
        let other = sign_in(&app, &device, &mut credential).await.text_at("/access_token");
        let (_, reply) = enrol(&app, &raised, &device).await;
        assert_eq!(reply.json.get("backup_codes"), None, "there are some already");
        app.get("/auth/session", Some(&other)).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_session_without_the_second_factor_enrols_nothing() {
    each_engine(async |app| {
        // Ends with an access token of one factor: the password is all that there is, and it is old.
        app.register(ADA).await;
        let tokens = app.sign_in(ADA).await;
        app.clock.advance(Duration::from_secs(301));
        let access = refresh(&app, &tokens.text_at("/refresh_token")).await;
        let access = access.text_at("/access_token");
        let refused = enrolling(&app, &access, "passkey").await.refused(403, "mfa-required");
        assert_eq!(refused.json["required"]["methods"], json!(["password"]));
        let body = json!({ "method": "password", "password": PASSWORD });
        let access = app.post("/auth/step-up", Some(&access), body).await.expect(200);
        let Enrolled { access_token, totp, .. } =
            app.enrol_totp(&access.text_at("/access_token")).await;

        // With an app, its proof has to be recent, and the password does not do.
        app.clock.advance(Duration::from_secs(200));
        let body = json!({ "method": "password", "password": PASSWORD });
        let access = app.post("/auth/step-up", Some(&access_token), body).await.expect(200);
        app.clock.advance(Duration::from_secs(101));
        let access = access.text_at("/access_token");
        let refused = enrolling(&app, &access, "passkey").await.refused(403, "mfa-required");
        assert_eq!(refused.json["required"]["level"], "aal2");
        let code = totp.code_at(app.now());
        let access = crate::acts::step_up(&app, &access, &code).await.expect(200);
        let access = access.text_at("/access_token");
        enrolling(&app, &access, "passkey").await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn with_a_passkey_only_a_recent_passkey_changes_factors() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let mut refresh_token = ada.refresh.clone();
        app.clock.advance(Duration::from_mins(5));
        let fresh = refresh(&app, &refresh_token).await.expect(200);
        refresh_token = fresh.text_at("/refresh_token");
        let access = fresh.text_at("/access_token");
        enrolling(&app, &access, "passkey").await.expect(200);

        app.clock.advance(Duration::from_secs(1));
        let access = refresh(&app, &refresh_token).await.text_at("/access_token");
        let method = format!("/auth/mfa/methods/{}", ada.method);
        let calls = [
            ("POST", "/auth/mfa/webauthn/register/options", json!({ "kind": "passkey" })),
            ("POST", "/auth/mfa/enable", Value::Null),
            ("POST", "/auth/mfa/recovery-codes", Value::Null),
            ("PATCH", &*method, json!({ "name": "Mine" })),
            ("DELETE", &*method, Value::Null),
        ];
        let body = json!({ "method": "backup_code", "code": ada.codes[0] });
        let weaker = app.post("/auth/step-up", Some(&access), body).await.expect(200);
        let access = weaker.text_at("/access_token");
        for (verb, path, body) in &calls {
            let refused = app.call(verb, path, Some(&access), body.clone()).await;
            let refused = refused.refused(403, "mfa-required");
            let required = json!({
                "level": "phishing_resistant", "max_age": 300, "methods": ["webauthn"],
            });
            assert_eq!(refused.json["required"], required, "{verb} {path}");
        }
        let mut access = step_up(&app, &access, &ada.device, &mut ada.credential).await;
        for (verb, path, body) in calls {
            let token = access.expect(200).text_at("/access_token");
            let reply = app.call(verb, path, Some(&token), body).await;
            assert!(reply.status.is_success(), "{verb} {path}: {}", reply.text);
            if verb == "DELETE" {
                break;
            }
            access = step_up(&app, &token, &ada.device, &mut ada.credential).await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_account_has_at_most_twenty_credentials() {
    each_engine(async |app| {
        let device = Device::synced(ORIGIN);
        let mut access = signed_in(&app, ADA).await;
        for number in 0..20 {
            let options = enrolling(&app, &access, "security_key").await.expect(200);
            let excluded = options.json["public_key"]["excludeCredentials"].as_array();
            assert_eq!(excluded.map_or(0, Vec::len), number);
            access = enrol(&app, &access, &device).await.1.text_at("/tokens/access_token");
        }
        enrolling(&app, &access, "security_key").await.refused(409, "conflict");
        assert_eq!(count(&app, "methods").await, 20);
        assert_eq!(count(&app, "credentials").await, 20);
        app.get("/auth/session", Some(&access)).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_change_of_the_account_ends_an_enrolment_under_way() {
    each_engine(async |app| {
        let device = Device::synced(ORIGIN);
        let access = signed_in(&app, ADA).await;
        let options = enrolling(&app, &access, "passkey").await.expect(200);
        let Enrolled { access_token, .. } = app.enrol_totp(&access).await;
        let (_, answer) = device.create(&options.json["public_key"]);
        let reply = register(&app, &access_token, &options, &answer).await;
        reply.refused(400, "invalid-credential");
        assert_eq!(count(&app, "credentials").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_name_is_given_or_suggested() {
    each_engine(async |app| {
        let access = signed_in(&app, ADA).await;
        let known = Device {
            aaguid: 0xea9b8d66_4d01_1d21_3ce4_b6b48cb575d4_u128.to_be_bytes(),
            ..Device::synced(ORIGIN)
        };
        let (_, reply) = enrol(&app, &access, &known).await;
        assert_eq!(reply.json["method"]["name"], "Google Password Manager");
        let mut access = reply.text_at("/tokens/access_token");
        for (at_first, at_last, expected) in
            [(None, None, "Passkey"), (Some("One"), None, "One"), (Some("One"), Some("Two"), "Two")]
        {
            let body = json!({ "kind": "passkey", "name": at_first });
            let path = "/auth/mfa/webauthn/register/options";
            let options = app.post(path, Some(&access), body).await.expect(200);
            let device = Device::touched(ORIGIN);
            let (_, credential) = device.create(&options.json["public_key"]);
            let body = json!({
                "challenge_token": options.json["challenge_token"],
                "credential": credential,
                "name": at_last,
            });
            let reply = app.post("/auth/mfa/webauthn/register", Some(&access), body).await;
            let reply = reply.expect(201);
            assert_eq!(reply.json["method"]["name"], expected);
            access = reply.text_at("/tokens/access_token");
        }
    })
    .await;
}
