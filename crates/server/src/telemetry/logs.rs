//! The log: one line an event, on standard error.
//!
//! Each request is a span with its `request_id`, so that whatever happens on its behalf can be
//! found by the id that the caller was told.

use std::{io, panic};

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::ParseError,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
};

use crate::config::{Log, LogFormat};

/// Starts the log of this process, panics included.
///
/// A panic is told by its place alone: its message may hold what a request carried.
///
/// # Errors
///
/// The level is not one. A log that was started already stays as it is.
pub fn start(settings: &Log) -> Result<(), ParseError> {
    let subscriber = subscriber(settings, io::stderr)?;
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(place, "Panicked");
        }));
    }
    Ok(())
}

fn subscriber<W>(settings: &Log, writer: W) -> Result<impl Subscriber + use<W>, ParseError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match settings.format {
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .with_writer(writer)
            .boxed(),
        LogFormat::Text => fmt::layer().with_ansi(false).with_writer(writer).boxed(),
    };
    let filter = EnvFilter::try_new(&settings.level)?;
    Ok(Registry::default().with(lines.with_filter(filter)))
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
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

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is logged while `request` is served by a handler that logs a line of its own.
    async fn logged(level: &str, request: Request) -> Vec<Value> {
        let lines = Lines::default();
        let writer = lines.clone();
        let settings = Log { level: level.into(), format: LogFormat::Json };
        let subscriber = subscriber(&settings, move || writer.clone()).unwrap();
        let _guard = tracing::subscriber::set_default(subscriber);

        let handler = async |Json(_): Json<Value>| tracing::info!("Something happened");
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

        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        for secret in ["s3cret", "192.0.2.77"] {
            assert!(!text.contains(secret), "{text}");
        }
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
        assert_eq!(happened["span"]["request_id"], answered["request_id"]);
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

    #[test]
    fn a_level_that_is_none_is_refused() {
        let settings = Log { level: "nightlatch=loud".into(), format: LogFormat::Text };
        assert!(subscriber(&settings, io::sink).is_err());
    }
}
