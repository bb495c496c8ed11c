//! A request proves who sends it in one way, once.

use axum::http::{HeaderMap, header};

/// The session cookie of the pages.
pub(crate) const SESSION_COOKIE: &str = "__Host-nightlatch";

/// Whether a request carries `Authorization` or the session cookie twice, or both: then it is not
/// clear who speaks, and whoever checks one may be answered for the other.
pub(crate) fn ambiguous(headers: &HeaderMap) -> bool {
    let bearers = headers.get_all(header::AUTHORIZATION).iter().count();
    let cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .filter(|pair| {
            let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
            name.trim_ascii() == SESSION_COOKIE.as_bytes()
        })
        .count();
    bearers + cookies > 1
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(lines: &[(&'static str, &'static str)], expected: bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        assert_eq!(ambiguous(&headers), expected, "{lines:?}");
    }

    #[test]
    fn one_proof_is_clear() {
        check(&[], false);
        check(&[("authorization", "Bearer a")], false);
        check(&[("cookie", "a=1; __Host-nightlatch=s; __Host-nightlatch-flow=f")], false);
        check(&[("authorization", "Bearer a"), ("cookie", "__Host-nightlatch-flow=f")], false);
    }

    #[test]
    fn two_proofs_are_not() {
        check(&[("authorization", "Bearer a"), ("authorization", "Bearer a")], true);
        check(&[("authorization", "Bearer a"), ("cookie", "a=1; __Host-nightlatch=s")], true);
        check(&[("cookie", "__Host-nightlatch=s;__Host-nightlatch=t")], true);
        check(&[("cookie", "__Host-nightlatch=s"), ("cookie", "__Host-nightlatch =t")], true);
    }
}
