//! `/auth/mfa/recovery-codes`: making them anew, and saying that they are kept safe.

use std::sync::Arc;

use aide::axum::{ApiRouter, routing::post_with};
use axum::{extract::State, response::NoContent};
use nightlatch_core::Timestamp;
use nightlatch_flows::{Env, manage::recovery_codes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{
    body::{Answer, Json},
    caller::SignedIn,
    doc::{Describe, Tag},
    problem::{Code, Problem},
    values::{Shown, Time},
};

pub(super) fn routes() -> ApiRouter<Arc<Env>> {
    ApiRouter::new()
        .api_route(
            "/auth/mfa/recovery-codes",
            post_with(regenerate, |call| {
                call.call("regenerate_recovery_codes", Tag::Methods, "Replace the recovery codes.")
                    .bearer()
                    .refuses(&[Code::MfaRequired, Code::SetupNotFound, Code::Conflict])
            }),
        )
        .api_route(
            "/auth/mfa/recovery-codes/acknowledge",
            post_with(acknowledge, |call| {
                let summary = "Say that the recovery codes are kept safe.";
                call.call("acknowledge_recovery_codes", Tag::Methods, summary)
                    .bearer()
                    .refuses(&[Code::NotFound, Code::InvalidValues])
            }),
        )
}

/// The new recovery codes, shown once. The old ones are void.
#[derive(Serialize, JsonSchema)]
struct Regenerated {
    /// Ten of the form `XXXX-XXXX-XXXX-XXXX`; each works once.
    recovery_codes: Vec<Shown>,
    /// Names the set when it is acknowledged.
    generated_at: Time,
}

/// `POST /auth/mfa/recovery-codes`
async fn regenerate(
    State(env): State<Arc<Env>>,
    SignedIn(signed): SignedIn,
) -> Result<Answer<201, Regenerated>, Problem> {
    let set = recovery_codes::regenerate(&env, &signed).await?;
    Ok(Answer(Regenerated {
        recovery_codes: set.codes.into_iter().map(Shown::from).collect(),
        generated_at: set.generated_at.into(),
    }))
}

/// A set of recovery codes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Acknowledge {
    /// When the set was made, as it was answered then.
    #[schemars(extend("format" = "date-time"))]
    generated_at: String,
}

/// `POST /auth/mfa/recovery-codes/acknowledge`
async fn acknowledge(
    State(env): State<Arc<Env>>,
    SignedIn(signed): SignedIn,
    Json(body): Json<Acknowledge>,
) -> Result<NoContent, Problem> {
    recovery_codes::acknowledge(&env, &signed, moment(&body.generated_at)?).await?;
    Ok(NoContent)
}

fn moment(text: &str) -> Result<Timestamp, Problem> {
    text.parse()
        .map(|at: jiff::Timestamp| Timestamp::from_millis(at.as_millisecond()))
        .map_err(|_| Problem::field("generated_at", "This is not a time of RFC 3339."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_set_is_read_as_it_was_written() {
        for millis in [1_700_000_000_000, 1_700_000_000_007] {
            let at = Timestamp::from_millis(millis);
            let text = serde_json::to_value(Time::from(at)).unwrap();
            assert_eq!(moment(text.as_str().unwrap()).unwrap(), at);
        }
        for odd in ["", "yesterday", "2023-11-14", "1700000000"] {
            assert_eq!(moment(odd).unwrap_err().code(), Code::InvalidValues, "{odd}");
        }
    }
}
