//! Signing in: the password first, then what the account requires; or a passkey, which may be both.

pub mod credential;
pub mod passkey;
pub mod password;
pub mod second_factor;
pub mod second_password;

use std::time::Duration;

use nightlatch_core::{SecretText, methods::Method, proof::Factor};

use crate::tokens::Tokens;

/// How long a sign-in may take between its factors.
pub const STEP_LIFETIME: Duration = Duration::from_mins(5);

/// How long an enrolment that a sign-in demands may take.
pub const ENROLLMENT_LIFETIME: Duration = Duration::from_mins(15);

/// A second factor is asked for.
#[derive(Debug)]
pub struct Challenge {
    /// Continues this sign-in.
    pub temp_token: SecretText,
    /// The types of factors that this person can use now, the strongest first.
    pub factors: Vec<Factor>,
    /// Their active methods.
    pub methods: Vec<Method>,
    /// How long the sign-in may take.
    pub expires_in: Duration,
}

/// A second factor has to be enrolled first.
#[derive(Debug)]
pub struct EnrollmentRequired {
    /// Opens the calls of enrolment, and nothing else.
    pub temp_token: SecretText,
    /// What may be enrolled.
    pub allowed: Vec<Factor>,
    /// How long that may take.
    pub expires_in: Duration,
}

/// Where a sign-in stands.
#[derive(Debug)]
pub enum SignIn {
    /// Done.
    Complete(Box<Tokens>),
    /// A second factor is asked for.
    Challenge(Challenge),
    /// A second factor has to be enrolled first.
    EnrollmentRequired(EnrollmentRequired),
}
