//! The factors from outside: one-time passwords by official vectors, other implementations, and laws;
//! passkeys by an authenticator.

#![expect(clippy::unwrap_used, reason = "in tests, a panic is the report")]

mod asked;
#[path = "../../../server/tests/it/device/mod.rs"]
mod device;
mod laws;
mod models;
mod oathtool;
mod sealing;
mod totp;
mod totp_rs;
mod vectors;
mod webauthn;

use nightlatch_core::{
    MethodId, Timestamp, UserId,
    code::OneTimeCode,
    factors::{
        hotp::{Algorithm, code_at},
        totp::{Parameters, Seed, Totp, Window, verify},
    },
    proof::Evidence,
};
use proptest::prelude::*;

/// The seed of all RFC vectors, in the length that fits SHA-1.
const SEED: &[u8; 20] = b"12345678901234567890";

fn typed(value: u32, digits: u32) -> OneTimeCode {
    let width = usize::try_from(digits).unwrap();
    OneTimeCode::parse(&format!("{value:0width$}")).unwrap()
}

/// An app of eight digits that nobody has used yet. With eight digits, that two steps in reach of
/// each other share a code is too rare to disturb a law.
fn app() -> Totp {
    Totp {
        user: UserId::from_bytes([1; 16]),
        method: MethodId::from_bytes([2; 16]),
        seed: Seed::new(SEED),
        parameters: Parameters::new(Algorithm::Sha1, 8, 30).unwrap(),
        last_step: None,
        drift: 0,
    }
}

/// The code that [`app`] shows at a step.
fn shown(step: i64) -> OneTimeCode {
    let seed = nightlatch_core::Secret::new(SEED.to_vec());
    typed(code_at(&seed, u64::try_from(step).unwrap(), Algorithm::Sha1, 8), 8)
}

/// The step and drift that were accepted.
fn accepted(totp: Totp, code: &OneTimeCode, window: Window, now: Timestamp) -> Option<(i64, i64)> {
    let proof = verify(&[totp], code, window, now).ok()?;
    match proof.evidence() {
        Evidence::TotpStep { step, drift, .. } => Some((*step, *drift)),
        other => panic!("not a time step: {other:?}"),
    }
}

fn at_step(step: i64) -> Timestamp {
    Timestamp::from_seconds(step * 30)
}

fn algorithm() -> impl Strategy<Value = Algorithm> {
    prop::sample::select(Algorithm::ALL.to_vec())
}
