//! What clients read before anybody signs in: the offer of this server, and its keys.

use std::sync::Arc;

use aide::axum::{ApiRouter, routing::get_with};
use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, Uri, header},
};
use nightlatch_flows::{Env, Settings, settings::Registration, tokens::Jwk};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::{
    body::Json,
    doc::{Describe, Tag},
    values::names,
};

/// The languages that texts are written in.
const LANGUAGES: [&str; 1] = ["en"];

/// Keys are kept by whoever checks tokens, and not for long: they are replaced.
const CACHED: (HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));

pub(super) fn routes() -> ApiRouter<Arc<Env>> {
    ApiRouter::new()
        .api_route(
            "/auth/config",
            get_with(config, |call| {
                call.call("config", Tag::SignUp, "Read what this server offers.")
            }),
        )
        .api_route(
            "/.well-known/jwks.json",
            get_with(jwks, |call| {
                call.call("jwks", Tag::Around, "Read the keys of access tokens.")
                    .response::<200, Json<KeySet>>()
            }),
        )
}

/// What this server offers to everybody.
#[derive(Serialize, JsonSchema)]
struct Offer {
    /// Who may register: `open`, `invite` or `closed`.
    registration: &'static str,
    /// Whether a mail has to be answered before there is an account.
    verify_email: bool,
    /// The domain that passkeys are bound to.
    rp_id: String,
    /// The types of second factors that are allowed.
    method_types: Vec<&'static str>,
    /// What a password must be like.
    password: PasswordRules,
    /// The languages of texts (BCP 47).
    languages: [&'static str; 1],
}

/// What a password must be like.
#[derive(Serialize, JsonSchema)]
struct PasswordRules {
    /// Characters it needs as an account's only factor.
    min_length: usize,
}

impl From<&Settings> for Offer {
    fn from(settings: &Settings) -> Self {
        Self {
            registration: match settings.registration {
                Registration::Open => "open",
                Registration::Invite => "invite",
                Registration::Closed => "closed",
            },
            verify_email: settings.verify_email,
            rp_id: host(&settings.public_url),
            method_types: names(&settings.allowed.0),
            password: PasswordRules { min_length: settings.password_min_length },
            languages: LANGUAGES,
        }
    }
}

/// The host of a URL, without its port.
fn host(url: &str) -> String {
    let url: Option<Uri> = url.parse().ok();
    url.as_ref().and_then(Uri::host).unwrap_or_default().to_owned()
}

/// `GET /auth/config`
async fn config(State(env): State<Arc<Env>>) -> Json<Offer> {
    Json(Offer::from(&env.settings))
}

/// The public keys of access tokens (RFC 7517), the one in use first.
#[derive(Serialize, JsonSchema)]
struct KeySet {
    #[schemars(with = "Vec<std::collections::BTreeMap<String, String>>")]
    keys: Vec<Jwk>,
}

/// `GET /.well-known/jwks.json`
async fn jwks(State(env): State<Arc<Env>>) -> ([(HeaderName, HeaderValue); 1], Json<KeySet>) {
    ([CACHED], Json(KeySet { keys: env.tokens.public_keys() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_are_bound_to_the_host_of_the_public_url() {
        assert_eq!(host("https://id.example.com"), "id.example.com");
        assert_eq!(host("http://localhost:8080"), "localhost");
        assert_eq!(host("https://id.example.com/mfa"), "id.example.com");
    }
}
