//! The main job, step by step and to the letter: register, enrol an app, sign in with it.

mod codes;

use serde_json::{Value, json};

use crate::{
    acts::{ADA, STEP, answer, enrolled, login, mailed_link, wrong_code},
    app::{App, Enrolled, PASSWORD, Reply, Setup, Totp, each_engine, each_engine_with},
};

/// Tokens of a session at `level`.
fn tokens(level: &str, amr: &[&str]) -> Value {
    let mut session = json!({
        "id": "<ses_>", "user_id": "<usr_>", "level": level, "levels": {}, "amr": amr,
        "auth_time": "<time>", "created_at": "<time>", "expires_at": "<time>",
        "email_verified": false,
    });
    if level == "aal2" {
        session["levels"] = json!({ "aal2": "<time>" });
        session["mfa_at"] = json!("<time>");
    }
    json!({
        "status": "complete", "access_token": "<jwt>", "token_type": "Bearer", "expires_in": 300,
        "refresh_token": "<nlr_>", "session": session,
    })
}

fn with_device(mut tokens: Value) -> Value {
    tokens["device_token"] = json!("<nld_>");
    tokens
}

/// Insists on headers of an answer with secrets.
#[track_caller]
fn is_secret(reply: &Reply) {
    assert_eq!(reply.headers["content-type"], "application/json");
    assert_eq!(reply.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn every_answer_on_the_way_is_as_the_contract_has_it() {
    each_engine(async |app| {
        let body = json!({ "email": ADA, "password": PASSWORD, "name": "Ada", "locale": "en" });
        let registered = app.post("/auth/register", None, body).await.expect(201);
        registered.looks_like(&json!({
            "email": ADA, "name": "Ada", "verification_required": false,
        }));
        let first = app.sign_in(ADA).await.looks_like(&with_device(tokens("aal1", &["pwd"])));
        is_secret(&first);
        let access = first.text_at("/access_token");

        let (totp, lookups) = enable(&app, &access).await;
        let access = confirm(&app, &access, &totp).await;
        let methods = app.get("/auth/mfa/methods", Some(&access)).await.expect(200);
        let handle = methods.text_at("/signals/user_id");
        methods.looks_like(&json!({
            "methods": [{
                "id": "<mth_>", "type": "totp", "name": "Authenticator app", "enabled": true,
                "state": "active", "created_at": "<time>", "last_used_at": "<time>",
            }],
            "recovery_codes": { "total": 10, "remaining": 10, "generated_at": "<time>" },
            "signals": {
                "rp_id": "localhost", "user_id": handle,
                "all_accepted_credential_ids": [], "name": ADA, "display_name": "Ada",
            },
        }));
        app.get("/auth/me", Some(&access)).await.expect(200).looks_like(&json!({
            "id": "<usr_>", "email": ADA, "email_verified": false, "name": "Ada", "locale": "en",
            "created_at": "<time>", "password_set": true, "organizations": [],
        }));

        app.clock.advance(STEP);
        let challenge = app.sign_in(ADA).await.looks_like(&challenge());
        is_secret(&challenge);
        let code = totp.code_at(app.now());
        let second = answer(&app, &challenge.text_at("/temp_token"), &code).await.expect(200);
        is_secret(&second);
        second.looks_like(&with_device(tokens("aal2", &["pwd", "otp", "mfa"])));

        let step = app.challenge(ADA).await;
        let third = answer(&app, &step, &lookups[3]).await.expect(200);
        third.looks_like(&with_device(tokens("aal2", &["pwd", "otp", "nl:lookup", "mfa"])));
    })
    .await;
}

fn challenge() -> Value {
    json!({
        "status": "mfa_required", "mfa_required": true, "temp_token": "<nlt_>",
        "mfa_types": ["totp", "backup_code"],
        "methods": [{ "id": "<mth_>", "type": "totp", "name": "Authenticator app" }],
        "preferred": "totp", "expires_in": 300,
    })
}

async fn enable(app: &App, access_token: &str) -> (Totp, Vec<String>) {
    let setup = app.post("/auth/mfa/enable", Some(access_token), Value::Null).await.expect(200);
    let setup = setup.looks_like(&json!({
        "secret": "<base32>", "otpauth_uri": "<otpauth://totp/>",
        "qr_code": "<data:image/png;base64,>", "qr_svg": "<svg>",
        "backup_codes": vec!["<lookup>"; 10], "expires_in": 600,
    }));
    is_secret(&setup);
    let (uri, secret) = (setup.text_at("/otpauth_uri"), setup.text_at("/secret"));
    let (label, query) = uri.strip_prefix("otpauth://totp/").unwrap().split_once('?').unwrap();
    assert_eq!(label.replace("%3A", ":").replace("%40", "@"), format!("Nightlatch:{ADA}"));
    for part in [&*format!("secret={secret}"), "issuer=Nightlatch"] {
        assert!(query.split('&').any(|found| found == part), "{part} in {query}");
    }
    assert_eq!(secret.len(), 32, "160 bits");
    let codes = setup.json["backup_codes"].as_array().unwrap();
    let codes = codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    (Totp::from_base32(&secret), codes)
}

async fn confirm(app: &App, access_token: &str, totp: &Totp) -> String {
    let confirm = async |code: &str| {
        app.post("/auth/mfa/confirm", Some(access_token), json!({ "token": code })).await
    };
    confirm(&wrong_code(totp, app.now())).await.refused(400, "invalid-code");
    confirm("12345").await.refused(422, "invalid-values");
    assert_eq!(app.sign_in(ADA).await.json["status"], "complete", "nothing counts yet");
    let confirmed = confirm(&totp.code_at(app.now())).await.expect(200).looks_like(&json!({
        "message": "MFA enabled successfully",
        "method": {
            "id": "<mth_>", "type": "totp", "name": "Authenticator app", "enabled": true,
            "state": "active", "created_at": "<time>", "last_used_at": "<time>",
        },
        "tokens": tokens("aal2", &["pwd", "otp", "mfa"]),
    }));
    is_secret(&confirmed);
    app.get("/auth/session", Some(access_token)).await.refused(401, "unauthenticated");
    let access = confirmed.text_at("/tokens/access_token");
    let again = json!({ "token": totp.code_at(app.now()) });
    app.post("/auth/mfa/confirm", Some(&access), again).await.refused(400, "setup-not-found");
    let enable = app.post("/auth/mfa/enable", Some(&access), Value::Null).await;
    enable.refused(400, "already-enabled");
    access
}

#[tokio::test]
async fn where_mails_are_answered_the_answers_say_so() {
    let setup = Setup::default().settings(|settings| settings.verify_email = true);
    each_engine_with(setup, async |app| {
        let registered = app.register(ADA).await.looks_like(&json!({
            "email": ADA, "name": null, "verification_required": true,
            "registration_token": "<nlg_>",
        }));
        is_secret(&registered);
        let body = json!({
            "token": mailed_link(&app, ADA).await,
            "registration_token": registered.text_at("/registration_token"),
        });
        let mut shape = with_device(tokens("aal1", &["pwd", "nl:email"]));
        shape["session"]["email_verified"] = json!(true);
        let verified = app.post("/auth/register/verify", None, body).await.expect(200);
        is_secret(&verified.looks_like(&shape));
        app.get("/auth/config", None).await.expect(200).looks_like(&json!({
            "registration": "open", "verify_email": true, "rp_id": "localhost",
            "method_types": ["webauthn", "totp", "backup_code"], "password": { "min_length": 15 },
            "languages": ["en"],
        }));
    })
    .await;
}

#[tokio::test]
async fn refusals_are_problems_with_their_headers() {
    each_engine(async |app| {
        let Enrolled { totp, .. } = enrolled(&app, ADA).await;
        let step = app.challenge(ADA).await;
        let problem = |code: &str, title: &str, detail: &str, status: u16, next: Option<&str>| {
            let mut problem = json!({
                "type": format!("urn:nightlatch:problem:{code}"), "code": code, "title": title,
                "status": status, "detail": detail, "request_id": "<req_>",
            });
            if let Some(next) = next {
                problem["next"] = json!(next);
            }
            problem
        };
        for (reply, shape) in [
            (
                login(&app, ADA, "not this one, surely").await,
                problem(
                    "invalid-credentials",
                    "Invalid credentials",
                    "Invalid email or password",
                    401,
                    Some("retry"),
                ),
            ),
            (
                answer(&app, &step, &wrong_code(&totp, app.now())).await,
                problem(
                    "invalid-code",
                    "Invalid code",
                    "Invalid or expired code",
                    401,
                    Some("retry"),
                ),
            ),
            (
                app.get("/auth/session", None).await,
                problem("unauthenticated", "Not signed in", "Sign in to continue.", 401, None),
            ),
        ] {
            assert_eq!(reply.headers["content-type"], "application/problem+json");
            assert_eq!(reply.headers["cache-control"], "no-store");
            assert_eq!(reply.headers["www-authenticate"], "Bearer realm=\"nightlatch\"");
            assert_eq!(reply.json["request_id"], reply.headers["x-request-id"].to_str().unwrap());
            reply.looks_like(&shape);
        }
    })
    .await;
}

#[tokio::test]
async fn one_shot_looks_at_the_code_only_after_the_right_password() {
    each_engine(async |app| {
        let Enrolled { totp, .. } = enrolled(&app, ADA).await;
        let code = totp.code_at(app.now());
        let shot = async |password: &str| {
            let body = json!({ "email": ADA, "password": password, "mfa_token": code });
            app.post("/auth/login/mfa", None, body).await
        };
        shot("not this one, surely").await.refused(401, "invalid-credentials");
        let done = shot(PASSWORD).await.expect(200);
        done.looks_like(&with_device(tokens("aal2", &["pwd", "otp", "mfa"])));
        shot(PASSWORD).await.refused(401, "invalid-code");
        let body = json!({ "email": ADA, "password": PASSWORD });
        app.post("/auth/login/mfa", None, body).await.expect(200).looks_like(&challenge());
    })
    .await;
}
