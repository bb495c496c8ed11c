//! `/auth/login`: the password, then the second factor.

use std::sync::Arc;

use aide::axum::{ApiRouter, routing::post_with};
use axum::extract::State;
use nightlatch_core::{SecretText, proof::Factor};
use nightlatch_flows::{
    Env,
    sign_in::{credential, password, second_factor, second_password},
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::{
    body::{Json, MAX_CREDENTIAL_KIB},
    caller::ClientInfo,
    doc::{Describe, Tag},
    fields::{self, Credential},
    problem::{Code, Problem},
    views::SignIn,
    webauthn::Asked,
};

/// What the password alone can be refused with.
const FIRST: [Code; 6] = [
    Code::InvalidCredentials,
    Code::AccountDisabled,
    Code::EmailUnverified,
    Code::RecoveryRequired,
    Code::InvalidValues,
    Code::TooManyAttempts,
];

pub(super) fn routes() -> ApiRouter<Arc<Env>> {
    ApiRouter::new()
        .api_route(
            "/auth/login",
            post_with(login, |call| {
                call.call("login", Tag::SignIn, "Sign in with address and password.")
                    .refuses(&FIRST)
            }),
        )
        .api_route(
            "/auth/login/mfa",
            post_with(login_mfa, |call| {
                call.call("login_mfa", Tag::SignIn, "Complete a sign-in with a second factor.")
                    .refuses(&FIRST)
                    .refuses(&[Code::InvalidCode, Code::FlowEnded, Code::MethodNotAllowed])
            }),
        )
        .api_route(
            "/auth/login/mfa/options",
            post_with(login_mfa_options, |call| {
                call.call("login_mfa_options", Tag::SignIn, "Ask for a credential.").refuses(&[
                    Code::FlowEnded,
                    Code::MethodNotAllowed,
                    Code::InvalidValues,
                ])
            }),
        )
}

/// Address and password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    /// The address.
    email: String,
    /// The password.
    #[schemars(with = "String")]
    password: SecretText,
    /// What this device got at its last sign-in.
    #[schemars(with = "Option<String>")]
    device_token: Option<SecretText>,
}

/// `POST /auth/login`
async fn login(
    State(env): State<Arc<Env>>,
    ClientInfo(client): ClientInfo,
    Json(body): Json<Login>,
) -> Result<Json<SignIn>, Problem> {
    let Login { email, password, device_token } = body;
    let input = password::Input { email, password, device_token, mfa_token: None };
    Ok(Json(password::sign_in(&env, &client, input).await?.into()))
}

/// A second factor, in exactly one of these forms.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
enum LoginMfa {
    /// A code of a method.
    Code {
        /// Continues the sign-in.
        #[schemars(with = "String")]
        temp_token: SecretText,
        /// The method's type.
        method: String,
        /// Which method, where there are several of the type.
        method_id: Option<String>,
        /// The code.
        #[schemars(with = "String")]
        code: SecretText,
        /// Every completed sign-in answers a device token, so this changes nothing.
        #[expect(dead_code, reason = "clients of the contract may send it")]
        remember_device: Option<bool>,
    },
    /// A code that says by its form what it is.
    Token {
        /// Continues the sign-in.
        #[schemars(with = "String")]
        temp_token: SecretText,
        /// 6 to 8 digits, or the 16 symbols of a recovery code.
        #[schemars(with = "String")]
        mfa_token: SecretText,
    },
    /// Both factors in one shot.
    OneShot {
        /// The address.
        email: String,
        /// The password.
        #[schemars(with = "String")]
        password: SecretText,
        /// Looked at only after the right password.
        #[schemars(with = "Option<String>")]
        mfa_token: Option<SecretText>,
    },
    /// The password, after a factor that came before it.
    Password {
        /// Continues the sign-in.
        #[schemars(with = "String")]
        temp_token: SecretText,
        /// `password`.
        method: String,
        /// The password.
        #[schemars(with = "String")]
        password: SecretText,
    },
    /// A WebAuthn credential.
    Credential {
        /// Continues the sign-in.
        #[schemars(with = "String")]
        temp_token: SecretText,
        /// `webauthn`.
        method: String,
        /// The challenge that was answered.
        #[schemars(with = "String")]
        challenge_token: SecretText,
        /// `AuthenticationResponseJSON`, as the browser gave it.
        credential: Credential,
    },
}

/// `POST /auth/login/mfa`
async fn login_mfa(
    State(env): State<Arc<Env>>,
    ClientInfo(client): ClientInfo,
    Json(body): Json<LoginMfa, MAX_CREDENTIAL_KIB>,
) -> Result<Json<SignIn>, Problem> {
    let tokens = match body {
        LoginMfa::Code { temp_token, method, method_id, code, .. } => {
            let code = second_factor::parse(fields::factor(&method)?, &code)?;
            let method = fields::method_id(method_id.as_deref())?;
            second_factor::answer(&env, &client, &temp_token, code, method).await?
        }
        LoginMfa::Token { temp_token, mfa_token } => {
            let code = fields::mfa_token(&mfa_token)?;
            second_factor::answer(&env, &client, &temp_token, code, None).await?
        }
        LoginMfa::OneShot { email, password, mfa_token } => {
            let mfa_token = mfa_token.as_ref().map(fields::mfa_token).transpose()?;
            let input = password::Input { email, password, device_token: None, mfa_token };
            return Ok(Json(password::sign_in(&env, &client, input).await?.into()));
        }
        LoginMfa::Password { temp_token, method, password } => {
            fields::is(&method, Factor::Password)?;
            second_password::answer(&env, &client, &temp_token, password).await?
        }
        LoginMfa::Credential { temp_token, method, challenge_token, credential: answer } => {
            fields::is(&method, Factor::WebAuthn)?;
            let answer = answer.to_json();
            credential::answer(&env, &client, &temp_token, &challenge_token, &answer).await?
        }
    };
    Ok(Json(tokens.into()))
}

/// A method that needs preparing before it can answer.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LoginMfaOptions {
    /// Continues the sign-in.
    #[schemars(with = "String")]
    temp_token: SecretText,
    /// The method's type.
    method: String,
    /// Which method, where there are several of the type.
    method_id: Option<String>,
}

/// `POST /auth/login/mfa/options`
async fn login_mfa_options(
    State(env): State<Arc<Env>>,
    Json(body): Json<LoginMfaOptions>,
) -> Result<Json<Asked>, Problem> {
    let method = fields::method_id(body.method_id.as_deref())?;
    match fields::factor(&body.method)? {
        Factor::WebAuthn => {
            Ok(Json(credential::options(&env, &body.temp_token, method).await?.into()))
        }
        Factor::Password | Factor::Totp | Factor::BackupCode | Factor::Email => {
            Err(second_factor::not_offered(&env, &body.temp_token).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::strict;

    fn form(body: &Value) -> Option<&'static str> {
        let form = strict::read(&serde_json::to_vec(body).unwrap()).ok()?;
        Some(match form {
            LoginMfa::Code { .. } => "code",
            LoginMfa::Token { .. } => "token",
            LoginMfa::OneShot { .. } => "one shot",
            LoginMfa::Password { .. } => "password",
            LoginMfa::Credential { .. } => "credential",
        })
    }

    #[track_caller]
    fn check(body: &Value, expected: Option<&str>) {
        assert_eq!(form(body), expected, "{body}");
    }

    #[test]
    fn each_form_of_the_contract_is_told_from_the_others() {
        let code = json!({ "temp_token": "nlt_", "method": "totp", "code": "123456" });
        check(&code, Some("code"));
        let mut whole = code;
        whole["method_id"] = json!("mth_");
        whole["remember_device"] = json!(true);
        check(&whole, Some("code"));
        check(&json!({ "temp_token": "nlt_", "mfa_token": "123456" }), Some("token"));
        check(&json!({ "email": "a@b.c", "password": "p" }), Some("one shot"));
        check(&json!({ "email": "a@b.c", "password": "p", "mfa_token": "1" }), Some("one shot"));
        let password = json!({ "temp_token": "nlt_", "method": "password", "password": "p" });
        check(&password, Some("password"));
        let credential = json!({
            "temp_token": "nlt_", "method": "webauthn", "challenge_token": "nlc_",
            "credential": { "id": "x", "new": [1] },
        });
        check(&credential, Some("credential"));
    }

    #[test]
    fn a_mixture_of_forms_or_a_part_of_one_is_refused() {
        for odd in [
            json!({}),
            json!({ "temp_token": "nlt_" }),
            json!({ "temp_token": "nlt_", "code": "123456" }),
            json!({ "temp_token": "nlt_", "method": "totp" }),
            json!({ "temp_token": "nlt_", "mfa_token": 123_456 }),
            json!({ "temp_token": "nlt_", "mfa_token": "123456", "code": "123456" }),
            json!({ "temp_token": "nlt_", "email": "a@b.c", "password": "p" }),
            json!({ "email": "a@b.c", "password": "p", "device_token": "d" }),
            json!({ "temp_token": "nlt_", "method": "totp", "code": "1", "password": "p" }),
        ] {
            check(&odd, None);
        }
    }
}
