//! Pages of other origins may call the API with a bearer token, if they are listed.
//!
//! Never with cookies: `Access-Control-Allow-Credentials` is not sent.

use axum::{
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, accept-language, if-match, idempotency-key",
);
const EXPOSED: HeaderValue =
    HeaderValue::from_static("etag, retry-after, www-authenticate, x-request-id");
/// Seconds that a browser may remember a preflight.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The origins whose pages may call.
#[derive(Debug, Clone)]
pub(crate) struct Cors(Vec<HeaderValue>);

impl Cors {
    /// Opens the API to exactly these origins.
    pub(crate) fn new(origins: &[String]) -> Self {
        Self(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect())
    }

    /// The listed origin that the request comes from, if it does.
    pub(crate) fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut named = headers.get_all(header::ORIGIN).iter();
        let (origin, None) = (named.next()?, named.next()) else { return None };
        self.0.iter().find(|listed| *listed == origin).cloned()
    }

    /// The answer to a preflight from a listed origin.
    pub(crate) fn preflight(
        method: &Method,
        headers: &HeaderMap,
        origin: Option<&HeaderValue>,
    ) -> Option<Response> {
        let asks = *method == Method::OPTIONS
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        (asks && origin.is_some()).then(|| {
            let allowed = [
                (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
                (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
                (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
            ];
            (StatusCode::NO_CONTENT, allowed).into_response()
        })
    }

    /// Lets the page of `origin` read the answer.
    pub(crate) fn open(&self, headers: &mut HeaderMap, origin: Option<HeaderValue>) {
        if self.0.is_empty() {
            return;
        }
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}
