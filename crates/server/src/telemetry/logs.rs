//! The log: one line an event, on standard error.
//!
//! Whatever happens on behalf of a request carries its `request_id`, so that it can be found by the id
//! that the caller was told.

use std::panic;

use nightlatch_flows::{Clock, env::SystemClock};
use tracing::{Event, Metadata, Subscriber, span, subscriber::Interest};
use tracing_subscriber::filter::{ParseError, Targets};

use crate::{
    config::{Log, LogFormat},
    telemetry::{line::line, output::Output},
};

/// The log of a process; what waits to be written is written when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Logging(Output);

impl Drop for Logging {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// The log can't be started.
#[derive(Debug, thiserror::Error)]
pub enum NoLog {
    /// The level is not one.
    #[error("log.level is no level")]
    Level(#[from] ParseError),
    /// The system gives no thread.
    #[error("no thread can be started")]
    Thread(#[from] std::io::Error),
}

/// Reads `log.level`: a level, or directives such as `info,nightlatch=debug`.
///
/// # Errors
///
/// It is neither.
pub(crate) fn filter(level: &str) -> Result<Targets, ParseError> {
    level.parse()
}

/// Starts the log of this process, panics included.
///
/// A panic is told by its place alone: its message may hold what a request carried.
///
/// # Errors
///
/// [`NoLog`]. A log that was started already stays as it is.
pub fn start(settings: &Log) -> Result<Logging, NoLog> {
    let (filter, output) = (filter(&settings.level)?, Output::start()?);
    let out = output.clone();
    let lines = Lines::new(filter, settings.format, move |line| out.put(line));
    if tracing::subscriber::set_global_default(lines).is_ok() {
        panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(place, "Panicked");
        }));
    }
    Ok(Logging(output))
}

/// Hands on a line for each event that the filter lets through. There are no spans: a line knows its
/// request by the task that it is written in.
struct Lines<O> {
    filter: Targets,
    format: LogFormat,
    clock: SystemClock,
    out: O,
}

impl<O: Fn(&[u8])> Lines<O> {
    fn new(filter: Targets, format: LogFormat, out: O) -> Self {
        Self { filter, format, clock: SystemClock::default(), out }
    }
}

impl<O: Fn(&[u8]) + 'static> Subscriber for Lines<O> {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && self.filter.would_enable(metadata.target(), metadata.level())
    }

    fn event(&self, event: &Event<'_>) {
        (self.out)(&line(self.format, event, self.clock.now()));
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[cfg(test)]
mod tests {
    use std::{
        net::IpAddr,
        sync::{Arc, Mutex},
    };

    use axum::{Router, body::Body, extract::Request, routing::post};
    use serde_json::Value;

    use super::*;
    use crate::{
        api::body::Json,
        http::{
            frame::{Admission, Frame},
            hosts::Hosts,
            request_id::RequestIds,
        },
        telemetry::metrics::Metrics,
    };

    #[derive(Debug, thiserror::Error)]
    #[error("it failed")]
    struct Failed(#[source] std::io::Error);

    /// What is logged while `request` is served by a handler that logs a line of its own.
    async fn told(level: &str, format: LogFormat, request: Request) -> String {
        let text = Arc::new(Mutex::new(Vec::new()));
        let out = Arc::clone(&text);
        let put = move |line: &[u8]| out.lock().unwrap().extend_from_slice(line);
        let lines = Lines::new(filter(level).unwrap(), format, put);
        let _guard = tracing::subscriber::set_default(lines);

        let handler = async |Json(_): Json<Value>| {
            let cause = std::io::Error::other("because");
            let error: &(dyn std::error::Error + 'static) = &Failed(cause);
            tracing::info!(error, number = 7, "Something \"happened\"");
        };
        let admission = Admission {
            hosts: Hosts::exactly(["a.test".into()]),
            trusted_proxies: vec![],
            allowed_origins: vec![],
            per_address: 0,
            in_flight: 1,
            https: false,
        };
        let metrics = Arc::new(Metrics::new("test"));
        let router = Router::new().route("/things/{id}", post(handler));
        let frame = Frame::new(router, admission, RequestIds::new(1), metrics);
        frame.handle(request, IpAddr::from([192, 0, 2, 77])).await;

        let text = String::from_utf8(text.lock().unwrap().clone()).unwrap();
        for secret in ["s3cret", "192.0.2.77"] {
            assert!(!text.contains(secret), "{text}");
        }
        text
    }

    async fn logged(level: &str, request: Request) -> Vec<Value> {
        let text = told(level, LogFormat::Json, request).await;
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn request() -> Request {
        Request::post("/things/s3cret-1?token=s3cret-2")
            .header("host", "a.test")
            .header("authorization", "Bearer s3cret-3")
            .header("cookie", "a=s3cret-4")
            .header("content-type", "application/json")
            .body(Body::from("{\"password\":\"s3cret-5\"}"))
            .unwrap()
    }

    #[tokio::test]
    async fn a_request_is_told_by_its_template_and_nothing_it_carried() {
        let lines = logged("info", request()).await;
        let [happened, answered] = lines.as_slice() else { panic!("{lines:?}") };
        assert!(answered["request_id"].as_str().unwrap().starts_with("req_"));
        assert_eq!(happened["request_id"], answered["request_id"]);
        assert_eq!(happened["message"], "Something \"happened\"");
        assert_eq!((&happened["level"], &happened["number"]), (&"INFO".into(), &7.into()));
        assert_eq!(happened["error"], "it failed: because");
        assert_eq!(answered["target"], "nightlatch::http::frame");
        assert_eq!(answered["message"], "Request answered");
        assert_eq!(answered["route"], "/things/{id}");
        assert_eq!(answered["method"], "POST");
        assert_eq!(answered["status"], 200);
        assert!(answered["duration_ms"].is_f64());
    }

    #[tokio::test]
    async fn even_the_finest_level_tells_no_secret() {
        assert!(logged("trace", request()).await.len() >= 2);
    }

    #[tokio::test]
    async fn people_read_the_same_as_words() {
        let text = told("info", LogFormat::Text, request()).await;
        let [happened, answered] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
        let (at, happened) = happened.split_once(' ').unwrap();
        assert!(at.parse::<jiff::Timestamp>().is_ok(), "{at}");
        let words =
            " INFO Something \"happened\" error=\"it failed: because\" number=7 request_id=req_";
        assert!(happened.starts_with(words), "{happened}");
        assert!(answered.contains(" Request answered route=\"/things/{id}\" method=\"POST\""));
    }

    #[tokio::test]
    async fn a_level_is_for_everybody_or_for_a_part() {
        assert!(logged("warn", request()).await.is_empty());
        assert_eq!(logged("warn,nightlatch::http=info", request()).await.len(), 1);
        assert!(filter("nightlatch=loud").is_err());
    }
}
