//! Who calls, and from where.

use std::sync::Arc;

use aide::OperationInput;
use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    http::{HeaderMap, header, request::Parts},
};
use nightlatch_core::SecretText;
use nightlatch_flows::{Client, Env, authenticate};

use crate::{
    api::problem::{Code, Problem},
    http::address::ClientAddress,
};

/// Characters of a client's description of itself that are kept.
const AGENT_LENGTH: usize = 200;

/// A signed-in person, by an access token.
///
/// As `Option` it is `None` for whoever is not, or no longer, signed in.
pub(super) struct SignedIn(pub(super) Arc<authenticate::SignedIn>);

/// Whoever may enrol a second factor, by an access token or an enrolment token.
pub(super) struct Enrolling(pub(super) authenticate::Enrolling);

/// What the connection and the headers tell of the client.
pub(super) struct ClientInfo(pub(super) Client);

impl FromRequestParts<Arc<Env>> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, env: &Arc<Env>) -> Result<Self, Problem> {
        let token = bearer(&parts.headers)?;
        Ok(Self(authenticate::signed_in(env, &token).await?))
    }
}

impl OptionalFromRequestParts<Arc<Env>> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        env: &Arc<Env>,
    ) -> Result<Option<Self>, Problem> {
        match <Self as FromRequestParts<_>>::from_request_parts(parts, env).await {
            Ok(signed) => Ok(Some(signed)),
            Err(problem) if problem.code() == Code::Unauthenticated => Ok(None),
            Err(problem) => Err(problem),
        }
    }
}

impl FromRequestParts<Arc<Env>> for Enrolling {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, env: &Arc<Env>) -> Result<Self, Problem> {
        let token = bearer(&parts.headers)?;
        Ok(Self(authenticate::enrolling(env, &token).await?))
    }
}

impl FromRequestParts<Arc<Env>> for ClientInfo {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, env: &Arc<Env>) -> Result<Self, Problem> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, env).await?;
        Ok(Self(Client { address: Some(address), agent: agent(&parts.headers) }))
    }
}

// Routes say who may call them (`Describe::bearer`); the rest of a request is not theirs to tell.
impl OperationInput for SignedIn {}
impl OperationInput for Enrolling {}
impl OperationInput for ClientInfo {}

/// The token of the one `Authorization: Bearer` header (RFC 6750 §2.1).
fn bearer(headers: &HeaderMap) -> Result<SecretText, Problem> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Err(Code::Unauthenticated.into());
    };
    line.to_str()
        .ok()
        .and_then(|line| line.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| SecretText::new(token.trim_start_matches(' ').to_owned()))
        .ok_or_else(|| Code::Unauthenticated.into())
}

/// What the client calls itself: shown to people and kept, so without what could disturb either.
fn agent(headers: &HeaderMap) -> Option<String> {
    let line = headers.get(header::USER_AGENT)?;
    let text = String::from_utf8_lossy(line.as_bytes());
    let agent: String =
        text.chars().filter(|symbol| !symbol.is_control()).take(AGENT_LENGTH).collect();
    (!agent.is_empty()).then_some(agent)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(name: &HeaderName, lines: &[&[u8]]) -> HeaderMap {
        let value = |line: &&[u8]| HeaderValue::from_bytes(line).unwrap();
        lines.iter().map(|line| (name.clone(), value(line))).collect()
    }

    fn token(lines: &[&[u8]]) -> Option<String> {
        bearer(&headers(&header::AUTHORIZATION, lines)).ok().map(|token| token.expose().to_owned())
    }

    #[test]
    fn a_bearer_token_comes_in_one_header_of_its_scheme() {
        assert_eq!(token(&[b"Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(token(&[b"bearer  abc"]).as_deref(), Some("abc"));
        assert_eq!(token(&[]), None);
        assert_eq!(token(&[b"Bearer a", b"Bearer a"]), None);
        for odd in ["Bearer", "abc", "Basic abc", "Bearer\tabc"] {
            assert_eq!(token(&[odd.as_bytes()]), None, "{odd}");
        }
    }

    #[test]
    fn a_clients_name_is_short_and_plain() {
        let named = |line: &[u8]| agent(&headers(&header::USER_AGENT, &[line]));
        assert_eq!(named(b"curl/8\t(x)").as_deref(), Some("curl/8(x)"));
        assert_eq!(named("caf\u{e9}\u{9b}".as_bytes()).as_deref(), Some("caf\u{e9}"));
        assert_eq!(named(&[b'a'; 999]).unwrap().len(), AGENT_LENGTH);
        assert_eq!(named(b"\t"), None);
        assert_eq!(agent(&HeaderMap::new()), None);
    }
}
