//! The factors: one verifier a file, each the only maker of its [`Proof`](crate::proof::Proof).

pub mod hotp;
pub mod mail_code;
pub mod password;
pub mod recovery_codes;
mod slow_hash;
pub mod totp;
pub mod webauthn;
