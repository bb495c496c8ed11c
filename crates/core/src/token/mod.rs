//! Tokens: typed by prefix, each under a key of its own, so that one kind opens nothing but its own
//! step.
//!
//! What a stranger can begin is not a row but a sealed token ([`SignInStep`], [`Enrollment`],
//! [`Registration`], [`MailLink`], [`Device`], the WebAuthn ceremonies): all that the next step needs, readable and
//! changeable by nobody else. [`Refresh`] and [`Invite`] name a row and are known to the store by their hash.

mod ceremony;
mod invite;
mod refresh;
mod sealed;

pub use ceremony::{
    Ceremony, EnrollingCeremony, PasskeyCeremony, SecondFactorCeremony, StepUpCeremony,
};
pub use invite::Invite;
pub use refresh::Refresh;
pub use sealed::{Device, Enrollment, MailLink, Registration, SignInStep};
