//! What a passkey is worth: by what its authenticator showed, beside what else was proved, and since
//! when.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::{
    acts::{ORIGIN, asking, enrol, enrolling, present, register, sign_in, step_up},
    ceremonies::{Person, Purpose},
};
use crate::{
    acts::{ADA, STEP, refresh, signed_in},
    app::{App, Enrolled, PASSWORD, Reply, Totp, each_engine},
    device::{Credential, Device},
};

/// Somebody with an app and a key that is only touched.
struct Both {
    totp: Totp,
    codes: Vec<String>,
    device: Device,
    key: Credential,
    access: String,
}

impl Both {
    async fn new(app: &App) -> Self {
        let access = signed_in(app, ADA).await;
        let Enrolled { totp, recovery_codes, access_token } = app.enrol_totp(&access).await;
        let device = Device::touched(ORIGIN);
        let options = enrolling(app, &access_token, "security_key").await.expect(200);
        let (key, answer) = device.create(&options.json["public_key"]);
        let reply = register(app, &access_token, &options, &answer).await.expect(201);
        app.clock.advance(STEP);
        let access = reply.text_at("/tokens/access_token");
        Self { totp, codes: recovery_codes, device, key, access }
    }
}

#[track_caller]
fn proved(session: &Value, level: &str, amr: &[&str]) {
    assert_eq!((&session["level"], &session["amr"]), (&json!(level), &json!(amr)));
}

#[tokio::test]
async fn presence_is_never_completed_by_something_one_has() {
    each_engine(async |app| {
        let mut ada = Both::new(&app).await;
        let asked = sign_in(&app, &ada.device, &mut ada.key).await.expect(200);
        assert_eq!(asked.json["mfa_types"], json!(["password"]));
        assert_eq!(asked.json["methods"], json!([]));
        let temp_token = asked.text_at("/temp_token");
        let code = ada.totp.code_at(app.now());
        for body in [
            json!({ "temp_token": temp_token, "mfa_token": code }),
            json!({ "temp_token": temp_token, "method": "totp", "code": code }),
            json!({ "temp_token": temp_token, "mfa_token": ada.codes[0] }),
            json!({ "temp_token": temp_token, "method": "backup_code", "code": ada.codes[0] }),
        ] {
            let reply = app.post("/auth/login/mfa", None, body).await;
            reply.refused(403, "method-not-allowed");
        }
        let options = super::acts::challenge(&app, &temp_token).await;
        options.refused(403, "method-not-allowed");
        let options = asking(&app).await;
        let answer = ada.device.get(&mut ada.key, &options.json["public_key"]);
        let reply = super::acts::answer(&app, &temp_token, &options, &answer).await;
        reply.refused(401, "invalid-code");

        // Nothing of it was spent, and the password does it.
        let body = json!({ "temp_token": temp_token, "method": "password", "password": PASSWORD });
        let done = app.post("/auth/login/mfa", None, body).await.expect(200);
        proved(&done.json["session"], "phishing_resistant", &["pwd", "swk", "user", "mfa"]);
        app.sign_in_with(ADA, &ada.totp).await;
    })
    .await;
}

#[tokio::test]
async fn a_touch_completes_the_password_and_nothing_else() {
    each_engine(async |app| {
        let mut ada = Both::new(&app).await;
        let tokens = app.sign_in_with(ADA, &ada.totp).await;
        proved(&tokens.json["session"], "aal2", &["pwd", "otp", "mfa"]);
        let access = tokens.text_at("/access_token");
        let raised = step_up(&app, &access, &ada.device, &mut ada.key).await.expect(200);
        let session = &raised.json["session"];
        proved(session, "phishing_resistant", &["pwd", "swk", "user", "otp", "mfa"]);
        assert_eq!(session["levels"]["aal3"], Value::Null);
        app.get("/auth/session", Some(&ada.access)).await.expect(200);
    })
    .await;
}

/// What the access token says.
fn claims(tokens: &Value) -> Value {
    let token = tokens["access_token"].as_str().unwrap();
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap()).unwrap()
}

/// The levels of a session, as seconds from `start`; its access token says the same.
#[track_caller]
fn levels(tokens: &Value, start: i64) -> Vec<(String, i64)> {
    let session = &tokens["session"];
    let claims = claims(tokens);
    assert_eq!(claims["acr"], format!("urn:nightlatch:{}", session["level"].as_str().unwrap()));
    assert_eq!(claims["amr"], session["amr"]);
    assert_eq!(session["mfa_at"], session["levels"]["aal2"]);
    let of_session = session["levels"].as_object().unwrap().iter();
    let seconds = of_session.map(|(level, at)| {
        let at: jiff::Timestamp = at.as_str().unwrap().parse().unwrap();
        (level.clone(), at.as_second())
    });
    let seconds: Vec<_> = seconds.collect();
    let in_token = claims["levels"].as_object().unwrap().iter();
    let in_token: Vec<_> =
        in_token.map(|(level, at)| (level.clone(), at.as_i64().unwrap())).collect();
    assert_eq!(in_token, seconds, "{claims}");
    seconds.into_iter().map(|(level, at)| (level, at - start)).collect()
}

fn at(aal2: i64, phishing_resistant: i64) -> Vec<(String, i64)> {
    vec![("aal2".to_owned(), aal2), ("phishing_resistant".to_owned(), phishing_resistant)]
}

async fn by_code(app: &App, access: &str, totp: &Totp) -> Reply {
    crate::acts::step_up(app, access, &totp.code_at(app.now())).await.expect(200)
}

#[tokio::test]
async fn each_level_has_its_own_time() {
    each_engine(async |app| {
        let mut ada = Both::new(&app).await;
        let start = app.now().seconds();
        let tick = || app.clock.advance(STEP);
        let tokens = app.sign_in_with(ADA, &ada.totp).await;
        assert_eq!(levels(&tokens.json, start), at(0, 0)[..1]);
        tick();
        let access = tokens.text_at("/access_token");
        let tokens = step_up(&app, &access, &ada.device, &mut ada.key).await.expect(200);
        assert_eq!(levels(&tokens.json, start), at(30, 30));
        tick();
        // A weaker factor renews the weaker level alone.
        let tokens = by_code(&app, &tokens.text_at("/access_token"), &ada.totp).await;
        assert_eq!(levels(&tokens.json, start), at(60, 30));
        tick();
        // The password renews none, and neither does a refresh.
        let body = json!({ "method": "password", "password": PASSWORD });
        let access = tokens.text_at("/access_token");
        let tokens = app.post("/auth/step-up", Some(&access), body).await.expect(200);
        assert_eq!(levels(&tokens.json, start), at(60, 30));
        tick();
        let tokens = refresh(&app, &tokens.text_at("/refresh_token")).await.expect(200);
        assert_eq!(levels(&tokens.json, start), at(60, 30));
        tick();
        let access = tokens.text_at("/access_token");
        let tokens = step_up(&app, &access, &ada.device, &mut ada.key).await.expect(200);
        assert_eq!(levels(&tokens.json, start), at(150, 150));
    })
    .await;
}

#[tokio::test]
async fn a_level_is_complete_with_its_last_factor() {
    each_engine(async |app| {
        let mut ada = Both::new(&app).await;
        let start = app.now().seconds();
        let asked = sign_in(&app, &ada.device, &mut ada.key).await.expect(200);
        app.clock.advance(Duration::from_secs(40));
        let body = json!({
            "temp_token": asked.json["temp_token"], "method": "password", "password": PASSWORD,
        });
        let done = app.post("/auth/login/mfa", None, body).await.expect(200);
        // As old as its possession (docs/decisions/0002-age-of-a-level.md).
        assert_eq!(levels(&done.json, start), at(0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_code_does_not_stand_in_for_the_passkey() {
    each_engine(async |app| {
        let mut ada = Both::new(&app).await;
        app.clock.advance(Duration::from_mins(5));
        let weak = app.sign_in_with(ADA, &ada.totp).await.text_at("/access_token");
        app.clock.advance(STEP);
        let weak = by_code(&app, &weak, &ada.totp).await.text_at("/access_token");
        let refused = enrolling(&app, &weak, "passkey").await.refused(403, "mfa-required");
        let required =
            json!({ "level": "phishing_resistant", "max_age": 300, "methods": ["webauthn"] });
        assert_eq!(refused.json["required"], required);
        let strong = step_up(&app, &weak, &ada.device, &mut ada.key).await.expect(200);
        let access = strong.text_at("/access_token");
        let held = app.get("/auth/mfa/methods", Some(&access)).await.expect(200);
        let key = held.json["methods"].as_array().unwrap().iter();
        let key = key.filter(|method| method["type"] == "webauthn").collect::<Vec<_>>();
        let path = format!("/auth/mfa/methods/{}", key[0]["id"].as_str().unwrap());
        app.call("DELETE", &path, Some(&access), Value::Null).await.expect(204);

        // Without a passkey the app is enough again.
        app.clock.advance(STEP);
        let weak = app.sign_in_with(ADA, &ada.totp).await.text_at("/access_token");
        enrolling(&app, &weak, "passkey").await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_verification_counts_once_another_factor_vouched_for_it() {
    each_engine(async |app| {
        // Touched when it was enrolled; it has learned a PIN since.
        let access = signed_in(&app, ADA).await;
        let (mut key, _) = enrol(&app, &access, &Device::touched(ORIGIN)).await;
        let device = Device { verifies: true, ..Device::touched(ORIGIN) };
        for _ in 0..2 {
            let asked = sign_in(&app, &device, &mut key).await.expect(200);
            assert_eq!(asked.json["mfa_types"], json!(["password"]), "nobody has vouched");
        }
        let asked = sign_in(&app, &device, &mut key).await.expect(200);
        let body = json!({
            "temp_token": asked.json["temp_token"], "method": "password", "password": PASSWORD,
        });
        let done = app.post("/auth/login/mfa", None, body).await.expect(200);
        proved(&done.json["session"], "phishing_resistant", &["pwd", "swk", "user", "mfa"]);
        let done = sign_in(&app, &device, &mut key).await.expect(200);
        proved(&done.json["session"], "phishing_resistant", &["swk", "user", "mfa"]);
        // What is only touched the next time is one factor again.
        let asked = sign_in(&app, &Device::touched(ORIGIN), &mut key).await.expect(200);
        assert_eq!(asked.json["status"], "mfa_required");
    })
    .await;
}

#[tokio::test]
async fn the_password_of_this_sign_in_vouches_for_a_verification_and_an_older_one_does_not() {
    each_engine(async |app| {
        for (email, purpose, after) in [
            (ADA, Purpose::SecondFactor, "complete"),
            (crate::acts::BOB, Purpose::StepUp, "mfa_required"),
        ] {
            let mut person = Person::new(&app, email, Device::touched(ORIGIN)).await;
            person.device.verifies = true;
            let asked = sign_in(&app, &person.device, &mut person.credential).await;
            assert_eq!(asked.json["status"], "mfa_required");
            let begun = purpose.begin(&app, &person).await;
            let answer = begun.answer(&mut person);
            begun.finish(&app, &answer).await.expect(200);
            let done = sign_in(&app, &person.device, &mut person.credential).await;
            assert_eq!(done.json["status"], after, "{purpose:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_refused_verification_vouches_for_nothing() {
    each_engine(async |app| {
        let mut ada = Person::new(&app, ADA, Device::touched(ORIGIN)).await;
        ada.device.verifies = true;
        let asked = sign_in(&app, &ada.device, &mut ada.credential).await.expect(200);
        let body = json!({
            "temp_token": asked.json["temp_token"], "method": "password", "password": "not it",
        });
        app.post("/auth/login/mfa", None, body).await.refused(401, "invalid-code");
        let options = asking(&app).await;
        let mut answer = ada.device.get(&mut ada.credential, &options.json["public_key"]);
        answer["response"]["userHandle"] = json!("AAAA");
        present(&app, &options, &answer).await.refused(401, "invalid-credential");
        let asked = sign_in(&app, &ada.device, &mut ada.credential).await.expect(200);
        assert_eq!(asked.json["status"], "mfa_required");
    })
    .await;
}
