//! What browsers and password managers look for without being told where.

use nightlatch_store::Engine;
use serde_json::json;

use crate::app::{App, Setup};

#[tokio::test]
async fn related_origins_are_the_pages_that_may_ask_for_passkeys() {
    let setup = Setup::default().config(|config| {
        config.webauthn.origins = vec![
            "http://localhost:8080".to_owned(),
            "https://app.example.com".to_owned(),
            format!("android:apk-key-hash:{}", "A".repeat(43)),
            "https://other.example:8443".to_owned(),
        ];
    });
    let app = App::new(Engine::Sqlite, setup).await;
    let reply = app.get("/.well-known/webauthn", None).await.expect(200);
    assert_eq!(reply.headers["content-type"], "application/json");
    assert_eq!(reply.headers["cache-control"], "public, max-age=3600");
    let pages = ["http://localhost:8080", "https://app.example.com", "https://other.example:8443"];
    assert_eq!(reply.json, json!({ "origins": pages }));
}

#[tokio::test]
async fn password_managers_find_where_passkeys_are_managed() {
    let app = App::new(Engine::Sqlite, Setup::default()).await;
    let reply = app.get("/.well-known/passkey-endpoints", None).await.expect(200);
    assert_eq!(reply.headers["content-type"], "application/json");
    assert_eq!(reply.headers["cache-control"], "public, max-age=3600");
    let page = "http://localhost:8080/settings/security";
    assert_eq!(reply.json, json!({ "enroll": page, "manage": page }));
}

/// Password managers ask for an address that is nowhere, to learn whether a 404 can be believed.
#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let app = App::new(Engine::Sqlite, Setup::default()).await;
    for path in [
        "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200",
        "/.well-known/webauthn/more",
    ] {
        app.get(path, None).await.refused(404, "not-found");
    }
}

#[tokio::test]
async fn passkeys_are_bound_to_the_domain_of_the_settings() {
    let setup = Setup::default().config(|config| config.webauthn.rp_id = "example.com".to_owned());
    let app = App::new(Engine::Sqlite, setup).await;
    assert_eq!(app.get("/auth/config", None).await.expect(200).json["rp_id"], "example.com");
}
