//! The second listener: is it alive, can it work, how is it doing.

use std::sync::Arc;

use axum::{
    Router,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use crate::{
    api::problem::{Code, Problem},
    telemetry::metrics::{CONTENT_TYPE, Metrics},
};

/// The calls of the second listener.
///
/// `GET /healthz` answers 204 while the process answers at all. `GET /readyz` answers 204 while
/// `ready` finds nothing wrong, else 503 with what it says; that text is for operators and must
/// hold no secret. `GET /metrics` is OpenMetrics text, for which `measure` notes what is nobody's to
/// count.
pub fn routes<R, F>(
    metrics: Arc<Metrics>,
    ready: R,
    measure: impl Fn(&Metrics) + Clone + Send + Sync + 'static,
) -> Router
where
    R: Fn() -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<(), String>> + Send,
{
    let readiness = async move || -> Response {
        match ready().await {
            Ok(()) => StatusCode::NO_CONTENT.into_response(),
            Err(reason) => {
                tracing::warn!(reason, "Not ready");
                Problem::new(Code::Unavailable).into_response()
            }
        }
    };
    let exposition = async move || {
        measure(&metrics);
        ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.render())
    };
    Router::new()
        .route("/healthz", get(async || StatusCode::NO_CONTENT))
        .route("/readyz", get(readiness))
        .route("/metrics", get(exposition))
}
