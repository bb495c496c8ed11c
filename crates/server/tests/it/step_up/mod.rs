//! What is sensitive takes a recent proof at the account's own level.

mod mail;

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    acts::{ADA, BOB, STEP, enrolled, refresh, signed_in, step_up, wrong_code},
    app::{App, Enrolled, PASSWORD, Reply, Totp, each_engine},
    calls::{Call, calls},
};

/// How old a proof may be.
const MAX_AGE: Duration = Duration::from_mins(5);

/// The calls of the contract that take a recent proof.
const MARKED: [&str; 6] = [
    "DELETE /auth/mfa/methods/{id}",
    "PATCH /auth/mfa/methods/{id}",
    "POST /auth/mfa/enable",
    "POST /auth/mfa/recovery-codes",
    "POST /auth/mfa/webauthn/register/options",
    "POST /auth/password",
];

/// Somebody who just proved two factors: the second by enrolling it.
struct Person {
    totp: Totp,
    tokens: Reply,
    method: String,
}

impl Person {
    async fn new(app: &App, email: &str) -> Self {
        let bearer = signed_in(app, email).await;
        let setup = app.post("/auth/mfa/enable", Some(&bearer), Value::Null).await.expect(200);
        let totp = Totp::from_base32(&setup.text_at("/secret"));
        let body = json!({ "token": totp.code_at(app.now()) });
        let confirmed = app.post("/auth/mfa/confirm", Some(&bearer), body).await.expect(200);
        let method = confirmed.text_at("/method/id");
        let tokens = Reply { json: confirmed.json["tokens"].clone(), ..confirmed };
        Self { totp, tokens, method }
    }

    /// A fresh access token, by refreshing.
    async fn refreshed(&self, app: &App) -> Reply {
        refresh(app, &self.tokens.text_at("/refresh_token")).await.expect(200)
    }

    async fn call(&self, app: &App, call: &Call, access_token: &str) -> Reply {
        let body = call.bodies.first().cloned().map_or(Value::Null, Value::Object);
        app.call(&call.method, &call.path("", &self.method), Some(access_token), body).await
    }
}

/// A step-up refusal, to the letter.
#[track_caller]
fn refused(reply: &Reply, level: &str, methods: &[&str]) {
    assert_eq!((reply.status.as_u16(), reply.code()), (403, "mfa-required"), "{}", reply.text);
    assert_eq!(reply.json["detail"], "MFA verification required");
    assert_eq!(reply.json["mfa_required"], true);
    assert_eq!(reply.json["next"], "step_up");
    let required = json!({ "level": level, "max_age": 300, "methods": methods });
    assert_eq!(reply.json["required"], required);
    let header = reply.headers["www-authenticate"].to_str().unwrap();
    assert!(header.starts_with("Bearer error=\"insufficient_user_authentication\""), "{header}");
    assert!(header.contains(&format!("acr_values=\"urn:nightlatch:{level}\"")), "{header}");
    assert!(header.ends_with("max_age=300"), "{header}");
}

async fn marked(app: &App) -> Vec<Call> {
    let mut marked = calls(app).await;
    marked.retain(|call| call.problems.iter().any(|code| code == "mfa-required"));
    let mut names: Vec<_> = marked.iter().map(ToString::to_string).collect();
    names.sort();
    assert_eq!(names, MARKED);
    marked
}

#[tokio::test]
async fn a_proof_opens_what_is_sensitive_for_five_minutes() {
    each_engine(async |app| {
        for (number, call) in marked(&app).await.into_iter().enumerate() {
            let early = Person::new(&app, &format!("early{number}@example.org")).await;
            let late = Person::new(&app, &format!("late{number}@example.org")).await;
            app.clock.advance(MAX_AGE);
            let access = early.refreshed(&app).await.text_at("/access_token");
            let reply = early.call(&app, &call, &access).await;
            assert!(reply.status.is_success(), "{call}: {}", reply.text);

            app.clock.advance(Duration::from_secs(1));
            let access = late.refreshed(&app).await.text_at("/access_token");
            refused(&late.call(&app, &call, &access).await, "aal2", &["totp", "backup_code"]);
            let code = late.totp.code_at(app.now());
            let proved = step_up(&app, &access, &code).await.expect(200);
            let reply = late.call(&app, &call, &proved.text_at("/access_token")).await;
            assert!(reply.status.is_success(), "{call}: {}", reply.text);
        }
    })
    .await;
}

#[tokio::test]
async fn refreshing_renews_no_level() {
    each_engine(async |app| {
        let ada = Person::new(&app, ADA).await;
        let proved = ada.tokens.json["session"]["levels"]["aal2"].clone();
        let mut token = ada.tokens.text_at("/refresh_token");
        for _ in 0..3 {
            app.clock.advance(MAX_AGE);
            let next = refresh(&app, &token).await.expect(200);
            let session = &next.json["session"];
            assert_eq!(session["levels"]["aal2"], proved);
            assert_eq!((&session["mfa_at"], &session["auth_time"]), (&proved, &proved));
            token = next.text_at("/refresh_token");
        }
        let access = refresh(&app, &token).await.text_at("/access_token");
        let regenerate = app.post("/auth/mfa/recovery-codes", Some(&access), Value::Null).await;
        refused(&regenerate, "aal2", &["totp", "backup_code"]);
    })
    .await;
}

#[tokio::test]
async fn the_password_alone_renews_the_first_level_only() {
    each_engine(async |app| {
        let ada = Person::new(&app, ADA).await;
        let bob = signed_in(&app, BOB).await;
        app.clock.advance(9 * STEP);
        let by_password = json!({ "method": "password", "password": PASSWORD });
        let access = ada.tokens.text_at("/access_token");
        let adas = app.post("/auth/step-up", Some(&access), by_password.clone()).await.expect(200);
        let bobs = app.post("/auth/step-up", Some(&bob), by_password).await.expect(200);
        app.clock.advance(STEP + Duration::from_secs(1));

        let access = adas.text_at("/access_token");
        let enable = json!({ "name": "Another" });
        let reply = app.post("/auth/mfa/enable", Some(&access), enable.clone()).await;
        refused(&reply, "aal2", &["totp", "backup_code"]);
        let access = bobs.text_at("/access_token");
        app.post("/auth/mfa/enable", Some(&access), enable).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn without_a_second_factor_the_password_has_to_be_recent() {
    each_engine(async |app| {
        app.register(ADA).await;
        let tokens = app.sign_in(ADA).await;
        app.clock.advance(MAX_AGE + Duration::from_secs(1));
        let access = refresh(&app, &tokens.text_at("/refresh_token")).await;
        let access = access.text_at("/access_token");
        let reply = app.post("/auth/mfa/enable", Some(&access), Value::Null).await;
        refused(&reply, "aal1", &["password"]);
        let by_password = json!({ "method": "password", "password": PASSWORD });
        let access = app.post("/auth/step-up", Some(&access), by_password).await.expect(200);
        let access = access.text_at("/access_token");
        app.post("/auth/mfa/enable", Some(&access), Value::Null).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_session_planted_before_a_step_up_dies_with_it() {
    each_engine(async |app| {
        let ada = Person::new(&app, ADA).await;
        app.clock.advance(STEP);
        let planted = ada.tokens.text_at("/access_token");
        let wrong = step_up(&app, &planted, &wrong_code(&ada.totp, app.now())).await;
        wrong.refused(401, "invalid-code");
        app.get("/auth/session", Some(&planted)).await.expect(200);

        let code = ada.totp.code_at(app.now());
        let raised = step_up(&app, &planted, &code).await.expect(200);
        assert_eq!(raised.json["session"]["id"], ada.tokens.json["session"]["id"]);
        app.get("/auth/session", Some(&planted)).await.refused(401, "unauthenticated");
        step_up(&app, &planted, &code).await.refused(401, "unauthenticated");
        let access = raised.text_at("/access_token");
        app.get("/auth/session", Some(&access)).await.expect(200);

        // The planted refresh token gets nothing, and using it gives its thief away.
        app.clock.advance(Duration::from_secs(11));
        let reused = refresh(&app, &ada.tokens.text_at("/refresh_token")).await;
        reused.refused(400, "invalid-token");
        app.get("/auth/session", Some(&access)).await.refused(401, "unauthenticated");
    })
    .await;
}

#[tokio::test]
async fn a_step_up_takes_a_recovery_code_once() {
    each_engine(async |app| {
        let Enrolled { access_token, recovery_codes, .. } = enrolled(&app, ADA).await;
        let body = json!({ "method": "backup_code", "code": recovery_codes[0] });
        let raised = app.post("/auth/step-up", Some(&access_token), body.clone()).await.expect(200);
        let access = raised.text_at("/access_token");
        app.post("/auth/step-up", Some(&access), body).await.refused(401, "invalid-code");
        let step = app.challenge(ADA).await;
        let reply = crate::acts::answer(&app, &step, &recovery_codes[0]).await;
        reply.refused(401, "invalid-code");
    })
    .await;
}

#[tokio::test]
async fn guessing_a_password_at_a_step_up_is_counted_over_all_sessions_and_apart_from_sign_ins() {
    each_engine(async |app| {
        let thief = signed_in(&app, ADA).await;
        let body = |password: &str| json!({ "method": "password", "password": password });
        for guess in 0..10 {
            let wrong = body(&format!("not this one either {guess}"));
            let reply = app.post("/auth/step-up", Some(&thief), wrong).await;
            reply.refused(401, "invalid-code");
        }
        let reply = app.post("/auth/step-up", Some(&thief), body(PASSWORD)).await;
        reply.refused(429, "too-many-attempts");
        // Another session, which a thief may open as well, brings no new guesses.
        let owner = app.sign_in(ADA).await.text_at("/access_token");
        let reply = app.post("/auth/step-up", Some(&owner), body(PASSWORD)).await;
        reply.refused(429, "too-many-attempts");
        app.clock.advance(Duration::from_secs(31));
        let owner = app.sign_in(ADA).await.text_at("/access_token");
        app.post("/auth/step-up", Some(&owner), body(PASSWORD)).await.expect(200);
    })
    .await;
}
