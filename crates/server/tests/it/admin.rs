//! Administrators: invited by whoever runs the server, and never without a second factor.

use std::time::Duration;

use nightlatch_flows::admin::{
    invite::{Invited, invite},
    users,
};
use serde_json::{Value, json};

use crate::{
    acts::{ADA, BOB, enrolled, login, signed_in},
    app::{App, Enrolled, PASSWORD, Reply, Totp, each_engine},
    database::{dump, tamper},
};

const BOOTSTRAP: Duration = Duration::from_mins(15);

async fn invitation(app: &App, email: &str) -> String {
    match invite(&app.env, email).await.unwrap() {
        Invited::Link(link) => link.expose().to_owned(),
        other => panic!("{other:?}"),
    }
}

async fn accept(app: &App, email: &str, invite: &str) -> Reply {
    let body = json!({ "email": email, "password": PASSWORD, "invite": invite });
    app.post("/auth/register", None, body).await
}

async fn is_admin(app: &App, email: &str) -> bool {
    users::find(&app.env, email).await.unwrap().is_admin
}

#[tokio::test]
async fn an_invitation_makes_an_administrator_once_a_factor_is_enrolled() {
    each_engine(async |app| {
        let link = invitation(&app, ADA).await;
        accept(&app, ADA, &link).await.expect(201).looks_like(&json!({
            "email": ADA, "name": null, "verification_required": false,
        }));
        assert!(!is_admin(&app, ADA).await);

        let required = app.sign_in(ADA).await.looks_like(&json!({
            "status": "enrollment_required", "enrollment_required": true, "temp_token": "<nlt_>",
            "allowed_types": ["webauthn", "totp"], "expires_in": 900,
        }));
        let token = required.text_at("/temp_token");
        let available = app.get("/auth/mfa/available", Some(&token)).await.expect(200);
        available.looks_like(&json!({ "types": [
            { "type": "webauthn", "allowed": true },
            { "type": "totp", "allowed": true },
            { "type": "backup_code", "allowed": true },
        ]}));
        for (method, path) in [
            ("GET", "/auth/session"),
            ("GET", "/auth/me"),
            ("GET", "/auth/mfa/methods"),
            ("POST", "/auth/mfa/recovery-codes"),
        ] {
            let reply = app.call(method, path, Some(&token), Value::Null).await;
            reply.refused(401, "unauthenticated");
        }
        let enrolled = app.enrol_totp(&token).await;
        let session = app.get("/auth/session", Some(&enrolled.access_token)).await.expect(200);
        assert_eq!(session.json["session"]["level"], "aal2");
        assert!(is_admin(&app, ADA).await);
        let again = app.get("/auth/mfa/available", Some(&token)).await;
        again.refused(401, "unauthenticated");
        assert_eq!(app.sign_in(ADA).await.json["status"], "mfa_required");
    })
    .await;
}

#[tokio::test]
async fn an_invitation_is_for_one_address_once_and_for_a_quarter_of_an_hour() {
    each_engine(async |app| {
        let link = invitation(&app, ADA).await;
        accept(&app, BOB, &link).await.refused(400, "invalid-token");
        accept(&app, ADA, &link).await.expect(201);
        accept(&app, ADA, &link).await.refused(400, "invalid-token");
        accept(&app, "mallory@example.org", &link).await.refused(400, "invalid-token");

        let (first, second) = (invitation(&app, BOB).await, invitation(&app, BOB).await);
        accept(&app, BOB, &first).await.refused(400, "invalid-token");
        app.clock.advance(BOOTSTRAP);
        accept(&app, BOB, &second).await.refused(400, "invalid-token");
        login(&app, BOB, PASSWORD).await.refused(401, "invalid-credentials");
    })
    .await;
}

#[tokio::test]
async fn who_did_not_enrol_in_time_is_an_ordinary_person() {
    each_engine(async |app| {
        let link = invitation(&app, ADA).await;
        accept(&app, ADA, &link).await.expect(201);
        app.clock.advance(Duration::from_secs(15 * 60 - 1));
        let token = app.sign_in(ADA).await.text_at("/temp_token");
        let setup = app.post("/auth/mfa/enable", Some(&token), Value::Null).await.expect(200);
        let totp = Totp::from_base32(&setup.text_at("/secret"));
        app.clock.advance(Duration::from_secs(1));
        let body = json!({ "token": totp.code_at(app.now()) });
        let late = app.post("/auth/mfa/confirm", Some(&token), body).await;
        late.refused(401, "unauthenticated");
        assert_eq!(app.sign_in(ADA).await.text_at("/session/level"), "aal1");
        assert!(!is_admin(&app, ADA).await);
    })
    .await;
}

#[tokio::test]
async fn an_administrator_without_a_factor_needs_recovery() {
    each_engine(async |app| {
        let Enrolled { access_token, .. } = enrolled(&app, ADA).await;
        assert!(matches!(invite(&app.env, ADA).await.unwrap(), Invited::Promoted));
        assert!(is_admin(&app, ADA).await);
        let methods = app.get("/auth/mfa/methods", Some(&access_token)).await.expect(200);
        let path = format!("/auth/mfa/methods/{}", methods.text_at("/methods/0/id"));
        let before = dump(&app).await;
        let last = app.call("DELETE", &path, Some(&access_token), Value::Null).await;
        last.refused(409, "last-method");
        assert_eq!(dump(&app).await, before);

        let account = users::find(&app.env, ADA).await.unwrap();
        users::reset_methods(&app.env, account).await.unwrap();
        login(&app, ADA, PASSWORD).await.refused(403, "recovery-required");
        let session = app.get("/auth/session", Some(&access_token)).await;
        session.refused(401, "unauthenticated");

        // Whoever runs the server vouches once more.
        assert!(matches!(invite(&app.env, ADA).await.unwrap(), Invited::MayEnroll));
        let token = app.sign_in(ADA).await.text_at("/temp_token");
        app.enrol_totp(&token).await;
        assert!(is_admin(&app, ADA).await);
    })
    .await;
}

#[tokio::test]
async fn an_account_becomes_an_administrator_only_with_a_factor() {
    each_engine(async |app| {
        signed_in(&app, BOB).await;
        let before = dump(&app).await;
        assert!(matches!(invite(&app.env, BOB).await.unwrap(), Invited::NeedsFactor));
        assert_eq!(dump(&app).await, before);
        assert!(!is_admin(&app, BOB).await);
        assert_eq!(app.sign_in(BOB).await.json["status"], "complete");
        // Not even a writer in the database makes one who may sign in with a password.
        tamper(&app, "UPDATE users SET is_admin = 1").await;
        login(&app, BOB, PASSWORD).await.refused(403, "recovery-required");
    })
    .await;
}
