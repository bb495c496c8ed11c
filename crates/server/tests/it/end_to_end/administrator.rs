//! The first administrator of a production server, made from the command line while it runs.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::json;

use super::installation::{Installation, each_engine};
use crate::app::PASSWORD;

const GRACE: &str = "grace@example.org";

#[track_caller]
fn assert_private(file: &Path) {
    let mode = fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{}", file.display());
}

async fn is_administrator(installation: &Installation) -> bool {
    let shown = installation.command(["user", "show", GRACE, "--json"]).await.with(0);
    shown.json()["account"]["administrator"].as_bool().unwrap()
}

#[tokio::test]
async fn an_invitation_makes_an_administrator_once_a_second_factor_is_enrolled() {
    each_engine("", async |installation| {
        let server = installation.migrate_and_serve().await;
        let caller = &server.public;
        assert_private(&installation.path("keys"));
        let stranger = json!({ "email": GRACE, "password": PASSWORD });
        let refused = caller.post("/auth/register", None, stranger).await;
        refused.refused(403, "registration-closed");

        let file = installation.path("invite");
        let out = file.to_str().unwrap();
        let arguments = ["admin", "invite", "--email", GRACE, "--out", out];
        let told = installation.command(arguments).await.succeeded();
        let invite = fs::read_to_string(&file).unwrap().trim_end().to_owned();
        assert_private(&file);
        assert!(told.contains(out) && !told.contains(&invite), "{told}");
        // A file that is there already is not written over.
        installation.command(arguments).await.with(1);
        assert_eq!(fs::read_to_string(&file).unwrap().trim_end(), invite);

        let body = json!({ "email": GRACE, "password": PASSWORD, "invite": invite });
        caller.post("/auth/register", None, body.clone()).await.expect(201);
        caller.post("/auth/register", None, body).await.refused(400, "invalid-token");
        assert!(!is_administrator(installation).await);

        let required = caller.login(GRACE).await.expect(200);
        assert_eq!(required.json["status"], "enrollment_required");
        let temp_token = required.text_at("/temp_token");
        caller.get("/auth/session", Some(&temp_token)).await.refused(401, "unauthenticated");
        let enrolled = caller.enrol(&temp_token).await;
        assert_eq!(enrolled.confirmed.json["tokens"]["session"]["level"], "aal2");
        assert!(is_administrator(installation).await);

        let mut app = enrolled.app;
        let temp_token = caller.challenge(GRACE).await;
        caller.answer(&temp_token, &app.next().await).await.expect(200);
        server.stop().await;
    })
    .await;
}
