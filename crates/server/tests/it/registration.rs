//! Registering an address: nothing counts before its mailbox answered, and whoever registered it
//! gets nothing from somebody else's answer.

use std::time::Duration;

use nightlatch_flows::settings::Registration;
use serde_json::json;

use crate::{
    acts::{ADA, BOB, login, mailed_link},
    app::{App, PASSWORD, Reply, Setup, each_engine, each_engine_with},
    database::count,
};

/// What a stranger chooses who registers somebody else's address.
const STRANGERS: &str = "marble thunder lantern";

fn answering_mails() -> Setup {
    Setup::default().settings(|settings| settings.verify_email = true)
}

async fn register_with(app: &App, email: &str, password: &str) -> Reply {
    app.post("/auth/register", None, json!({ "email": email, "password": password })).await
}

/// Registers; the token that the client keeps.
async fn begin(app: &App, email: &str, password: &str) -> String {
    register_with(app, email, password).await.expect(201).text_at("/registration_token")
}

async fn finish(app: &App, link: &str, registration: &str) -> Reply {
    let body = json!({ "token": link, "registration_token": registration });
    app.post("/auth/register/verify", None, body).await
}

async fn finish_with_password(app: &App, link: &str, password: &str) -> Reply {
    let body = json!({ "token": link, "password": password });
    app.post("/auth/register/verify", None, body).await
}

#[tokio::test]
async fn there_is_no_account_before_the_mail_is_answered() {
    each_engine_with(answering_mails(), async |app| {
        let registered = register_with(&app, ADA, PASSWORD).await.expect(201);
        assert_eq!(registered.json["verification_required"], true);
        let link = mailed_link(&app, ADA).await;
        assert_eq!((count(&app, "users").await, count(&app, "addresses").await), (0, 0));
        login(&app, ADA, PASSWORD).await.refused(401, "invalid-credentials");

        let bare = app.post("/auth/register/verify", None, json!({ "token": link })).await;
        assert_eq!(bare.refused(422, "password-required").json["next"], "retry");
        assert_eq!(count(&app, "users").await, 0);

        let tokens = finish(&app, &link, &registered.text_at("/registration_token")).await;
        let tokens = tokens.expect(200);
        assert_eq!(tokens.json["status"], "complete");
        assert_eq!(tokens.json["session"]["email_verified"], true);
        assert_eq!(tokens.json["session"]["level"], "aal1", "a mailbox is no second factor");
        assert_eq!(count(&app, "users").await, 1);
        app.sign_in(ADA).await;
    })
    .await;
}

#[tokio::test]
async fn the_owner_of_the_mailbox_sets_the_password_elsewhere() {
    each_engine_with(answering_mails(), async |app| {
        let strangers = begin(&app, ADA, STRANGERS).await;
        let link = mailed_link(&app, ADA).await;
        let both = json!({
            "token": link, "registration_token": strangers, "password": PASSWORD,
        });
        app.post("/auth/register/verify", None, both).await.refused(422, "invalid-values");
        finish_with_password(&app, &link, "short").await.refused(422, "invalid-values");
        finish_with_password(&app, &link, PASSWORD).await.expect(200);

        finish(&app, &link, &strangers).await.refused(400, "invalid-token");
        login(&app, ADA, STRANGERS).await.refused(401, "invalid-credentials");
        login(&app, ADA, PASSWORD).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_stranger_who_registered_too_gets_nothing() {
    each_engine_with(answering_mails(), async |app| {
        // Before the owner, after, and on both sides.
        for (number, order) in
            [&["stranger", "owner"][..], &["owner", "stranger"], &["stranger", "owner", "stranger"]]
                .into_iter()
                .enumerate()
        {
            let email = format!("owner{number}@example.org");
            let (mut owners, mut strangers, mut link) = (String::new(), Vec::new(), String::new());
            for who in order {
                if *who == "owner" {
                    owners = begin(&app, &email, PASSWORD).await;
                    link = mailed_link(&app, &email).await;
                } else {
                    strangers.push(begin(&app, &email, STRANGERS).await);
                }
            }
            let newest = mailed_link(&app, &email).await;
            finish(&app, &link, &owners).await.expect(200);
            for registration in &strangers {
                for link in [&link, &newest] {
                    finish(&app, link, registration).await.refused(400, "invalid-token");
                }
            }
            login(&app, &email, STRANGERS).await.refused(401, "invalid-credentials");
            login(&app, &email, PASSWORD).await.expect(200);
        }
    })
    .await;
}

#[tokio::test]
async fn a_link_is_for_one_address_once_and_for_a_day() {
    each_engine_with(answering_mails(), async |app| {
        let adas = begin(&app, ADA, PASSWORD).await;
        let link = mailed_link(&app, ADA).await;
        let bobs = begin(&app, BOB, PASSWORD).await;
        finish(&app, &link, &bobs).await.refused(400, "invalid-token");
        finish(&app, &link, &adas).await.expect(200);
        finish(&app, &link, &adas).await.refused(400, "invalid-token");
        finish_with_password(&app, &link, STRANGERS).await.refused(400, "invalid-token");

        let link = mailed_link(&app, BOB).await;
        app.clock.advance(Duration::from_hours(24));
        finish(&app, &link, &bobs).await.refused(400, "invalid-token");
        finish_with_password(&app, &link, PASSWORD).await.refused(400, "invalid-token");
        assert_eq!(count(&app, "users").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_mail_can_be_sent_again_for_the_same_registration() {
    each_engine_with(answering_mails(), async |app| {
        let kept = begin(&app, ADA, PASSWORD).await;
        app.mails(ADA).await;
        let resent = app.post("/auth/register/resend", None, json!({ "email": ADA })).await;
        assert_eq!(resent.expect(202).text, "");
        assert_eq!(app.mails(ADA).await.len(), 2);
        finish(&app, &mailed_link(&app, ADA).await, &kept).await.expect(200);

        app.post("/auth/register/resend", None, json!({ "email": ADA })).await.expect(202);
        let notice = app.mail(ADA).await.unwrap();
        assert_eq!((notice.subject.as_str(), notice.link), ("You already have an account", None));
    })
    .await;
}

#[tokio::test]
async fn an_address_has_one_account_however_it_is_written() {
    each_engine(async |app| {
        app.register(ADA).await;
        for written in ["ADA@example.org", "Ada@EXAMPLE.org"] {
            let again = register_with(&app, written, STRANGERS).await.expect(201);
            assert_eq!(again.json["email"], written);
            login(&app, written, STRANGERS).await.refused(401, "invalid-credentials");
            login(&app, written, PASSWORD).await.expect(200);
        }
        assert_eq!(count(&app, "users").await, 1);
        let notice = app.mail(ADA).await.unwrap();
        assert_eq!((notice.to.as_str(), notice.link), (ADA, None));
    })
    .await;
}

#[tokio::test]
async fn where_registration_is_not_open_nobody_registers() {
    for set in [
        |settings: &mut nightlatch_flows::Settings| settings.registration = Registration::Closed,
        |settings: &mut nightlatch_flows::Settings| settings.registration = Registration::Invite,
    ] {
        each_engine_with(answering_mails().settings(set), async |app| {
            let refused = register_with(&app, ADA, PASSWORD).await;
            assert_eq!(refused.refused(403, "registration-closed").json["next"], "ask_admin");
            assert!(app.mails(ADA).await.is_empty());
            let config = app.get("/auth/config", None).await.expect(200);
            assert_ne!(config.json["registration"], "open");
        })
        .await;
    }
}

#[tokio::test]
async fn unacceptable_values_are_all_named() {
    each_engine(async |app| {
        let fields = async |body: serde_json::Value| {
            let refused = app.post("/auth/register", None, body).await;
            let refused = refused.refused(422, "invalid-values");
            let errors = refused.json["errors"].as_array().unwrap().iter();
            errors.map(|error| error["field"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let odd = json!({ "email": "ada", "password": PASSWORD, "name": "\u{7}", "locale": "?" });
        assert_eq!(fields(odd).await, ["email", "name", "locale"]);
        for weak in ["short", "passwordpassword", "ada@example.org"] {
            let body = json!({ "email": ADA, "password": weak });
            assert_eq!(fields(body).await, ["password"], "{weak}");
        }
        assert_eq!(fields(json!({ "email": ADA })).await, ["password"]);
        assert_eq!(count(&app, "users").await, 0);
    })
    .await;
}
