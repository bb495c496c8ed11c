//! The pages that need no account: the reference and the mailbox of development.

use std::sync::Arc;

use aide::axum::{ApiRouter, routing::post_with};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, StatusCode},
};
use nightlatch::{
    api::{
        body::{Answer, Json},
        doc::{self, Describe, Tag},
        params::Id,
        problem::{Code, Problem},
    },
    delivery::mailbox::Mailbox,
    pages::{assets, mailbox, passkeys, reference},
};
use nightlatch_core::{SecretText, Timestamp};
use nightlatch_flows::{Clock, courier::Mail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower::ServiceExt;

/// A code from an authenticator app.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Confirm {
    /// Six digits, as `287082`.
    #[expect(dead_code, reason = "only its schema matters")]
    token: String,
}

/// A body that forgot to be strict.
#[derive(Deserialize, JsonSchema)]
struct Lax {}

#[derive(Serialize, JsonSchema)]
struct Confirmed {
    /// What happened.
    message: &'static str,
}

async fn confirm(
    Id(_): Id<u64>,
    Json(_): Json<Confirm>,
) -> Result<Answer<201, Confirmed>, Problem> {
    Ok(Answer(Confirmed { message: "ok" }))
}

async fn forgot(Json(_): Json<Lax>) -> Json<Confirmed> {
    Json(Confirmed { message: "ok" })
}

fn documented() -> ApiRouter {
    ApiRouter::new().api_route(
        "/things/{id}/confirm",
        post_with(confirm, |call| {
            call.call("confirm_thing", Tag::Methods, "Confirm a <thing>.")
                .bearer()
                .refuses(&[Code::InvalidSetupCode, Code::SetupNotFound])
        }),
    )
}

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

async fn send(router: &Router, request: Request) -> Reply {
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Reply { status: parts.status, headers: parts.headers, body }
}

async fn get(router: &Router, path: &str) -> Reply {
    send(router, Request::get(path).body(Body::empty()).unwrap()).await
}

fn reference() -> Router {
    let (routes, api) = doc::finish(documented());
    routes.merge(reference::routes(&api).unwrap()).merge(assets::routes())
}

#[tokio::test]
async fn the_document_tells_bodies_answers_and_problems() {
    let router = reference();
    let reply = get(&router, "/openapi.json").await;
    let document: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["tags"][0]["name"], "Methods");
    let call = &document["paths"]["/things/{id}/confirm"]["post"];
    assert_eq!(call["operationId"], "confirm_thing");
    assert_eq!(call["security"][0]["bearer"], serde_json::json!([]));
    assert_eq!(call["parameters"][0]["name"], "id");
    let body = &call["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    assert_eq!(body, "#/components/schemas/Confirm");
    assert!(call["responses"]["201"]["content"]["application/json"].is_object());
    let refused = &call["responses"]["400"];
    assert_eq!(
        refused["x-problems"],
        serde_json::json!(["malformed", "invalid-code", "setup-not-found"])
    );
    let problem = &refused["content"]["application/problem+json"]["schema"]["$ref"];
    assert_eq!(problem, "#/components/schemas/Problem");
    for status in ["401", "404", "413", "415"] {
        assert!(call["responses"][status].is_object(), "{status}");
    }
    assert!(document["components"]["schemas"]["Problem"]["properties"]["request_id"].is_object());

    let tag = reply.headers["etag"].to_str().unwrap();
    let again = Request::get("/openapi.json").header("if-none-match", tag);
    let reply = send(&router, again.body(Body::empty()).unwrap()).await;
    assert_eq!((reply.status.as_u16(), reply.body.as_str()), (304, ""));
}

#[test]
fn bodies_that_forgot_to_be_strict_are_found() {
    let lax = post_with(forgot, |call| call.call("forgot", Tag::Methods, "Forgets."));
    let (_, api) = doc::finish(documented().api_route("/forgot", lax));
    assert_eq!(doc::lax_bodies(&api), ["forgot"]);
}

#[tokio::test]
async fn the_reference_is_a_page_of_its_own_files_only() {
    let router = reference();
    let page = get(&router, "/docs").await;
    for text in [
        "Confirm a &#60;thing&#62;.",
        "setup-not-found",
        "Six digits, as <code>287082</code>.",
        "201",
        "needs",
    ] {
        assert!(page.body.to_lowercase().contains(&text.to_lowercase()), "{text}");
    }
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("style-src 'self'"));
    assert!(!page.body.contains("<script"));
    own_files_only(&router, &page.body).await;
}

#[tokio::test]
async fn the_page_of_passkeys_has_scripts_of_its_own_and_nothing_inline() {
    let router = passkeys::routes().merge(assets::routes());
    let page = get(&router, "/dev/passkeys").await;
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("trusted-types"));
    let scripts: Vec<_> = page.body.split("<script").skip(1).collect();
    assert_eq!(scripts.len(), 1);
    assert!(scripts[0].starts_with(" type=\"module\" src=\"/assets/passkeys-"), "{}", scripts[0]);
    own_files_only(&router, &page.body).await;
}

async fn own_files_only(router: &Router, page: &str) {
    for inline in ["<style", " style=", " onclick=", "http://", "https://"] {
        assert!(!page.contains(inline), "{inline}");
    }
    let files = page.split('"').filter(|part| part.starts_with("/assets/"));
    for file in files {
        let reply = get(router, file).await;
        assert_eq!(reply.status, 200, "{file}");
        let caching = reply.headers["cache-control"].to_str().unwrap();
        assert!(caching.contains("immutable"), "{file}");
    }
}

struct Epoch;

impl Clock for Epoch {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0)
    }
}

fn mailbox() -> (Arc<Mailbox>, Router) {
    let mailbox = Arc::new(Mailbox::new(Arc::new(Epoch)));
    let (routes, _) = doc::finish(mailbox::routes(Arc::clone(&mailbox)));
    (mailbox, routes)
}

fn mail(to: &str) -> Mail {
    Mail {
        to: to.into(),
        subject: "Your code <b>".into(),
        text: SecretText::new("Your code is 123456.\n".into()),
        code: Some(SecretText::new("123456".into())),
        link: Some(SecretText::new("http://localhost/x?\"><script>".into())),
    }
}

#[tokio::test]
async fn tests_read_the_mailbox_as_json() {
    let (mailbox, router) = mailbox();
    mailbox.push(&mail("ann@x.test"));
    let waiting = get(&router, "/dev/v1/messages?to=bob@x.test&channel=email&wait=20");
    let sending = async { mailbox.push(&mail("bob@x.test")) };
    let (reply, ()) = tokio::join!(waiting, sending);
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(body["messages"].as_array().unwrap().len(), 1);
    assert_eq!(body["messages"][0]["to"], "bob@x.test");
    assert_eq!(body["messages"][0]["code"], "123456");
    assert_eq!(body["messages"][0]["created_at"], "1970-01-01T00:00:00Z");

    assert_eq!(get(&router, "/dev/v1/messages?channel=pigeon").await.status, 400);
    let delete = Request::delete("/dev/v1/messages").body(Body::empty()).unwrap();
    assert_eq!(send(&router, delete).await.status, 204);
    assert_eq!(get(&router, "/dev/v1/messages").await.body, "{\"messages\":[]}");
}

#[tokio::test]
async fn people_read_the_mailbox_as_a_page() {
    let (mailbox, router) = mailbox();
    assert!(get(&router, "/dev/mailbox").await.body.contains("No messages yet"));
    mailbox.push(&mail("ann@x.test"));
    let page = get(&router, "/dev/mailbox").await.body;
    assert!(page.contains("123456") && page.contains("ann@x.test"));
    assert!(!page.contains("<b>") && !page.contains("<script"), "{page}");
}

#[tokio::test]
async fn only_the_mailbox_page_itself_can_clear_it() {
    let (mailbox, router) = mailbox();
    mailbox.push(&mail("ann@x.test"));
    for site in [None, Some("cross-site"), Some("same-site"), Some("none")] {
        let mut post = Request::post("/dev/mailbox");
        if let Some(site) = site {
            post = post.header("sec-fetch-site", site);
        }
        assert_eq!(send(&router, post.body(Body::empty()).unwrap()).await.status, 400, "{site:?}");
    }
    let post = Request::post("/dev/mailbox").header("sec-fetch-site", "same-origin");
    assert_eq!(send(&router, post.body(Body::empty()).unwrap()).await.status, 303);
    assert!(mailbox.list(&nightlatch::delivery::mailbox::Filter::default()).is_empty());
}
