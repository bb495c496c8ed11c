//! `/auth/step-up`: proving again, in a session, who one is.

use std::sync::Arc;

use aide::axum::{ApiRouter, routing::post_with};
use axum::extract::State;
use nightlatch_core::{SecretText, proof::Factor};
use nightlatch_flows::{Env, step_up};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{
    body::{Answer, Either, Json, MAX_CREDENTIAL_KIB},
    caller::{ClientInfo, SignedIn},
    doc::{Describe, Tag},
    fields::{self, Credential},
    problem::{Code, Problem},
    views::Tokens,
    webauthn::Asked,
};

pub(super) fn routes() -> ApiRouter<Arc<Env>> {
    ApiRouter::new()
        .api_route(
            "/auth/step-up/options",
            post_with(options, |call| {
                let summary = "Ask for a credential, or have a code sent.";
                call.call("step_up_options", Tag::StepUp, summary).bearer().refuses(&[
                    Code::MethodNotAllowed,
                    Code::InvalidValues,
                    Code::TooManyAttempts,
                ])
            }),
        )
        .api_route(
            "/auth/step-up",
            post_with(step_up, |call| {
                call.call("step_up", Tag::StepUp, "Prove a factor again.").bearer().refuses(&[
                    Code::InvalidCode,
                    Code::MethodNotAllowed,
                    Code::InvalidValues,
                    Code::TooManyAttempts,
                ])
            }),
        )
}

/// A method that needs preparing before it can be proved.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StepUpOptions {
    /// The method's type: `webauthn` or `email`.
    method: String,
    /// Which method, where there are several of the type.
    method_id: Option<String>,
}

/// A code is on its way.
#[derive(Serialize, JsonSchema)]
struct Mailed {
    /// Where to, masked.
    sent_to: String,
    /// Seconds that the code lives.
    expires_in: u64,
    /// Seconds until another one may be asked for.
    resend_in: u64,
}

/// `POST /auth/step-up/options`
async fn options(
    State(env): State<Arc<Env>>,
    SignedIn(signed): SignedIn,
    Json(body): Json<StepUpOptions>,
) -> Result<Either<Json<Asked>, Answer<202, Mailed>>, Problem> {
    let method = fields::method_id(body.method_id.as_deref())?;
    match fields::factor(&body.method)? {
        Factor::WebAuthn => {
            let options = step_up::credential::options(&env, &signed, method).await?;
            Ok(Either::One(Json(options.into())))
        }
        factor @ (Factor::Password | Factor::Totp | Factor::BackupCode | Factor::Email) => {
            let sent = step_up::options(&env, &signed, factor).await?;
            Ok(Either::Other(Answer(Mailed {
                sent_to: sent.sent_to,
                expires_in: step_up::MAIL_CODE_LIFETIME.as_secs(),
                resend_in: step_up::RESEND_AFTER.as_secs(),
            })))
        }
    }
}

/// A factor that is proved again, in exactly one of these forms.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
enum StepUp {
    /// A code of a method.
    Code {
        /// The method's type.
        method: String,
        /// Which method, where there are several of the type.
        method_id: Option<String>,
        /// The code.
        #[schemars(with = "String")]
        code: SecretText,
    },
    /// The password.
    Password {
        /// `password`.
        method: String,
        /// The password.
        #[schemars(with = "String")]
        password: SecretText,
    },
    /// A WebAuthn credential.
    Credential {
        /// `webauthn`.
        method: String,
        /// The challenge that was answered.
        #[schemars(with = "String")]
        challenge_token: SecretText,
        /// `AuthenticationResponseJSON`, as the browser gave it.
        credential: Credential,
    },
}

/// `POST /auth/step-up`
async fn step_up(
    State(env): State<Arc<Env>>,
    ClientInfo(client): ClientInfo,
    SignedIn(signed): SignedIn,
    Json(body): Json<StepUp, MAX_CREDENTIAL_KIB>,
) -> Result<Json<Tokens>, Problem> {
    let signed = Arc::unwrap_or_clone(signed);
    let tokens = match body {
        StepUp::Code { method, method_id, code } => {
            let method_id = fields::method_id(method_id.as_deref())?;
            let factor = fields::factor(&method)?;
            step_up::by_code(&env, &client, signed, factor, &code, method_id).await?
        }
        StepUp::Password { method, password } => {
            fields::is(&method, Factor::Password)?;
            step_up::by_password(&env, &client, signed, password).await?
        }
        StepUp::Credential { method, challenge_token, credential } => {
            fields::is(&method, Factor::WebAuthn)?;
            let answer = credential.to_json();
            step_up::credential::answer(&env, &client, signed, &challenge_token, &answer).await?
        }
    };
    Ok(Json(tokens.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::strict;

    #[track_caller]
    fn check(body: &Value, expected: Option<&str>) {
        let form = match strict::read(&serde_json::to_vec(body).unwrap()) {
            Ok(StepUp::Code { .. }) => Some("code"),
            Ok(StepUp::Password { .. }) => Some("password"),
            Ok(StepUp::Credential { .. }) => Some("credential"),
            Err(_) => None,
        };
        assert_eq!(form, expected, "{body}");
    }

    #[test]
    fn a_step_up_takes_a_code_a_password_or_a_credential() {
        check(&json!({ "method": "totp", "code": "123456" }), Some("code"));
        check(&json!({ "method": "totp", "method_id": "mth_", "code": "1" }), Some("code"));
        check(&json!({ "method": "password", "password": "p" }), Some("password"));
        let mut credential =
            json!({ "method": "webauthn", "challenge_token": "nlc_", "credential": { "id": [1] } });
        check(&credential, Some("credential"));
        credential["code"] = json!("123456");
        check(&credential, None);
        check(&json!({ "method": "totp", "code": "1", "password": "p" }), None);
        check(&json!({ "method": "totp" }), None);
        check(&json!({ "code": "123456" }), None);
    }
}
