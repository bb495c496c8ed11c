//! The key ring: where every seal, tag and signature of Nightlatch comes from.
//!
//! A ring is a list of 256-bit keys that live outside the database. The first one seals; all of them
//! open. Nobody uses a key itself: each purpose has its own subkey (HKDF-SHA-256), so that what
//! was made for one purpose is noise to every other. Sealing and opening are reachable in this crate
//! only, behind types that know their purpose and what they are bound to.

mod lasting;
mod ring;
mod seal;
mod sign;

pub use ring::{BadRing, BadTag, KeyRing, KeyTag};
pub use seal::{Nonce, Place};
pub use sign::Signer;

pub(crate) use seal::Aad;

/// What a subkey is for. Each purpose is a different key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// AEAD: secrets in columns of rows.
    Row,
    /// AEAD: what a session has proved.
    SessionProofs,
    /// AEAD: messages that wait to be sent.
    Outbox,
    /// AEAD: a sign-in between its first and its second factor.
    SignInStep,
    /// AEAD: a sign-in that must enrol first.
    Enrollment,
    /// AEAD: a registration that waits for its mail.
    Registration,
    /// AEAD: the link in a mail.
    MailLink,
    /// AEAD: a device that was seen before.
    Device,
    /// AEAD: the enrolment of a passkey or security key.
    EnrollingCeremony,
    /// AEAD: a passkey or security key as the second factor of a sign-in.
    SecondFactorCeremony,
    /// AEAD: a passkey or security key for a step-up.
    StepUpCeremony,
    /// AEAD: a sign-in that begins with a passkey.
    PasskeyCeremony,
    /// MAC: that a refresh token was made here.
    Refresh,
    /// MAC: look-up keys of addresses.
    Address,
    /// MAC: slots of the budget table.
    Budget,
    /// MAC: the pepper of recovery codes.
    RecoveryCode,
    /// MAC: codes that are mailed.
    MailCode,
    /// Ed25519: access tokens.
    AccessToken,
    /// Ed25519: checkpoints of the audit trail.
    Checkpoint,
}

impl Purpose {
    /// Those whose keys last when the ring changes: what they made can't be made again. They are the
    /// first of [`Self::ALL`], and stored in this order.
    const LASTING: [Self; 5] =
        [Self::Refresh, Self::Address, Self::Budget, Self::RecoveryCode, Self::Device];

    const ALL: [Self; 19] = [
        Self::Refresh,
        Self::Address,
        Self::Budget,
        Self::RecoveryCode,
        Self::Device,
        Self::Row,
        Self::SessionProofs,
        Self::Outbox,
        Self::SignInStep,
        Self::Enrollment,
        Self::Registration,
        Self::MailLink,
        Self::EnrollingCeremony,
        Self::SecondFactorCeremony,
        Self::StepUpCeremony,
        Self::PasskeyCeremony,
        Self::MailCode,
        Self::AccessToken,
        Self::Checkpoint,
    ];

    const fn info(self) -> &'static str {
        match self {
            Self::Row => "nightlatch/v1/row",
            Self::SessionProofs => "nightlatch/v1/session-proofs",
            Self::Outbox => "nightlatch/v1/outbox",
            Self::SignInStep => "nightlatch/v1/sign-in-step",
            Self::Enrollment => "nightlatch/v1/enrollment",
            Self::Registration => "nightlatch/v1/registration",
            Self::MailLink => "nightlatch/v1/mail-link",
            Self::Device => "nightlatch/v1/device",
            Self::EnrollingCeremony => "nightlatch/v1/ceremony/enrolling",
            Self::SecondFactorCeremony => "nightlatch/v1/ceremony/second-factor",
            Self::StepUpCeremony => "nightlatch/v1/ceremony/step-up",
            Self::PasskeyCeremony => "nightlatch/v1/ceremony/passkey",
            Self::Refresh => "nightlatch/v1/refresh",
            Self::Address => "nightlatch/v1/address",
            Self::Budget => "nightlatch/v1/budget",
            Self::RecoveryCode => "nightlatch/v1/recovery-code",
            Self::MailCode => "nightlatch/v1/mail-code",
            Self::AccessToken => "nightlatch/v1/access-token",
            Self::Checkpoint => "nightlatch/v1/checkpoint",
        }
    }

    fn lasts(self) -> bool {
        Self::LASTING.contains(&self)
    }

    fn index(self) -> usize {
        Self::ALL.iter().position(|purpose| *purpose == self).expect("ALL names every purpose")
    }
}
