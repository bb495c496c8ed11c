//! What is no good body is refused by every call alike, and changes nothing.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::{Body, Bytes, HttpBody};
use nightlatch::api::body::{MAX_CREDENTIAL_KIB, MAX_KIB};
use serde_json::{Map, Value, json};

use crate::{
    acts::{ADA, enrolled},
    app::{App, Enrolled, Reply, each_engine},
    calls::{Call, calls},
    database::dump,
};

const JSON: &str = "application/json";

/// Never repeated by a refusal.
const MARKER: &str = "hunter2";

/// A body that arrives piece by piece, its length not announced, and perhaps breaks off.
struct Pieces(VecDeque<Result<Bytes, io::Error>>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, io::Error>>> {
        Poll::Ready(self.0.pop_front().map(|piece| piece.map(hyper::body::Frame::data)))
    }
}

fn chunked(text: &str) -> Body {
    let pieces = text.as_bytes().chunks(1000).map(|piece| Ok(Bytes::copy_from_slice(piece)));
    Body::new(Pieces(pieces.collect()))
}

fn broken_off(text: &str) -> Body {
    let half = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
    Body::new(Pieces([Ok(half), Err(io::ErrorKind::ConnectionReset.into())].into()))
}

/// One bad request: what is wrong, its headers, its body, and how it is refused.
struct Bad {
    what: String,
    headers: Vec<(&'static str, &'static str)>,
    body: Body,
    refused: (u16, &'static str),
}

impl Bad {
    fn new(what: impl Into<String>, body: impl Into<Body>) -> Self {
        let headers = vec![("content-type", JSON)];
        Self { what: what.into(), headers, body: body.into(), refused: (400, "malformed") }
    }

    fn too_large(what: &str, body: Body) -> Self {
        Self { refused: (413, "too-large"), ..Self::new(what, body) }
    }

    fn of_type(headers: &[(&'static str, &'static str)], text: &str) -> Self {
        let refused = (415, "unsupported-media-type");
        Self {
            headers: headers.to_owned(),
            refused,
            ..Self::new(format!("{headers:?}"), text.to_owned())
        }
    }
}

/// What can be wrong with the bytes, whatever they say.
fn bad_bytes(good: &Map<String, Value>, most: usize) -> Vec<Bad> {
    let text = json!(good).to_string();
    let padded = |size: usize| format!("{text}{}", " ".repeat(size - text.len()));
    let first = good.iter().next().map(|(name, value)| format!("\"{name}\":{value}"));
    let first = first.unwrap_or_else(|| format!("\"{MARKER}\":1,\"{MARKER}\":1"));
    let twice = text.replacen('{', &format!("{{{first},"), 1);
    let nested = |depth| format!("{{\"{MARKER}\":{}", "[".repeat(depth));
    vec![
        Bad::too_large("announced and too long", padded(most + 1).into()),
        Bad::too_large("too long in pieces", chunked(&padded(most + 1))),
        Bad::new("as long as can be, and cut", padded(most - 1).replacen('}', " ", 1)),
        Bad::new("broken off", broken_off(&text)),
        Bad::new("cut", text[..text.len() - 1].to_owned()),
        Bad::new("a member twice", twice),
        Bad::new("too deep", nested(33)),
        Bad::new("far too deep", nested(10_000)),
        Bad::new("not UTF-8", [text.as_bytes(), b"\xff"].concat()),
        Bad::new("something after it", format!("{text}{MARKER}")),
        Bad::new("another body after it", format!("{text}{text}")),
        Bad::new("an array", format!("[{text}]")),
        Bad::new("null", "null"),
        Bad::new("a text", format!("\"{MARKER}\"")),
        Bad::new("nothing", ""),
        Bad::of_type(&[("content-type", "text/plain")], &text),
        Bad::of_type(&[("content-type", "application/x-www-form-urlencoded")], &text),
        Bad::of_type(&[("content-type", "application/json; charset=latin1")], &text),
        Bad::of_type(&[("content-type", JSON), ("content-type", JSON)], &text),
        Bad::of_type(&[("content-type", JSON), ("content-encoding", "gzip")], &text),
        Bad::of_type(&[], &text),
    ]
}

/// What can be wrong with the members.
fn bad_members(good: &Map<String, Value>) -> Vec<Bad> {
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body.insert(name.to_owned(), value);
        Bad::new(format!("{name} in {body:?}"), json!(body).to_string())
    };
    let mut bad = vec![with(MARKER, json!(1)), with("is_admin", json!(true))];
    // A credential is the browser's business: any JSON is passed on.
    for (name, value) in good.iter().filter(|(_, value)| !value.is_object()) {
        for odd in [json!(17), json!([value]), json!({ MARKER: value }), json!(-0.5)] {
            bad.push(with(name, odd));
        }
        bad.push(with(name, if value.is_boolean() { json!("true") } else { json!(true) }));
    }
    bad
}

#[track_caller]
fn check(what: &str, reply: &Reply, refused: (u16, &str)) {
    assert_eq!((reply.status.as_u16(), reply.code()), refused, "{what}: {}", reply.text);
    assert_eq!(reply.headers["content-type"], "application/problem+json", "{what}");
    assert_eq!(reply.headers["cache-control"], "no-store", "{what}");
    assert_eq!(reply.json["type"], format!("urn:nightlatch:problem:{}", refused.1), "{what}");
    assert_eq!(reply.json["request_id"], reply.headers["x-request-id"].to_str().unwrap());
    assert!(!reply.text.contains(MARKER), "{what}: {}", reply.text);
}

async fn refuse_all(app: &App, call: &Call, bearer: &str, path: &str) {
    // The answer of an authenticator may be longer than any other body.
    let long = call.bodies.iter().any(|form| form.contains_key("credential"));
    let most = if long { MAX_CREDENTIAL_KIB } else { MAX_KIB } * 1024;
    for form in &call.bodies {
        for bad in bad_bytes(form, most).into_iter().chain(bad_members(form)) {
            let mut headers = bad.headers;
            if call.bearer {
                headers.push(("authorization", bearer));
            }
            let reply = app.raw(&call.method, path, &headers, bad.body).await;
            check(&format!("{call}: {}", bad.what), &reply, bad.refused);
        }
    }
}

#[tokio::test]
async fn no_bad_body_is_understood_and_none_changes_anything() {
    each_engine(async |app| {
        let Enrolled { access_token, .. } = enrolled(&app, ADA).await;
        let session = app.get("/auth/session", Some(&access_token)).await.text_at("/session/id");
        let methods = app.get("/auth/mfa/methods", Some(&access_token)).await;
        let method = methods.text_at("/methods/0/id");
        let bearer = format!("Bearer {access_token}");
        let before = dump(&app).await;
        let mut tried = 0;
        for call in calls(&app).await {
            if call.bodies.is_empty() {
                assert!(call.method != "PATCH", "{call} takes no body");
                continue;
            }
            let path = call.path(&session, &method);
            refuse_all(&app, &call, &bearer, &path).await;
            assert!(dump(&app).await == before, "{call} changed something");
            tried += 1;
        }
        assert!(tried >= 14, "only {tried} calls take a body");
    })
    .await;
}

#[tokio::test]
async fn a_body_may_be_left_out_only_where_the_document_says_so() {
    each_engine(async |app| {
        let Enrolled { access_token, .. } = enrolled(&app, ADA).await;
        let bearer = format!("Bearer {access_token}");
        let before = dump(&app).await;
        for call in calls(&app).await {
            if call.bodies.is_empty() || call.optional_body {
                continue;
            }
            let path = call.path("ses_", "mth_00000000000000000000000000");
            let headers = [("authorization", &*bearer)];
            let headers = if call.bearer { &headers[..] } else { &[] };
            let reply = app.raw(&call.method, &path, headers, Body::empty()).await;
            let refused = (reply.status.as_u16(), reply.code());
            assert_eq!(refused, (415, "unsupported-media-type"), "{call}");
        }
        assert!(dump(&app).await == before);
    })
    .await;
}
