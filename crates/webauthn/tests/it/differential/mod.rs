//! Others' verdicts beside ours: webauthn-rs-core as a second relying party, passkey-rs as an
//! authenticator and client that is not ours.
//!
//! Wherever the two relying parties differ, the row of the answer says why.

mod answers;
mod counterpart;
mod passkey_rs;
mod vectors;
