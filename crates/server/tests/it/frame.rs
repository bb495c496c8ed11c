//! The way of a request through the frame, without sockets.

use std::{
    convert::Infallible,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody, to_bytes},
    extract::{Path, Request},
    http::{HeaderMap, Method, StatusCode},
    response::Response,
    routing::{get, post},
};
use nightlatch::{
    api::body::Json,
    http::{
        address::ClientAddress,
        frame::{Admission, Frame},
        hosts::Hosts,
        request_id::RequestIds,
    },
    telemetry::metrics::Metrics,
};
use serde_json::Value;
use tokio::sync::Notify;

const HOST: &str = "id.example.com";
const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

pub(crate) fn admission() -> Admission {
    Admission {
        hosts: Hosts::exactly([HOST.into()]),
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        allowed_origins: vec!["https://app.example.com".into()],
        per_address: 0,
        in_flight: 2,
        https: true,
    }
}

fn routes() -> Router {
    Router::new()
        .route("/things/{id}", get(async |Path(id): Path<String>| id))
        .route("/echo", post(async |Json(body): Json<Value>| Json(body)))
        .route("/who", get(async |ClientAddress(address): ClientAddress| address.to_string()))
        .route("/bug", get(async || -> StatusCode { panic!("with s3cret inside") }))
        .route("/never", get(async || std::future::pending::<StatusCode>().await))
}

struct App {
    frame: Frame,
    metrics: Arc<Metrics>,
}

impl App {
    fn new(admission: Admission) -> Self {
        Self::with(routes(), admission)
    }

    fn with(routes: Router, admission: Admission) -> Self {
        let metrics = Arc::new(Metrics::new("test"));
        let frame = Frame::new(routes, admission, RequestIds::new(7), Arc::clone(&metrics));
        Self { frame, metrics }
    }

    async fn send(&self, request: Request) -> Answer {
        Answer::read(self.frame.handle(request, PEER).await).await
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(request(Method::GET, path, headers)).await
    }
}

fn request(method: Method, path: &str, headers: &[(&str, &str)]) -> Request {
    let mut request = Request::builder().method(method).uri(path).header("host", HOST);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Self { status: parts.status, headers: parts.headers, body }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    fn is_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("cache-control"), "no-store");
        let body: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(body["code"], code);
        assert_eq!(body["request_id"], self.header("x-request-id"));
    }
}

#[tokio::test]
async fn every_answer_is_named_and_secured() {
    let app = App::new(admission());
    for path in ["/things/7", "/nowhere", "/bug"] {
        let answer = app.get(path, &[("x-request-id", "mine")]).await;
        assert!(answer.header("x-request-id").starts_with("req_"), "{path}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("strict-transport-security", "max-age=31536000"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), value, "{path}");
        }
    }
    let plain = App::new(Admission { https: false, ..admission() });
    assert_eq!(plain.get("/things/7", &[]).await.header("strict-transport-security"), "");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let app = App::new(admission());
    app.get("/nowhere", &[]).await.is_problem(404, "not-found");
    let answer = app.send(request(Method::DELETE, "/things/7", &[])).await;
    answer.is_problem(405, "method-not-supported");
    assert_eq!(answer.header("allow"), "GET,HEAD");
    let head = app.send(request(Method::HEAD, "/things/7", &[])).await;
    assert_eq!((head.status.as_u16(), head.body.as_str()), (200, ""));
    let options = app.send(request(Method::OPTIONS, "/things/7", &[])).await;
    options.is_problem(405, "method-not-supported");
}

#[tokio::test]
async fn other_hosts_are_not_served() {
    let app = App::new(admission());
    app.get("/things/7", &[("host", HOST)]).await.is_problem(421, "unknown-host");
    for host in ["evil.test", "id.example.com:8080"] {
        let request = Request::get("/things/7").header("host", host).body(Body::empty()).unwrap();
        app.send(request).await.is_problem(421, "unknown-host");
    }
    let nameless = Request::get("/things/7").body(Body::empty()).unwrap();
    app.send(nameless).await.is_problem(421, "unknown-host");
    assert!(app.metrics.render().contains("http_refused_total{reason=\"host\"} 4"));
}

#[tokio::test]
async fn whoever_speaks_twice_is_refused() {
    let app = App::new(admission());
    let both = [("authorization", "Bearer a"), ("cookie", "__Host-nightlatch=b")];
    app.get("/things/7", &both).await.is_problem(400, "malformed");
    let twice = [("authorization", "Bearer a"), ("authorization", "Bearer b")];
    app.get("/things/7", &twice).await.is_problem(400, "malformed");
    assert_eq!(app.get("/things/7", &both[..1]).await.status, 200);
}

#[tokio::test]
async fn an_address_has_so_many_requests_a_minute() {
    let app = App::new(Admission { per_address: 3, ..admission() });
    for number in 0..3 {
        let forged = format!("203.0.113.{number}");
        assert_eq!(app.get("/things/7", &[("x-forwarded-for", &forged)]).await.status, 200);
    }
    let refused = app.get("/things/7", &[("x-forwarded-for", "203.0.113.9")]).await;
    refused.is_problem(429, "too-many-requests");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");

    let proxied = |client: &str| request(Method::GET, "/who", &[("x-forwarded-for", client)]);
    let proxy: IpAddr = [10, 0, 0, 1].into();
    let answer = Answer::read(app.frame.handle(proxied("203.0.113.9"), proxy).await).await;
    assert_eq!(answer.body, "203.0.113.9");
    let spent = Answer::read(app.frame.handle(proxied("192.0.2.1"), proxy).await).await;
    spent.is_problem(429, "too-many-requests");
}

#[tokio::test]
async fn what_is_too_much_at_once_is_refused_at_once() {
    let (arrived, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (noted, left) = (Arc::clone(&arrived), Arc::clone(&leave));
    let slow = get(async move || {
        noted.notify_one();
        left.notified().await;
        "done"
    });
    let app =
        App::with(Router::new().route("/slow", slow), Admission { in_flight: 1, ..admission() });
    let meanwhile = async {
        arrived.notified().await;
        let refused = app.get("/slow", &[]).await;
        refused.is_problem(503, "busy");
        assert_eq!(refused.header("retry-after"), "1");
        leave.notify_one();
    };
    let (first, ()) = tokio::join!(app.get("/slow", &[]), meanwhile);
    assert_eq!(first.body, "done");
}

#[tokio::test]
async fn a_panic_ends_one_request_only() {
    let app = App::new(admission());
    let answer = app.get("/bug", &[]).await;
    answer.is_problem(500, "internal");
    assert!(!answer.body.contains("s3cret"));
    assert_eq!(app.get("/things/7", &[]).await.status, 200);
    assert!(app.metrics.render().contains("http_in_flight 0"));
}

#[tokio::test(start_paused = true)]
async fn nothing_takes_longer_than_half_a_minute() {
    let app = App::new(admission());
    let begun = tokio::time::Instant::now();
    app.get("/never", &[]).await.is_problem(503, "busy");
    assert_eq!(begun.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_given_up() {
    let app = App::new(admission());
    let mut request = request(Method::POST, "/echo", &[("content-type", "application/json")]);
    *request.body_mut() = Body::new(Silent);
    let begun = tokio::time::Instant::now();
    app.send(request).await.is_problem(408, "timeout");
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
}

/// A body of which nothing ever arrives.
struct Silent;

impl HttpBody for Silent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn listed_origins_may_call_with_a_bearer() {
    let app = App::new(admission());
    let preflight = |origin| {
        let ask = ("access-control-request-method", "POST");
        request(Method::OPTIONS, "/echo", &[("origin", origin), ask])
    };
    let answer = app.send(preflight("https://app.example.com")).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example.com");
    assert!(answer.header("access-control-allow-headers").contains("authorization"));
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    assert_eq!(answer.header("vary"), "origin");

    let refused = app.send(preflight("https://evil.test")).await;
    refused.is_problem(405, "method-not-supported");
    assert_eq!(refused.header("access-control-allow-origin"), "");
    assert_eq!(refused.header("vary"), "origin");

    let call = app.get("/things/7", &[("origin", "https://app.example.com")]).await;
    assert_eq!(call.header("access-control-allow-origin"), "https://app.example.com");
    assert!(call.header("access-control-expose-headers").contains("x-request-id"));

    let closed = App::new(Admission { allowed_origins: vec![], ..admission() });
    let call = closed.get("/things/7", &[("origin", "https://app.example.com")]).await;
    assert!(call.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
    assert_eq!(call.header("vary"), "");
}

#[tokio::test]
async fn metrics_know_templates_and_not_paths() {
    let app = App::new(admission());
    app.get("/things/s3cret?token=s3cret", &[]).await;
    app.get("/s3cret", &[]).await;
    app.send(request(Method::from_bytes(b"S3CRET").unwrap(), "/who", &[])).await;
    let text = app.metrics.render();
    assert!(text.contains("{route=\"/things/{id}\",method=\"GET\",status=\"200\"} 1"), "{text}");
    assert!(text.contains("{route=\"unmatched\",method=\"GET\",status=\"404\"} 1"));
    assert!(text.contains("{route=\"/who\",method=\"other\",status=\"405\"} 1"));
    assert!(!text.to_lowercase().contains("s3cret"));
}
