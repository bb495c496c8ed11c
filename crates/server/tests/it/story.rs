//! The main story, from registering to the last resort.

use std::time::Duration;

use serde_json::json;

use crate::app::{Enrolled, PASSWORD, Setup, each_engine, each_engine_with};

#[tokio::test]
async fn a_person_registers_enrols_an_app_and_signs_in_with_it() {
    each_engine(async |app| {
        app.register("ada@example.org").await;
        let first = app.sign_in("ada@example.org").await;
        assert_eq!(first.json["session"]["level"], "aal1");

        let Enrolled { totp, recovery_codes, access_token, .. } =
            app.enrol_totp(&first.text_at("/access_token")).await;
        let session = app.get("/auth/session", Some(&access_token)).await.expect(200);
        assert_eq!(session.json["session"]["level"], "aal2");
        let notice = app.mail("ada@example.org").await.unwrap();
        assert_eq!(notice.subject, "A second factor was added");

        app.clock.advance(Duration::from_secs(30));
        let second = app.sign_in_with("ada@example.org", &totp).await;
        assert_eq!(second.json["session"]["level"], "aal2");

        assert_eq!(recovery_codes.len(), 10);
        for (status, expected) in [(200, "complete"), (401, "")] {
            let temp_token = app.challenge("ada@example.org").await;
            let body = json!({ "temp_token": temp_token, "mfa_token": recovery_codes[0] });
            let reply = app.post("/auth/login/mfa", None, body).await.expect(status);
            assert_eq!(reply.json["status"].as_str().unwrap_or_default(), expected);
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_remembered_outlives_the_process_and_is_shared_by_nodes() {
    each_engine(async |app| {
        app.register("ada@example.org").await;
        let app = app.restart().await;
        let other = app.second_node().await;
        let access = app.sign_in("ada@example.org").await.text_at("/access_token");
        other.get("/auth/session", Some(&access)).await.expect(200);
        other.operator("/readyz").await.expect(204);
    })
    .await;
}

#[tokio::test]
async fn an_address_has_no_account_before_its_mail_is_answered() {
    let verified = Setup::default().settings(|settings| settings.verify_email = true);
    each_engine_with(verified, async |app| {
        let registered = app.register("ada@example.org").await;
        let body = json!({ "email": "ada@example.org", "password": PASSWORD });
        app.post("/auth/login", None, body).await.refused(401, "invalid-credentials");

        let link = app.mail("ada@example.org").await.unwrap().link.unwrap();
        let (_, token) = link.rsplit_once('/').unwrap();
        let registration_token = registered.text_at("/registration_token");
        let answer = json!({ "token": token, "registration_token": registration_token });
        let tokens = app.post("/auth/register/verify", None, answer).await.expect(200);
        assert_eq!(tokens.json["session"]["email_verified"], true);
        app.sign_in("ada@example.org").await;
    })
    .await;
}

#[tokio::test]
async fn a_session_tells_where_its_client_was_behind_a_trusted_proxy() {
    let proxied = Setup::default()
        .config(|config| config.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    each_engine_with(proxied, async |app| {
        app.register("ada@example.org").await;
        let headers = [("content-type", "application/json"), ("x-forwarded-for", "192.0.2.7")];
        let body = json!({ "email": "ada@example.org", "password": PASSWORD }).to_string();
        let signed_in = app.raw("POST", "/auth/login", &headers, body).await.expect(200);
        let access = signed_in.text_at("/access_token");
        let sessions = app.get("/auth/sessions", Some(&access)).await.expect(200);
        assert_eq!(sessions.text_at("/items/0/address"), "192.0.2.7");
    })
    .await;
}
