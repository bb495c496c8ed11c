//! The closed list of problems this server can report, and what each one means on the wire.

use axum::http::StatusCode;
use serde::Serialize;

/// What a person can do about a problem; pages and clients offer exactly this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// Correct the input and try again.
    Retry,
    /// Wait for the time that `Retry-After` names.
    Wait,
    /// Prove a second factor again.
    StepUp,
    /// Enrol a method first.
    Enrol,
    /// Recover the account.
    Recover,
    /// Ask an administrator.
    AskAdmin,
}

/// Everything that can go wrong in an answer; the only source of statuses and of `code`.
///
/// Two variants may share a code on the wire where the contract gives it two statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request is not what the call takes: not JSON, unknown or doubled members, wrong types.
    Malformed,
    /// The body is not `application/json`.
    UnsupportedMediaType,
    /// The body is longer than allowed.
    TooLarge,
    /// Well-formed, but some values can't be accepted; `errors` names them.
    InvalidValues,
    /// No live session or key came with the request.
    Unauthenticated,
    /// The address or the password is wrong.
    InvalidCredentials,
    /// The code is wrong, expired or used, where it would have proved who is there.
    InvalidCode,
    /// The code is wrong, expired or used, where a pending set-up waits for it.
    InvalidSetupCode,
    /// The passkey that would have proved who is there was not accepted.
    InvalidPasskey,
    /// The new credential was not accepted.
    InvalidCredential,
    /// The account has this credential already.
    CredentialExists,
    /// A mailed, sealed or refresh token is wrong, expired or used.
    InvalidToken,
    /// The sign-in that the temporary token belongs to is over.
    FlowEnded,
    /// A fresher or stronger proof is needed.
    MfaRequired,
    /// The right password, but the address was never verified.
    EmailUnverified,
    /// A method is required and none can be used.
    RecoveryRequired,
    /// Nobody can register here, or not without an invitation.
    RegistrationClosed,
    /// An administrator has disabled the account.
    AccountDisabled,
    /// Policy does not allow this method here.
    MethodNotAllowed,
    /// The account needs a password before this.
    PasswordRequired,
    /// The method is enabled already.
    AlreadyEnabled,
    /// No set-up is pending.
    SetupNotFound,
    /// The refresh token was just replaced; its successor is on the way.
    RefreshSuperseded,
    /// Too many failures on this account or method.
    TooManyAttempts,
    /// Too many requests from this address.
    TooManyRequests,
    /// Not there, or not yours.
    NotFound,
    /// The state of the thing does not allow this.
    Conflict,
    /// The answer to this idempotency key held secrets and can't be repeated.
    AlreadyAnswered,
    /// The last method can't be removed while one is required.
    LastMethod,
    /// The account ranks above the caller.
    HigherAuthority,
    /// The request names a host that is not served here.
    UnknownHost,
    /// The path exists, but not with this HTTP method.
    MethodNotSupported,
    /// The request did not arrive in time.
    Timeout,
    /// The thing changed since it was read.
    Stale,
    /// More work is under way than this server takes on.
    Busy,
    /// Something this server depends on does not answer.
    Unavailable,
    /// A fault on this side.
    Internal,
}

/// The title of the two problems with this code.
const INVALID_CREDENTIAL: &str = "Invalid credential";

/// How a [`Code`] looks on the wire.
#[derive(Debug, Clone, Copy)]
pub struct Meaning {
    /// The `code` member, and the last part of `type`.
    pub code: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// A short name of the kind of problem; the same at every occurrence.
    pub title: &'static str,
    /// What is said unless the occurrence says something more precise.
    pub detail: &'static str,
    /// What a person can do, if anything.
    pub next: Option<Next>,
}

impl Code {
    /// Every code, in the order of the reference.
    pub const ALL: [Self; 37] = [
        Self::Malformed,
        Self::UnsupportedMediaType,
        Self::TooLarge,
        Self::InvalidValues,
        Self::Unauthenticated,
        Self::InvalidCredentials,
        Self::InvalidCode,
        Self::InvalidSetupCode,
        Self::InvalidPasskey,
        Self::InvalidCredential,
        Self::CredentialExists,
        Self::InvalidToken,
        Self::FlowEnded,
        Self::MfaRequired,
        Self::EmailUnverified,
        Self::RecoveryRequired,
        Self::RegistrationClosed,
        Self::AccountDisabled,
        Self::MethodNotAllowed,
        Self::PasswordRequired,
        Self::AlreadyEnabled,
        Self::SetupNotFound,
        Self::RefreshSuperseded,
        Self::TooManyAttempts,
        Self::TooManyRequests,
        Self::NotFound,
        Self::Conflict,
        Self::AlreadyAnswered,
        Self::LastMethod,
        Self::HigherAuthority,
        Self::UnknownHost,
        Self::MethodNotSupported,
        Self::Timeout,
        Self::Stale,
        Self::Busy,
        Self::Unavailable,
        Self::Internal,
    ];

    /// How this code looks on the wire.
    #[must_use]
    pub const fn meaning(self) -> Meaning {
        let ((code, status), (title, detail)) = (self.wire(), self.words());
        Meaning { code, status, title, detail, next: self.next() }
    }

    /// The `code` member on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.wire().0
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.wire().1
    }

    const fn wire(self) -> (&'static str, StatusCode) {
        use StatusCode as S;
        match self {
            Self::Malformed => ("malformed", S::BAD_REQUEST),
            Self::UnsupportedMediaType => ("unsupported-media-type", S::UNSUPPORTED_MEDIA_TYPE),
            Self::TooLarge => ("too-large", S::PAYLOAD_TOO_LARGE),
            Self::InvalidValues => ("invalid-values", S::UNPROCESSABLE_ENTITY),
            Self::Unauthenticated => ("unauthenticated", S::UNAUTHORIZED),
            Self::InvalidCredentials => ("invalid-credentials", S::UNAUTHORIZED),
            Self::InvalidCode => ("invalid-code", S::UNAUTHORIZED),
            Self::InvalidSetupCode => ("invalid-code", S::BAD_REQUEST),
            Self::InvalidPasskey => ("invalid-credential", S::UNAUTHORIZED),
            Self::InvalidCredential => ("invalid-credential", S::BAD_REQUEST),
            Self::CredentialExists => ("credential-exists", S::CONFLICT),
            Self::InvalidToken => ("invalid-token", S::BAD_REQUEST),
            Self::FlowEnded => ("flow-ended", S::UNAUTHORIZED),
            Self::MfaRequired => ("mfa-required", S::FORBIDDEN),
            Self::EmailUnverified => ("email-unverified", S::FORBIDDEN),
            Self::RecoveryRequired => ("recovery-required", S::FORBIDDEN),
            Self::RegistrationClosed => ("registration-closed", S::FORBIDDEN),
            Self::AccountDisabled => ("account-disabled", S::FORBIDDEN),
            Self::MethodNotAllowed => ("method-not-allowed", S::FORBIDDEN),
            Self::PasswordRequired => ("password-required", S::UNPROCESSABLE_ENTITY),
            Self::AlreadyEnabled => ("already-enabled", S::BAD_REQUEST),
            Self::SetupNotFound => ("setup-not-found", S::BAD_REQUEST),
            Self::RefreshSuperseded => ("refresh-superseded", S::CONFLICT),
            Self::TooManyAttempts => ("too-many-attempts", S::TOO_MANY_REQUESTS),
            Self::TooManyRequests => ("too-many-requests", S::TOO_MANY_REQUESTS),
            Self::NotFound => ("not-found", S::NOT_FOUND),
            Self::Conflict => ("conflict", S::CONFLICT),
            Self::AlreadyAnswered => ("already-answered", S::CONFLICT),
            Self::LastMethod => ("last-method", S::CONFLICT),
            Self::HigherAuthority => ("higher-authority", S::FORBIDDEN),
            Self::UnknownHost => ("unknown-host", S::MISDIRECTED_REQUEST),
            Self::MethodNotSupported => ("method-not-supported", S::METHOD_NOT_ALLOWED),
            Self::Timeout => ("timeout", S::REQUEST_TIMEOUT),
            Self::Stale => ("stale", S::PRECONDITION_FAILED),
            Self::Busy => ("busy", S::SERVICE_UNAVAILABLE),
            Self::Unavailable => ("unavailable", S::SERVICE_UNAVAILABLE),
            Self::Internal => ("internal", S::INTERNAL_SERVER_ERROR),
        }
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Malformed => ("Malformed request", "The request could not be understood."),
            Self::UnsupportedMediaType => {
                ("Unsupported media type", "Send the body as application/json.")
            }
            Self::TooLarge => ("Body too large", "The body is longer than this call takes."),
            Self::InvalidValues => ("Invalid values", "Some values can't be accepted."),
            Self::Unauthenticated => ("Not signed in", "Sign in to continue."),
            Self::InvalidCredentials => ("Invalid credentials", "Invalid email or password"),
            Self::InvalidCode | Self::InvalidSetupCode => {
                ("Invalid code", "Invalid or expired code")
            }
            Self::InvalidPasskey => (INVALID_CREDENTIAL, "This passkey was not accepted."),
            Self::InvalidCredential => {
                (INVALID_CREDENTIAL, "The passkey or security key was not accepted. Start again.")
            }
            Self::CredentialExists => (
                "Credential exists",
                "Your account has this passkey or security key already. You can use it to sign in.",
            ),
            Self::InvalidToken => ("Invalid token", "Invalid or expired token"),
            Self::FlowEnded => ("Sign-in ended", "This sign-in is over. Start again."),
            Self::MfaRequired => ("MFA required", "MFA verification required"),
            Self::EmailUnverified => ("Address not verified", "Verify your e-mail address first."),
            Self::RecoveryRequired => (
                "Recovery required",
                "None of the account's methods can be used. Recover the account.",
            ),
            Self::RegistrationClosed => ("Registration closed", "Registration is not open."),
            Self::AccountDisabled => ("Account disabled", "This account is disabled."),
            Self::MethodNotAllowed => {
                ("Method not allowed", "This method can't be used here. Choose another one.")
            }
            Self::PasswordRequired => ("Password required", "Choose a password to finish."),
            Self::AlreadyEnabled => ("Already enabled", "MFA is already enabled"),
            Self::SetupNotFound => ("Setup not found", "No setup is pending. Start again."),
            Self::RefreshSuperseded => {
                ("Already refreshed", "This token was just replaced. Use its successor.")
            }
            Self::TooManyAttempts => ("Too many attempts", "Too many attempts. Try again later."),
            Self::TooManyRequests => {
                ("Too many requests", "Too many requests from your address. Try again later.")
            }
            Self::NotFound => ("Not found", "There is nothing here for you."),
            Self::Conflict => ("Conflict", "The present state does not allow this."),
            Self::AlreadyAnswered => (
                "Already answered",
                "This request was answered before, and its answer can't be repeated.",
            ),
            Self::LastMethod => {
                ("Last method", "The last method can't be removed. Add another one first.")
            }
            Self::HigherAuthority => (
                "Higher authority",
                "This account can only be changed by someone with more authority.",
            ),
            Self::UnknownHost => ("Unknown host", "This host is not served here."),
            Self::MethodNotSupported => {
                ("Method not supported", "The call exists, but not with this HTTP method.")
            }
            Self::Timeout => ("Timeout", "The request did not arrive in time."),
            Self::Stale => ("Stale", "It was changed since you read it. Read it again."),
            Self::Busy => ("Busy", "The server is busy. Try again in a moment."),
            Self::Unavailable => {
                ("Unavailable", "The service is not available. Try again in a moment.")
            }
            Self::Internal => ("Internal error", "Something went wrong on our side."),
        }
    }

    const fn next(self) -> Option<Next> {
        match self {
            Self::Malformed
            | Self::UnsupportedMediaType
            | Self::TooLarge
            | Self::Unauthenticated
            | Self::InvalidToken
            | Self::EmailUnverified
            | Self::AlreadyEnabled
            | Self::RefreshSuperseded
            | Self::NotFound
            | Self::Conflict
            | Self::AlreadyAnswered
            | Self::CredentialExists
            | Self::UnknownHost
            | Self::MethodNotSupported
            | Self::Internal => None,
            Self::InvalidValues
            | Self::InvalidCredentials
            | Self::InvalidCode
            | Self::InvalidSetupCode
            | Self::InvalidPasskey
            | Self::InvalidCredential
            | Self::FlowEnded
            | Self::MethodNotAllowed
            | Self::PasswordRequired
            | Self::SetupNotFound
            | Self::Timeout
            | Self::Stale => Some(Next::Retry),
            Self::MfaRequired => Some(Next::StepUp),
            Self::RecoveryRequired => Some(Next::Recover),
            Self::RegistrationClosed | Self::AccountDisabled | Self::HigherAuthority => {
                Some(Next::AskAdmin)
            }
            Self::TooManyAttempts | Self::TooManyRequests | Self::Busy | Self::Unavailable => {
                Some(Next::Wait)
            }
            Self::LastMethod => Some(Next::Enrol),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const REFERENCE: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/problems.md"));

    #[test]
    fn every_code_is_listed_once_and_documented() {
        for code in Code::ALL {
            assert_eq!(Code::ALL.iter().filter(|other| **other == code).count(), 1, "{code:?}");
            let row = format!("| `{}` | {} |", code.as_str(), code.status().as_u16());
            assert!(REFERENCE.contains(&row), "docs/reference/problems.md lacks {row}");
        }
    }

    #[test]
    fn a_code_with_two_statuses_has_one_title() {
        let mut titles = HashMap::new();
        for meaning in Code::ALL.map(Code::meaning) {
            assert_eq!(*titles.entry(meaning.code).or_insert(meaning.title), meaning.title);
        }
    }

    #[test]
    fn statuses_that_ask_to_wait_say_so() {
        for code in Code::ALL {
            let waits = matches!(code.status().as_u16(), 429 | 503);
            assert_eq!(code.meaning().next == Some(Next::Wait), waits, "{code:?}");
        }
    }
}
