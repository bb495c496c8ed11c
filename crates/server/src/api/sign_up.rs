//! `/auth/register`: registering an address and finishing that with the mailed link.

use std::sync::Arc;

use aide::axum::{ApiRouter, routing::post_with};
use axum::{extract::State, http::StatusCode};
use nightlatch_core::SecretText;
use nightlatch_flows::{
    Env,
    sign_up::{register, verify},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{
    body::{Answer, Json},
    caller::ClientInfo,
    doc::{Describe, Tag},
    problem::{Code, Problem},
    values::Shown,
    views::Tokens,
};

pub(super) fn routes() -> ApiRouter<Arc<Env>> {
    ApiRouter::new()
        .api_route(
            "/auth/register",
            post_with(register, |call| {
                call.call("register", Tag::SignUp, "Register an address.").refuses(&[
                    Code::InvalidValues,
                    Code::InvalidToken,
                    Code::RegistrationClosed,
                ])
            }),
        )
        .api_route(
            "/auth/register/verify",
            post_with(verify, |call| {
                call.call("verify_registration", Tag::SignUp, "Finish with the mailed link.")
                    .refuses(&[
                        Code::InvalidToken,
                        Code::PasswordRequired,
                        Code::InvalidValues,
                        Code::RegistrationClosed,
                    ])
            }),
        )
        .api_route(
            "/auth/register/resend",
            post_with(resend, |call| {
                call.call("resend_registration", Tag::SignUp, "Mail the link again.")
                    .response_with::<202, (), _>(|answer| {
                        answer.description("The same for every address.")
                    })
                    .refuses(&[Code::InvalidValues])
            }),
        )
}

/// What is registered.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Register {
    /// The address.
    email: String,
    /// The password; without one it comes with the mailed link.
    #[schemars(with = "Option<String>")]
    password: Option<SecretText>,
    /// How the person is called.
    name: Option<String>,
    /// An administrator's invitation.
    #[schemars(with = "Option<String>")]
    invite: Option<SecretText>,
    /// The language (BCP 47).
    locale: Option<String>,
}

/// The same answer for every address, whether it has an account or not.
#[derive(Serialize, JsonSchema)]
struct Registered {
    /// The address, as it was given.
    email: String,
    /// How the person is called.
    name: Option<String>,
    /// Whether a mail has to be answered before there is an account.
    verification_required: bool,
    /// Finishes the registration with the password that was sent now.
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_token: Option<Shown>,
}

/// `POST /auth/register`
async fn register(
    State(env): State<Arc<Env>>,
    Json(body): Json<Register>,
) -> Result<Answer<201, Registered>, Problem> {
    let Register { email, password, name, invite, locale } = body;
    let input = register::Input { email, password, name, invite, locale };
    let registered = register::register(&env, input).await?;
    Ok(Answer(Registered {
        email: registered.email,
        name: registered.name,
        verification_required: registered.verification_required,
        registration_token: registered.registration_token.map(Shown::from),
    }))
}

/// The mailed link's token, and one of the two others.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Verify {
    /// From the mailed link.
    #[schemars(with = "String")]
    token: SecretText,
    /// From the answer to the registration: keeps the password that was chosen there.
    #[schemars(with = "Option<String>")]
    registration_token: Option<SecretText>,
    /// A password chosen now.
    #[schemars(with = "Option<String>")]
    password: Option<SecretText>,
}

/// `POST /auth/register/verify`
async fn verify(
    State(env): State<Arc<Env>>,
    ClientInfo(client): ClientInfo,
    Json(body): Json<Verify>,
) -> Result<Json<Tokens>, Problem> {
    let (kept, password) = (body.registration_token.as_ref(), body.password);
    Ok(Json(verify::verify(&env, &client, &body.token, kept, password).await?.into()))
}

/// An address that waits for its mail.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Resend {
    /// The address.
    email: String,
}

/// `POST /auth/register/resend`
async fn resend(
    State(env): State<Arc<Env>>,
    Json(body): Json<Resend>,
) -> Result<StatusCode, Problem> {
    register::resend(&env, &body.email).await?;
    Ok(StatusCode::ACCEPTED)
}
