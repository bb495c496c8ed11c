//! Time-based one-time passwords (RFC 6238 over RFC 4226): the codes of authenticator apps.
//!
//! A [`Totp`] is a shared [`Seed`] and the last time step that was accepted. The caller brings the
//! time; [`verify`] says which step matched, and the store remembers that step, which is what makes
//! a one-time password one-time (RFC 6238 §5.2).

mod seed;
mod uri;

pub use seed::Seed;
pub use uri::otpauth_uri;

use super::hotp::{Algorithm, Generator};
use crate::{
    MethodId, Timestamp, UserId,
    code::OneTimeCode,
    proof::{Evidence, Factor, Proof},
};

/// The drift, in steps, that a method may learn (RFC 6238 §6). Together with the [`Window`] it is
/// as far as an accepted code's step can ever be from the current one.
pub const MAX_DRIFT: i64 = 2;

/// How many steps around the window are computed as well, to tell a stale code from a wrong one.
const STALE_STEPS: i64 = 10;

/// How one app makes its codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    algorithm: Algorithm,
    digits: u32,
    period: u32,
}

impl Parameters {
    /// Parameters with 6 to 8 digits and a period of 15 to 120 seconds; `None` for any others.
    #[must_use]
    pub fn new(algorithm: Algorithm, digits: u32, period: u32) -> Option<Self> {
        let valid = (6..=8).contains(&digits) && (15..=120).contains(&period);
        valid.then_some(Self { algorithm, digits, period })
    }

    /// The hash under the HMAC.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Digits of a code.
    #[must_use]
    pub const fn digits(&self) -> u32 {
        self.digits
    }

    /// Seconds that one code lives.
    #[must_use]
    pub const fn period(&self) -> u32 {
        self.period
    }

    /// RFC 6238's T at `now`.
    fn step_at(&self, now: Timestamp) -> i64 {
        now.seconds().div_euclid(i64::from(self.period))
    }
}

impl Default for Parameters {
    /// What every app understands: SHA-1, six digits, thirty seconds.
    fn default() -> Self {
        Self { algorithm: Algorithm::Sha1, digits: 6, period: 30 }
    }
}

/// How far the clocks of app and server may be apart, beyond the drift that was learned.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The expected step only.
    Strict,
    /// The expected step and one on either side (RFC 6238 §5.2).
    #[default]
    OneStep,
}

impl Window {
    /// Steps that are accepted on either side of the expected one.
    #[must_use]
    pub const fn steps(self) -> i64 {
        match self {
            Self::Strict => 0,
            Self::OneStep => 1,
        }
    }
}

/// One authenticator app: what is known of it before a code is looked at.
#[derive(Debug)]
pub struct Totp {
    /// Whose it is.
    pub user: UserId,
    /// Its identity.
    pub method: MethodId,
    /// The shared secret.
    pub seed: Seed,
    /// How its codes are made.
    pub parameters: Parameters,
    /// The last step that was accepted: neither it nor any before it is accepted again.
    pub last_step: Option<i64>,
    /// The learned difference, in steps, of its clock from ours; more than [`MAX_DRIFT`] either way
    /// counts as that.
    pub drift: i64,
}

/// Why no code was accepted, for the audit trail; whoever typed it learns none of this. The later
/// one tells more, and wins where several methods refuse for different reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refused {
    /// It is no code of any of the methods.
    NoMatch,
    /// It is the code of a step a little before or after the window.
    Stale,
    /// It is the code of a step that was already accepted, or passed over.
    Replayed,
}

/// Checks `code` against all of one user's apps in one attempt.
///
/// Every step of a window is computed whatever it holds, and every refusal computes as many around it,
/// so that the time it takes tells neither which step matched nor how closely.
///
/// # Errors
///
/// [`Refused`] says why none of them accepts it.
pub fn verify(
    totps: &[Totp],
    code: &OneTimeCode,
    window: Window,
    now: Timestamp,
) -> Result<Proof, Refused> {
    let mut outcome = Err(Refused::NoMatch);
    for totp in totps {
        outcome = match (outcome, totp.check(code, window, now)) {
            (Ok(proof), _) | (Err(_), Ok(proof)) => Ok(proof),
            (Err(one), Err(other)) => Err(one.max(other)),
        };
    }
    outcome
}

impl Totp {
    fn check(&self, code: &OneTimeCode, window: Window, now: Timestamp) -> Result<Proof, Refused> {
        let generator =
            Generator::new(self.seed.secret(), self.parameters.algorithm, self.parameters.digits);
        let current = self.parameters.step_at(now);
        let expected = current + self.drift.clamp(-MAX_DRIFT, MAX_DRIFT);
        let (near, far) = (window.steps(), window.steps() + STALE_STEPS);
        let matching = |offsets: &mut dyn Iterator<Item = i64>| {
            offsets.fold(None, |matching, offset| {
                let step = expected + offset;
                // Time before 1970 has no step.
                let counter = u64::try_from(step).ok();
                let matches = counter.map(|counter| generator.matches(code, counter));
                // The latest match: none that the window holds can be presented again.
                if matches.is_some_and(bool::from) { Some(step) } else { matching }
            })
        };
        let fresh = |step: &i64| self.last_step.is_none_or(|last| *step > last);

        let within = matching(&mut (-near..=near));
        let Some(step) = within.filter(fresh) else {
            let around = matching(&mut (-far..-near).chain(near + 1..=far));
            return Err(match (within, around.map(|step| fresh(&step))) {
                (Some(_), _) | (None, Some(false)) => Refused::Replayed,
                (None, Some(true)) => Refused::Stale,
                (None, None) => Refused::NoMatch,
            });
        };
        let drift = (step - current).clamp(-MAX_DRIFT, MAX_DRIFT);
        let evidence = Evidence::TotpStep { method: self.method, step, drift };
        Ok(Proof::new(self.user, Factor::Totp, now, evidence))
    }
}
