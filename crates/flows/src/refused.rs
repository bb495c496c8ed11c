//! Why a journey ended without what was asked for: as much as the caller may know.

use std::time::Duration;

use nightlatch_core::gate::Required;
use nightlatch_store::Fault;

/// A value that is well-formed and not acceptable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The member of the request.
    pub field: &'static str,
    /// What is wrong with it, in plain words.
    pub detail: String,
}

impl Invalid {
    /// `field` is not acceptable because of `detail`.
    #[must_use]
    pub fn new(field: &'static str, detail: impl Into<String>) -> Self {
        Self { field, detail: detail.into() }
    }
}

/// A credential that is not registered here any more, for `PublicKeyCredential.signalUnknownCredential`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownCredential {
    /// The relying party.
    pub rp_id: String,
    /// The credential id, as base64url.
    pub credential_id: String,
}

/// A refusal, told to the caller. Wrong, stale, replayed and unknown are one and the same here.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Values are not acceptable.
    #[error("values are not acceptable")]
    Invalid(Vec<Invalid>),
    /// There is no live session.
    #[error("not signed in")]
    Unauthenticated,
    /// Address or password are wrong.
    #[error("the address or the password is wrong")]
    InvalidCredentials,
    /// The code was not accepted.
    #[error("the code was not accepted")]
    InvalidCode,
    /// The passkey was not accepted at a sign-in that began with it. Who has shown that they hold the
    /// key of a credential that was removed learns which one to forget.
    #[error("the passkey was not accepted")]
    InvalidCredential(Option<UnknownCredential>),
    /// The new credential was not accepted.
    #[error("the new credential was not accepted")]
    CredentialRefused,
    /// The account has this credential.
    #[error("the credential is enrolled already")]
    CredentialExists,
    /// The link or token was not accepted.
    #[error("the token was not accepted")]
    InvalidToken,
    /// The sign-in is over; begin anew.
    #[error("the sign-in is over")]
    FlowEnded,
    /// This factor can't be used here now.
    #[error("the method is not allowed")]
    MethodNotAllowed,
    /// Too many attempts; wait this long.
    #[error("too many attempts")]
    TooManyAttempts(Duration),
    /// The address was not verified yet.
    #[error("the address is not verified")]
    EmailUnverified,
    /// A second factor is required, and none is usable.
    #[error("recovery is required")]
    RecoveryRequired,
    /// An administrator disabled the account.
    #[error("the account is disabled")]
    AccountDisabled,
    /// Nobody can register.
    #[error("registration is closed")]
    RegistrationClosed,
    /// The link needs a password beside it.
    #[error("a password is required")]
    PasswordRequired,
    /// There is an authenticator app already.
    #[error("a second factor of this kind is enabled")]
    AlreadyEnabled,
    /// There are as many methods as there may be.
    #[error("there are too many methods")]
    TooManyMethods,
    /// Nothing waits for a code.
    #[error("no enrolment is pending")]
    SetupNotFound,
    /// The code that should confirm an enrolment is wrong.
    #[error("the enrolment was not confirmed")]
    SetupCode,
    /// The refresh token was exchanged a moment ago.
    #[error("the refresh token was superseded")]
    RefreshSuperseded,
    /// The person has to prove more, or more recently.
    #[error("a step-up is required")]
    StepUp(Required),
    /// Policy demands that one method stays.
    #[error("the last method can't be removed")]
    LastMethod,
    /// There is no such thing, or it is somebody else's.
    #[error("not found")]
    NotFound,
    /// It changed meanwhile; try again.
    #[error("conflict")]
    Conflict,
    /// More is waiting than is taken on; try again shortly.
    #[error("busy")]
    Busy,
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] Fault),
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Busy => Self::Busy,
            Fault::Conflict(_) | Fault::Unavailable(_) | Fault::Broken(_) => Self::Store(fault),
        }
    }
}

impl Refused {
    /// One value is not acceptable.
    #[must_use]
    pub fn invalid(field: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![Invalid::new(field, detail)])
    }
}
