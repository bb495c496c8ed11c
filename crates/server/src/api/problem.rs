//! Refusals and faults on the wire: `application/problem+json` (RFC 9457).
//!
//! Every answer that is not a success is one [`Problem`]. Its [`Code`] decides status, title, usual
//! wording and what a person can do next; an occurrence adds only what is particular to it.

use std::{borrow::Cow, error::Error, time::Duration};

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use nightlatch_flows::refused::UnknownCredential;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

pub use crate::api::code::{Code, Meaning, Next};
use crate::http::request_id::RequestId;

/// The media type of problems.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Seconds to wait where nothing better is known.
const DEFAULT_RETRY: Duration = Duration::from_secs(1);

/// One refusal or fault, ready to be answered.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    next: Option<Next>,
    errors: Vec<FieldError>,
    required: Option<Box<Required>>,
    retry_after: Option<Duration>,
    signal: Option<Box<Signal>>,
}

/// What a client is to tell the person's authenticators (WebAuthn Level 3 §5.1.10).
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Signal {
    /// For `PublicKeyCredential.signalUnknownCredential`: this passkey was removed.
    unknown_credential: Unknown,
}

/// A credential that is no longer registered here.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Unknown {
    /// The relying party.
    rp_id: String,
    /// The credential id, as base64url.
    credential_id: String,
}

/// A value that was understood and can't be accepted.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FieldError {
    /// The member, as a dotted path.
    pub field: Cow<'static, str>,
    /// What is wrong with it.
    pub detail: Cow<'static, str>,
}

/// The proof that a step-up refusal asks for.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Required {
    /// The level to prove: `aal2`, `phishing_resistant` or `aal3`.
    pub level: &'static str,
    /// How old, in seconds, the proof may be.
    pub max_age: u64,
    /// The method types this person can prove it with, strongest first.
    pub methods: Vec<&'static str>,
}

impl Problem {
    /// The problem as its code words it.
    #[must_use]
    pub fn new(code: Code) -> Self {
        let Meaning { detail, next, .. } = code.meaning();
        Self {
            code,
            detail: detail.into(),
            next,
            errors: Vec::new(),
            required: None,
            retry_after: None,
            signal: None,
        }
    }

    /// A fault on this side: told to the log in full, and to the caller not at all.
    ///
    /// This is where such an error is logged; do not log it anywhere else.
    #[must_use]
    pub fn internal(source: &(dyn Error + 'static)) -> Self {
        tracing::error!(error = source, "Request failed");
        Self::new(Code::Internal)
    }

    /// A value that can't be accepted; [`Problem::and_field`] adds further ones.
    #[must_use]
    pub fn field(
        field: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(Code::InvalidValues).and_field(field, detail)
    }

    /// Names one more value that can't be accepted.
    #[must_use]
    pub fn and_field(
        mut self,
        field: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.errors.push(FieldError { field: field.into(), detail: detail.into() });
        self
    }

    /// A fresher or stronger proof is needed (403, with the header of RFC 9470).
    ///
    /// `next` is `enrol` when there is no method to prove it with.
    #[must_use]
    pub fn step_up(required: Required) -> Self {
        let next = if required.methods.is_empty() { Next::Enrol } else { Next::StepUp };
        Self {
            next: Some(next),
            required: Some(Box::new(required)),
            ..Self::new(Code::MfaRequired)
        }
    }

    /// Says more precisely what happened. Never put a value that the caller sent into it.
    ///
    /// Codes of the 5xx family keep their own words.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        if !self.code.status().is_server_error() {
            self.detail = detail.into();
        }
        self
    }

    /// Says which passkey the person's device should forget.
    #[must_use]
    pub fn unknown_credential(mut self, unknown: UnknownCredential) -> Self {
        let UnknownCredential { rp_id, credential_id } = unknown;
        self.signal =
            Some(Box::new(Signal { unknown_credential: Unknown { rp_id, credential_id } }));
        self
    }

    /// Says how long to wait; rounded up to whole seconds, at least one.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Which problem this is.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.code.status()
    }

    fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let status = self.status();
        let challenge = match self.required.as_deref() {
            Some(Required { level, max_age, .. }) => HeaderValue::try_from(format!(
                "Bearer error=\"insufficient_user_authentication\", \
                 error_description=\"MFA verification required\", \
                 acr_values=\"urn:nightlatch:{level}\", max_age={max_age}"
            ))
            .ok(),
            None => (status == StatusCode::UNAUTHORIZED)
                .then(|| HeaderValue::from_static("Bearer realm=\"nightlatch\"")),
        };
        let waits =
            matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
                || self.retry_after.is_some();
        let wait = waits.then(|| {
            let wait = self.retry_after.unwrap_or(DEFAULT_RETRY);
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            HeaderValue::from(seconds.max(1))
        });
        [
            Some((header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))),
            Some((header::CACHE_CONTROL, HeaderValue::from_static("no-store"))),
            challenge.map(|value| (header::WWW_AUTHENTICATE, value)),
            wait.map(|value| (header::RETRY_AFTER, value)),
        ]
        .into_iter()
        .flatten()
    }

    fn body(&self) -> ProblemBody<'_> {
        let Meaning { code, status, title, .. } = self.code.meaning();
        ProblemBody {
            kind: Kind(code),
            code: WireCode(code),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            request_id: RequestId::current(),
            next: self.next,
            errors: &self.errors,
            mfa_required: self.required.as_ref().map(|_| true),
            required: self.required.as_deref(),
            signal: self.signal.as_deref(),
        }
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // A struct of text and numbers always serialises.
        let body = serde_json::to_vec(&self.body()).unwrap_or_default();
        let mut response = Response::new(body.into());
        *response.status_mut() = self.status();
        response.headers_mut().extend(self.headers());
        response
    }
}

/// A problem as it is written (RFC 9457).
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct ProblemBody<'a> {
    /// `urn:nightlatch:problem:` and the code.
    #[serde(rename = "type")]
    kind: Kind,
    /// What went wrong; never changes, so that clients can rely on it.
    code: WireCode,
    /// A short name of the kind of problem.
    title: &'a str,
    /// The HTTP status once more.
    status: u16,
    /// What went wrong this time, for people.
    detail: &'a str,
    /// Names this request in the server's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<RequestId>,
    /// What a person can do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Next>,
    /// The values that can't be accepted (422).
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    /// True when a second factor has to be proved first (403).
    #[serde(skip_serializing_if = "Option::is_none")]
    mfa_required: Option<bool>,
    /// What has to be proved (403).
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<&'a Required>,
    /// What to tell the person's authenticators (401).
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<&'a Signal>,
}

/// `type`: the code as a URN.
struct Kind(&'static str);

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("urn:nightlatch:problem:{}", self.0))
    }
}

impl JsonSchema for Kind {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ProblemType".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "uri" })
    }
}

/// `code`: one of the closed list.
#[derive(Serialize)]
struct WireCode(&'static str);

impl JsonSchema for WireCode {
    fn schema_name() -> Cow<'static, str> {
        "ProblemCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        json_schema!({ "type": "string", "enum": codes })
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::{Value, json};

    use super::*;

    async fn sent(problem: Problem) -> (Response, Value) {
        let (parts, body) = problem.into_response().into_parts();
        let body = to_bytes(body, 8192).await.unwrap();
        (Response::from_parts(parts, body.clone().into()), serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_plain_problem_has_the_members_of_rfc_9457() {
        let (response, body) = sent(Code::InvalidCredentials.into()).await;
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["content-type"], MEDIA_TYPE);
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"nightlatch\"");
        assert_eq!(
            body,
            json!({
                "type": "urn:nightlatch:problem:invalid-credentials",
                "code": "invalid-credentials",
                "title": "Invalid credentials",
                "status": 401,
                "detail": "Invalid email or password",
                "next": "retry",
            })
        );
    }

    #[tokio::test]
    async fn a_step_up_refusal_says_what_to_prove() {
        let required = Required { level: "aal2", max_age: 300, methods: vec!["totp"] };
        let (response, body) = sent(Problem::step_up(required)).await;
        assert_eq!(response.status(), 403);
        assert_eq!(
            response.headers()["www-authenticate"],
            "Bearer error=\"insufficient_user_authentication\", \
             error_description=\"MFA verification required\", \
             acr_values=\"urn:nightlatch:aal2\", max_age=300"
        );
        assert_eq!(body["detail"], "MFA verification required");
        assert_eq!(body["mfa_required"], true);
        assert_eq!(body["next"], "step_up");
        assert_eq!(
            body["required"],
            json!({ "level": "aal2", "max_age": 300, "methods": ["totp"] })
        );
    }

    #[tokio::test]
    async fn waiting_times_are_whole_seconds_and_never_zero() {
        for (wait, header) in [(0, "1"), (1, "1"), (1_000, "1"), (1_001, "2"), (30_000, "30")] {
            let problem =
                Problem::new(Code::TooManyAttempts).retry_after(Duration::from_millis(wait));
            assert_eq!(sent(problem).await.0.headers()["retry-after"], header);
        }
        assert_eq!(sent(Code::Busy.into()).await.0.headers()["retry-after"], "1");
    }

    #[tokio::test]
    async fn faults_keep_their_cause_to_themselves() {
        let cause = std::io::Error::other("disk /dev/sda is full");
        let (response, body) = sent(Problem::internal(&cause).detail("disk")).await;
        assert_eq!(response.status(), 500);
        assert!(!body.to_string().contains("disk"));
    }

    #[tokio::test]
    async fn unacceptable_values_are_named() {
        let problem = Problem::field("email", "Not an address.").and_field("name", "Too long.");
        let (response, body) = sent(problem).await;
        assert_eq!(response.status(), 422);
        assert_eq!(body["errors"][1], json!({ "field": "name", "detail": "Too long." }));
    }
}
