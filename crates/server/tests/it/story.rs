//! The main story, from registering to the last resort.

use std::time::Duration;

use serde_json::json;

use crate::app::{Enrolled, each_engine};

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
