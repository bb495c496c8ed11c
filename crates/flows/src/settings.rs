//! What operators decided, as journeys see it.

use std::time::Duration;

use nightlatch_core::{
    assurance::Lifetimes,
    factors::{
        password::Cost,
        totp::{Parameters, Window},
        webauthn::{Aaguid, RelyingParty},
    },
    methods::Allowed,
};

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Everybody.
    Open,
    /// Whoever was invited.
    Invite,
    /// Nobody.
    Closed,
}

/// The settings of WebAuthn.
#[derive(Debug, Clone)]
pub struct WebAuthn {
    /// The RP ID, and the origins that may ask.
    pub party: RelyingParty,
    /// The service's name, as authenticators show it.
    pub name: String,
    /// The models that may prove the highest level, if their attestation is trusted.
    pub highest: Vec<Aaguid>,
}

/// The settings of journeys.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where people reach this server; issuer of its tokens. No slash at the end.
    pub public_url: String,
    /// Who may register.
    pub registration: Registration,
    /// Whether an account exists only after its mail was answered.
    pub verify_email: bool,
    /// Whether the first second factor needs control of the mailbox beside the password.
    pub first_enrollment_mail: bool,
    /// Least length of a password that may be an account's only factor, in characters.
    pub password_min_length: usize,
    /// Least length of a password beside a second factor, in characters.
    pub password_min_length_with_mfa: usize,
    /// What a password's hash costs.
    pub password_cost: Cost,
    /// How long sessions last.
    pub lifetimes: Lifetimes,
    /// How old a proof may be for what is sensitive.
    pub step_up_max_age: Duration,
    /// The name that authenticator apps show.
    pub totp_issuer: String,
    /// The parameters of new authenticator apps.
    pub totp_parameters: Parameters,
    /// How far clocks may be apart.
    pub totp_window: Window,
    /// Passkeys and security keys.
    pub webauthn: WebAuthn,
    /// Which second factors are allowed.
    pub allowed: Allowed,
    /// Applications that may get tokens of their own.
    pub audiences: Vec<String>,
    /// How long an access token lives; at most 300 seconds.
    pub access_lifetime: Duration,
}
