//! The name of a request: in the answer's `x-request-id`, in problems and in the log.
//!
//! Names are made here and never taken from outside, so that nobody can write into the log with
//! them. They are unique, not secret.

use std::{
    borrow::Cow,
    cell::OnceCell,
    fmt,
    future::Future,
    sync::atomic::{AtomicU64, Ordering},
};

use axum::{
    extract::MatchedPath,
    http::{HeaderName, HeaderValue},
};
use data_encoding::HEXLOWER;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// The header that carries the name of the request in every answer.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// What a name begins with.
const PREFIX: &str = "req_";

tokio::task_local! {
    static CURRENT: Serving;
}

/// What is known of the request that a task serves.
struct Serving {
    id: RequestId,
    /// The template of its route, once it is routed.
    route: OnceCell<MatchedPath>,
}

/// The name of one request: `req_` and 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(u64);

impl RequestId {
    /// The request that the running task serves, if it serves one.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|serving| serving.id).ok()
    }

    /// Runs `work` as the service of this request.
    pub(crate) fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(Serving { id: self, route: OnceCell::new() }, work)
    }

    /// As a header value.
    pub(crate) fn header_value(self) -> HeaderValue {
        self.text(HeaderValue::from_str).unwrap_or(HeaderValue::from_static(PREFIX))
    }

    /// Hands its text to `then`. Every request writes it several times, so without the formatter.
    fn text<T>(self, then: impl FnOnce(&str) -> T) -> T {
        let mut text = *b"req_0000000000000000";
        HEXLOWER.encode_mut(&self.0.to_be_bytes(), &mut text[PREFIX.len()..]);
        then(str::from_utf8(&text).unwrap_or(PREFIX))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text(|text| f.write_str(text))
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text(|text| serializer.serialize_str(text))
    }
}

impl JsonSchema for RequestId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "RequestId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^req_[0-9a-f]{16}$" })
    }
}

/// Notes the template of the route that the current request took.
pub(crate) fn note_route(route: MatchedPath) {
    // Outside of the frame, nobody asks for it.
    let _ = CURRENT.try_with(|serving| serving.route.set(route));
}

/// The template of the route that the current request took; `unmatched` if none was found.
///
/// It tells what was asked without telling ids or tokens, and there are only so many.
pub(crate) fn current_route() -> Cow<'static, str> {
    CURRENT
        .try_with(|serving| serving.route.get().map(|route| route.as_str().to_owned().into()))
        .ok()
        .flatten()
        .unwrap_or(Cow::Borrowed("unmatched"))
}

/// Makes the names of requests, each once.
#[derive(Debug)]
pub struct RequestIds(AtomicU64);

impl RequestIds {
    /// Starts at a random place, so that the names of two runs do not meet.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next name.
    pub fn next(&self) -> RequestId {
        RequestId(scatter(self.0.fetch_add(1, Ordering::Relaxed)))
    }
}

/// A bijection that scatters neighbours (the finaliser of `SplitMix64`), so that names neither
/// repeat nor tell how many requests there were in between.
const fn scatter(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_do_not_repeat_and_do_not_count() {
        let ids = RequestIds::new(u64::MAX - 500);
        let names: Vec<_> = (0..1_000).map(|_| ids.next()).collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
        assert!(names.windows(2).all(|pair| pair[0].0.abs_diff(pair[1].0) > 1));
        assert_eq!(RequestId(0xfe).to_string(), "req_00000000000000fe");
        assert_eq!(RequestId(u64::MAX).header_value(), "req_ffffffffffffffff");
    }

    #[tokio::test]
    async fn the_name_is_known_while_the_request_is_served() {
        let id = RequestIds::new(7).next();
        assert_eq!(RequestId::current(), None);
        assert_eq!(id.scope(async { RequestId::current() }).await, Some(id));
    }
}
