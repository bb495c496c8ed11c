//! `/auth/mfa`: enrolling and managing second factors.

use std::sync::Arc;

use aide::axum::{
    ApiRouter,
    routing::{get_with, patch_with, post_with},
};
use axum::{extract::State, response::NoContent};
use nightlatch_core::{
    MethodId, SecretText, factors::webauthn::base64url, methods::Allowed, proof::Factor,
};
use nightlatch_flows::{Env, enrol::totp, manage::methods};
use nightlatch_store::units::methods::CodeSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{
    body::Json,
    caller::{ClientInfo, Enrolling, SignedIn},
    doc::{Describe, Tag},
    optional_body,
    params::Id,
    problem::{Code, Problem},
    values::{Shown, Time},
    views::{Method, Tokens},
};

pub(super) fn routes() -> ApiRouter<Arc<Env>> {
    enrolling().merge(managing())
}

fn enrolling() -> ApiRouter<Arc<Env>> {
    ApiRouter::new()
        .api_route(
            "/auth/mfa/available",
            get_with(available, |call| {
                call.call("available_methods", Tag::Methods, "List what can be enrolled.").bearer()
            }),
        )
        .api_route(
            "/auth/mfa/enable",
            post_with(enable, |call| {
                call.call("enable_totp", Tag::Methods, "Begin to enrol an authenticator app.")
                    .bearer()
                    .with(optional_body)
                    .refuses(&[
                        Code::MfaRequired,
                        Code::MethodNotAllowed,
                        Code::AlreadyEnabled,
                        Code::InvalidValues,
                        Code::Conflict,
                    ])
            }),
        )
        .api_route(
            "/auth/mfa/confirm",
            post_with(confirm, |call| {
                call.call("confirm_totp", Tag::Methods, "Confirm an authenticator app.")
                    .bearer()
                    .refuses(&[Code::SetupNotFound, Code::InvalidSetupCode, Code::InvalidValues])
            }),
        )
}

fn managing() -> ApiRouter<Arc<Env>> {
    ApiRouter::new()
        .api_route(
            "/auth/mfa/methods",
            get_with(list, |call| {
                call.call("methods", Tag::Methods, "List one's own methods.").bearer()
            }),
        )
        .api_route(
            "/auth/mfa/methods/{id}",
            patch_with(rename, |call| {
                call.call("rename_method", Tag::Methods, "Give a method another name.")
                    .bearer()
                    .refuses(&[Code::MfaRequired, Code::InvalidValues])
            })
            .delete_with(remove, |call| {
                call.call("remove_method", Tag::Methods, "Remove a method.").bearer().refuses(&[
                    Code::MfaRequired,
                    Code::LastMethod,
                    Code::Conflict,
                ])
            }),
        )
}

/// What can be enrolled.
#[derive(Serialize, JsonSchema)]
struct Available {
    types: Vec<AvailableType>,
}

/// One type of methods.
#[derive(Serialize, JsonSchema)]
struct AvailableType {
    /// Its name.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Whether it may be enrolled.
    allowed: bool,
    /// Why it may not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl Available {
    fn new(allowed: &Allowed) -> Self {
        let types = [Factor::WebAuthn, Factor::Totp, Factor::BackupCode].map(|factor| {
            let allowed = allowed.0.contains(&factor);
            let reason = (!allowed).then_some("not_allowed_by_policy");
            AvailableType { kind: factor.as_str(), allowed, reason }
        });
        Self { types: types.into() }
    }
}

/// `GET /auth/mfa/available`
async fn available(State(env): State<Arc<Env>>, _: Enrolling) -> Json<Available> {
    Json(Available::new(&env.settings.allowed))
}

/// What the new method is called.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Enable {
    /// Needed for a second authenticator app.
    name: Option<String>,
}

/// What sets up an authenticator app. Shown once; nothing counts until it is confirmed.
#[derive(Serialize, JsonSchema)]
struct Setup {
    /// The seed in base32, for typing.
    secret: Shown,
    /// The Key URI.
    otpauth_uri: Shown,
    /// The Key URI as a QR code: a PNG in a `data:` URI.
    qr_code: Shown,
    /// The Key URI as a QR code: an SVG document.
    qr_svg: Shown,
    /// Recovery codes that count once the app is confirmed, if the account has none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_codes: Option<Vec<Shown>>,
    /// Seconds that the enrolment waits to be confirmed.
    expires_in: u64,
}

impl From<totp::Setup> for Setup {
    fn from(setup: totp::Setup) -> Self {
        let shown = |codes: Vec<SecretText>| codes.into_iter().map(Shown::from).collect();
        Self {
            secret: setup.secret.into(),
            otpauth_uri: setup.otpauth_uri.into(),
            qr_code: setup.pictures.png.into(),
            qr_svg: setup.pictures.svg.into(),
            backup_codes: setup.backup_codes.map(shown),
            expires_in: totp::PENDING_LIFETIME.as_secs(),
        }
    }
}

/// `POST /auth/mfa/enable`
async fn enable(
    State(env): State<Arc<Env>>,
    Enrolling(caller): Enrolling,
    body: Option<Json<Enable>>,
) -> Result<Json<Setup>, Problem> {
    let name = body.and_then(|Json(body)| body.name);
    Ok(Json(totp::enable(&env, &caller, name.as_deref()).await?.into()))
}

/// The first code of a new authenticator app.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Confirm {
    /// 6 to 8 digits.
    #[schemars(with = "String")]
    token: SecretText,
}

/// The method counts from now on.
#[derive(Serialize, JsonSchema)]
struct Confirmed {
    /// For people.
    message: &'static str,
    /// The new method.
    method: Method,
    /// Of the session, which the new method has raised.
    tokens: Tokens,
}

/// `POST /auth/mfa/confirm`
async fn confirm(
    State(env): State<Arc<Env>>,
    ClientInfo(client): ClientInfo,
    Enrolling(caller): Enrolling,
    Json(body): Json<Confirm>,
) -> Result<Json<Confirmed>, Problem> {
    let confirmed = totp::confirm(&env, &client, &caller, &body.token).await?;
    Ok(Json(Confirmed {
        message: "MFA enabled successfully",
        method: confirmed.method.into(),
        tokens: confirmed.tokens.into(),
    }))
}

/// One's own methods and recovery codes.
#[derive(Serialize, JsonSchema)]
struct MethodList {
    methods: Vec<Method>,
    /// Null without recovery codes.
    recovery_codes: Option<RecoveryCodes>,
    /// What a client may tell the person's authenticators of this account.
    signals: Signals,
}

/// For `PublicKeyCredential.signalAllAcceptedCredentials` and `signalCurrentUserDetails`.
#[derive(Serialize, JsonSchema)]
struct Signals {
    /// The relying party.
    rp_id: String,
    /// The account's handle, as base64url.
    user_id: String,
    /// The ids of all its credentials, as base64url.
    all_accepted_credential_ids: Vec<String>,
    /// Its address.
    name: String,
    /// What its owner is called.
    display_name: String,
}

impl From<methods::Signals> for Signals {
    fn from(signals: methods::Signals) -> Self {
        Self {
            rp_id: signals.rp_id,
            user_id: base64url::encode(&signals.user_handle),
            all_accepted_credential_ids: signals
                .credential_ids
                .iter()
                .map(|id| base64url::encode(id))
                .collect(),
            name: signals.name,
            display_name: signals.display_name,
        }
    }
}

/// How many recovery codes there are.
#[derive(Serialize, JsonSchema)]
struct RecoveryCodes {
    /// How many there were.
    total: i64,
    /// How many are not spent.
    remaining: i64,
    /// When they were made.
    generated_at: Time,
}

impl From<CodeSet> for RecoveryCodes {
    fn from(set: CodeSet) -> Self {
        let CodeSet { total, remaining, generated_at, .. } = set;
        Self { total, remaining, generated_at: generated_at.into() }
    }
}

/// `GET /auth/mfa/methods`
async fn list(
    State(env): State<Arc<Env>>,
    SignedIn(signed): SignedIn,
) -> Result<Json<MethodList>, Problem> {
    let listed = methods::list(&env, &signed).await?;
    Ok(Json(MethodList {
        methods: listed.holding.methods.into_iter().map(Method::from).collect(),
        recovery_codes: listed.codes.map(RecoveryCodes::from),
        signals: listed.signals.into(),
    }))
}

/// Another name for a method.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rename {
    /// 1 to 100 characters.
    name: String,
}

/// The method as it is now.
#[derive(Serialize, JsonSchema)]
struct Renamed {
    method: Method,
}

/// `PATCH /auth/mfa/methods/{id}`
async fn rename(
    State(env): State<Arc<Env>>,
    SignedIn(signed): SignedIn,
    Id(id): Id<MethodId>,
    Json(body): Json<Rename>,
) -> Result<Json<Renamed>, Problem> {
    let method = methods::rename(&env, &signed, id, &body.name).await?.into();
    Ok(Json(Renamed { method }))
}

/// `DELETE /auth/mfa/methods/{id}`
async fn remove(
    State(env): State<Arc<Env>>,
    SignedIn(signed): SignedIn,
    Id(id): Id<MethodId>,
) -> Result<NoContent, Problem> {
    methods::remove(&env, &signed, id).await?;
    Ok(NoContent)
}
