//! `/auth/passkey` and `/auth/mfa/webauthn`: signing in by a passkey, and enrolling passkeys and
//! security keys.

use std::sync::Arc;

use aide::axum::{ApiRouter, routing::post_with};
use axum::extract::State;
use nightlatch_core::{
    SecretText,
    factors::webauthn::{
        AuthenticatorAttachment, CEREMONY_LIFETIME, CreationOptions, CredentialKind, RequestOptions,
    },
};
use nightlatch_flows::{CeremonyOptions, Env, enrol::webauthn, sign_in::passkey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{
    body::{Answer, Json, MAX_CREDENTIAL_KIB},
    caller::{ClientInfo, Enrolling},
    doc::{Describe, Tag},
    fields::Credential,
    problem::{Code, Problem},
    values::Shown,
    views::{Method, SignIn, Tokens},
};

pub(super) fn routes() -> ApiRouter<Arc<Env>> {
    signing_in().merge(enrolling())
}

fn signing_in() -> ApiRouter<Arc<Env>> {
    ApiRouter::new()
        .api_route(
            "/auth/passkey/options",
            post_with(passkey_options, |call| {
                call.call("passkey_options", Tag::SignIn, "Begin a sign-in with a passkey.")
            }),
        )
        .api_route(
            "/auth/passkey",
            post_with(sign_in, |call| {
                call.call("passkey", Tag::SignIn, "Sign in with a passkey.").refuses(&[
                    Code::InvalidPasskey,
                    Code::AccountDisabled,
                    Code::EmailUnverified,
                    Code::MethodNotAllowed,
                    Code::RecoveryRequired,
                ])
            }),
        )
}

fn enrolling() -> ApiRouter<Arc<Env>> {
    ApiRouter::new()
        .api_route(
            "/auth/mfa/webauthn/register/options",
            post_with(register_options, |call| {
                let summary = "Begin to enrol a passkey or a security key.";
                call.call("register_webauthn_options", Tag::Methods, summary).bearer().refuses(&[
                    Code::MfaRequired,
                    Code::MethodNotAllowed,
                    Code::InvalidValues,
                    Code::Conflict,
                ])
            }),
        )
        .api_route(
            "/auth/mfa/webauthn/register",
            post_with(register, |call| {
                call.call("register_webauthn", Tag::Methods, "Enrol a passkey or a security key.")
                    .bearer()
                    .refuses(&[
                        Code::InvalidCredential,
                        Code::CredentialExists,
                        Code::MethodNotAllowed,
                        Code::Conflict,
                        Code::InvalidValues,
                    ])
            }),
        )
}

/// Nothing: nobody is named.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// What a browser is asked for.
#[derive(Serialize, JsonSchema)]
pub(super) struct Asked {
    /// To be sent back with the answer; gone when it was presented.
    challenge_token: Shown,
    /// `PublicKeyCredentialRequestOptionsJSON`, for `navigator.credentials.get()`.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    public_key: RequestOptions,
    /// Seconds that the ceremony may take.
    expires_in: u64,
}

impl From<CeremonyOptions> for Asked {
    fn from(options: CeremonyOptions) -> Self {
        Self {
            challenge_token: options.challenge_token.into(),
            public_key: options.public_key,
            expires_in: CEREMONY_LIFETIME.as_secs(),
        }
    }
}

/// `POST /auth/passkey/options`
async fn passkey_options(
    State(env): State<Arc<Env>>,
    ClientInfo(client): ClientInfo,
    Json(Nothing {}): Json<Nothing>,
) -> Json<Asked> {
    Json(passkey::options(&env, &client).into())
}

/// A passkey's answer.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Passkey {
    /// The ceremony that is answered.
    #[schemars(with = "String")]
    challenge_token: SecretText,
    /// `AuthenticationResponseJSON`, as the browser gave it.
    credential: Credential,
    /// What this device got at its last sign-in.
    #[schemars(with = "Option<String>")]
    device_token: Option<SecretText>,
}

/// `POST /auth/passkey`
async fn sign_in(
    State(env): State<Arc<Env>>,
    ClientInfo(client): ClientInfo,
    Json(body): Json<Passkey, MAX_CREDENTIAL_KIB>,
) -> Result<Json<SignIn>, Problem> {
    let input = passkey::Input {
        challenge_token: &body.challenge_token,
        credential: &body.credential.to_json(),
        device_token: body.device_token.as_ref(),
    };
    Ok(Json(passkey::sign_in(&env, &client, input).await?.into()))
}

/// What is to be enrolled.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wish {
    /// `passkey`: discoverable, and verifying its owner, if the authenticator can. `security_key`: a
    /// roaming key, to be touched.
    kind: String,
    /// How the authenticator is to be attached, if it matters: `platform` or `cross-platform`.
    attachment: Option<String>,
    /// 1 to 100 characters; else the provider's name is taken.
    name: Option<String>,
}

impl Wish {
    fn read(self) -> Result<webauthn::Wish, Problem> {
        let mut kinds = CredentialKind::ALL.into_iter();
        let kind = kinds
            .find(|kind| kind.as_str() == self.kind)
            .ok_or_else(|| Problem::field("kind", "It is passkey or security_key."))?;
        let attachment = match self.attachment.as_deref() {
            None => None,
            Some("platform") => Some(AuthenticatorAttachment::Platform),
            Some("cross-platform") => Some(AuthenticatorAttachment::CrossPlatform),
            Some(_) => {
                return Err(Problem::field("attachment", "It is platform or cross-platform."));
            }
        };
        Ok(webauthn::Wish { kind, attachment, name: self.name })
    }
}

/// What a browser is asked to make.
#[derive(Serialize, JsonSchema)]
struct Making {
    /// To be sent back with the answer; gone when it was presented.
    challenge_token: Shown,
    /// `PublicKeyCredentialCreationOptionsJSON`, for `navigator.credentials.create()`.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    public_key: CreationOptions,
    /// Seconds that the ceremony may take.
    expires_in: u64,
}

/// `POST /auth/mfa/webauthn/register/options`
async fn register_options(
    State(env): State<Arc<Env>>,
    Enrolling(caller): Enrolling,
    Json(wish): Json<Wish>,
) -> Result<Json<Making>, Problem> {
    let options = webauthn::options(&env, &caller, wish.read()?).await?;
    Ok(Json(Making {
        challenge_token: options.challenge_token.into(),
        public_key: options.public_key,
        expires_in: CEREMONY_LIFETIME.as_secs(),
    }))
}

/// A new credential.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Register {
    /// The ceremony that is answered.
    #[schemars(with = "String")]
    challenge_token: SecretText,
    /// `RegistrationResponseJSON`, as the browser gave it.
    credential: Credential,
    /// 1 to 100 characters.
    name: Option<String>,
}

/// The method counts from now on.
#[derive(Serialize, JsonSchema)]
struct Registered {
    /// The new method.
    method: Method,
    /// Of the session, which the new method has raised.
    tokens: Tokens,
    /// Recovery codes, shown once, if this is the account's first second factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_codes: Option<Vec<Shown>>,
}

/// `POST /auth/mfa/webauthn/register`
async fn register(
    State(env): State<Arc<Env>>,
    ClientInfo(client): ClientInfo,
    Enrolling(caller): Enrolling,
    Json(body): Json<Register, MAX_CREDENTIAL_KIB>,
) -> Result<Answer<201, Registered>, Problem> {
    let Register { challenge_token, credential, name } = body;
    let (answer, name) = (credential.to_json(), name.as_deref());
    let enrolled =
        webauthn::finish(&env, &client, &caller, &challenge_token, &answer, name).await?;
    let shown = |codes: Vec<SecretText>| codes.into_iter().map(Shown::from).collect();
    Ok(Answer(Registered {
        method: enrolled.method.into(),
        tokens: enrolled.tokens.into(),
        backup_codes: enrolled.backup_codes.map(shown),
    }))
}
