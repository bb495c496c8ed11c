//! `/auth/step-up`: proving again, in a session, who one is.

use std::sync::Arc;

use aide::axum::{ApiRouter, routing::post_with};
use axum::extract::State;
use nightlatch_core::{SecretText, proof::Factor};
use nightlatch_flows::{Env, step_up};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{
    body::{Answer, Json},
    caller::{ClientInfo, SignedIn},
    doc::{Describe, Tag},
    fields,
    problem::{Code, Problem},
    views::Tokens,
};

pub(super) fn routes() -> ApiRouter<Arc<Env>> {
    ApiRouter::new()
        .api_route(
            "/auth/step-up/options",
            post_with(options, |call| {
                call.call("step_up_options", Tag::StepUp, "Have a code sent.").bearer().refuses(&[
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

/// A method that sends its codes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StepUpOptions {
    /// The method's type: `email`.
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
) -> Result<Answer<202, Mailed>, Problem> {
    fields::method_id(body.method_id.as_deref())?;
    let sent = step_up::options(&env, &signed, fields::factor(&body.method)?).await?;
    Ok(Answer(Mailed {
        sent_to: sent.sent_to,
        expires_in: step_up::MAIL_CODE_LIFETIME.as_secs(),
        resend_in: step_up::RESEND_AFTER.as_secs(),
    }))
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
}

/// `POST /auth/step-up`
async fn step_up(
    State(env): State<Arc<Env>>,
    ClientInfo(client): ClientInfo,
    SignedIn(signed): SignedIn,
    Json(body): Json<StepUp>,
) -> Result<Json<Tokens>, Problem> {
    let tokens = match body {
        StepUp::Code { method, method_id, code } => {
            let method_id = fields::method_id(method_id.as_deref())?;
            let factor = fields::factor(&method)?;
            step_up::by_code(&env, &client, signed, factor, &code, method_id).await?
        }
        StepUp::Password { method, password } => match fields::factor(&method)? {
            Factor::Password => step_up::by_password(&env, &client, signed, password).await?,
            Factor::Totp | Factor::BackupCode | Factor::Email => {
                return Err(Problem::field("method", "A password goes with its own method."));
            }
        },
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
            Err(_) => None,
        };
        assert_eq!(form, expected, "{body}");
    }

    #[test]
    fn a_step_up_takes_a_code_or_a_password() {
        check(&json!({ "method": "totp", "code": "123456" }), Some("code"));
        check(&json!({ "method": "totp", "method_id": "mth_", "code": "1" }), Some("code"));
        check(&json!({ "method": "password", "password": "p" }), Some("password"));
        check(&json!({ "method": "totp", "code": "1", "password": "p" }), None);
        check(&json!({ "method": "totp" }), None);
        check(&json!({ "code": "123456" }), None);
    }
}
