//! What clients read before anybody signs in: the offer of this server, and its keys.

use std::sync::Arc;

use aide::axum::{ApiRouter, routing::get_with};
use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, header},
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

/// Addresses and origins change when an operator changes them.
const KEPT: (HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));

/// Where people see to their second factors, below the public URL.
const SECURITY_PAGE: &str = "/settings/security";

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
        .api_route(
            "/.well-known/webauthn",
            get_with(related_origins, |call| {
                call.call("related_origins", Tag::Around, "Read which origins share passkeys.")
                    .response::<200, Json<RelatedOrigins>>()
            }),
        )
        .api_route(
            "/.well-known/passkey-endpoints",
            get_with(passkey_endpoints, |call| {
                call.call("passkey_endpoints", Tag::Around, "Read where passkeys are managed.")
                    .response::<200, Json<PasskeyEndpoints>>()
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
            rp_id: settings.webauthn.party.id.clone(),
            method_types: names(&settings.allowed.0),
            password: PasswordRules { min_length: settings.password_min_length },
            languages: LANGUAGES,
        }
    }
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
    ([CACHED], Json(KeySet { keys: env.tokens().public_keys() }))
}

/// The pages that may use the passkeys of this server (WebAuthn Level 3 §5.11.1).
#[derive(Serialize, JsonSchema)]
struct RelatedOrigins {
    /// Origins of pages; apps are not among them.
    origins: Vec<String>,
}

/// `GET /.well-known/webauthn`
async fn related_origins(
    State(env): State<Arc<Env>>,
) -> ([(HeaderName, HeaderValue); 1], Json<RelatedOrigins>) {
    let of_page =
        |origin: &&String| origin.starts_with("https://") || origin.starts_with("http://");
    let origins = env.settings.webauthn.party.origins.iter().filter(of_page).cloned().collect();
    ([KEPT], Json(RelatedOrigins { origins }))
}

/// Where password managers send people (W3C passkey endpoints).
#[derive(Serialize, JsonSchema)]
struct PasskeyEndpoints {
    /// The page to add a passkey on.
    enroll: String,
    /// The page to rename and remove passkeys on.
    manage: String,
}

/// `GET /.well-known/passkey-endpoints`
async fn passkey_endpoints(
    State(env): State<Arc<Env>>,
) -> ([(HeaderName, HeaderValue); 1], Json<PasskeyEndpoints>) {
    let page = format!("{}{SECURITY_PAGE}", env.settings.public_url);
    ([KEPT], Json(PasskeyEndpoints { enroll: page.clone(), manage: page }))
}
