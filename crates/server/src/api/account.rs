//! `/auth/me` and `/auth/password`: what people read and change of their own account.

use std::sync::Arc;

use aide::axum::{
    ApiRouter,
    routing::{get_with, post_with},
};
use axum::{extract::State, response::NoContent};
use nightlatch_core::{SecretText, UserId};
use nightlatch_flows::{Env, account};
use nightlatch_store::units::account::Account;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{
    body::Json,
    caller::{ClientInfo, SignedIn},
    doc::{Describe, Tag},
    problem::{Code, Problem},
    values::Time,
};

pub(super) fn routes() -> ApiRouter<Arc<Env>> {
    ApiRouter::new()
        .api_route(
            "/auth/me",
            get_with(read, |call| {
                call.call("me", Tag::Account, "Read one's own account.").bearer()
            })
            .patch_with(patch, |call| {
                call.call("change_me", Tag::Account, "Change one's name or language.")
                    .bearer()
                    .refuses(&[Code::InvalidValues])
            }),
        )
        .api_route(
            "/auth/password",
            post_with(password, |call| {
                call.call("change_password", Tag::Account, "Change one's password.")
                    .bearer()
                    .refuses(&[
                        Code::MfaRequired,
                        Code::InvalidCode,
                        Code::InvalidValues,
                        Code::TooManyAttempts,
                        Code::Conflict,
                    ])
            }),
        )
}

/// One's own account.
#[derive(Serialize, JsonSchema)]
struct Me {
    /// Its identity.
    #[schemars(with = "String")]
    id: UserId,
    /// The address.
    email: String,
    /// Whether control of the address was shown.
    email_verified: bool,
    /// How the person is called.
    name: Option<String>,
    /// The language (BCP 47).
    locale: Option<String>,
    /// When it was made.
    created_at: Time,
    /// Whether there is a password.
    password_set: bool,
    /// The organisations the person belongs to.
    organizations: [String; 0],
}

impl From<Account> for Me {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            email: account.email,
            email_verified: account.email_verified_at.is_some(),
            name: account.name,
            locale: account.locale,
            created_at: account.created_at.into(),
            password_set: account.password.is_some(),
            organizations: [],
        }
    }
}

/// `GET /auth/me`
async fn read(SignedIn(signed): SignedIn) -> Json<Me> {
    Json(signed.account.clone().into())
}

/// What changes; what is absent stays.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PatchMe {
    /// How the person is called.
    name: Option<String>,
    /// The language (BCP 47).
    locale: Option<String>,
}

/// `PATCH /auth/me`
async fn patch(
    State(env): State<Arc<Env>>,
    SignedIn(signed): SignedIn,
    Json(body): Json<PatchMe>,
) -> Result<Json<Me>, Problem> {
    let (name, locale) = (body.name.as_deref(), body.locale.as_deref());
    Ok(Json(account::patch(&env, &signed, name, locale).await?.into()))
}

/// A new password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ChangePassword {
    /// The password so far; may be left out shortly after it was proved.
    #[schemars(with = "Option<String>")]
    current_password: Option<SecretText>,
    /// The password from now on.
    #[schemars(with = "String")]
    new_password: SecretText,
}

/// `POST /auth/password`
async fn password(
    State(env): State<Arc<Env>>,
    ClientInfo(client): ClientInfo,
    SignedIn(signed): SignedIn,
    Json(body): Json<ChangePassword>,
) -> Result<NoContent, Problem> {
    let ChangePassword { current_password, new_password } = body;
    let signed = Arc::unwrap_or_clone(signed);
    account::change_password(&env, &client, signed, current_password, new_password).await?;
    Ok(NoContent)
}
