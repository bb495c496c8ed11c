//! The relying party from outside: every rule with an answer that breaks it, and laws.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "in tests, a panic is the report"
)]

mod attestation;
mod authentication;
mod authenticator;
mod cbor_laws;
mod certificates;
mod client_data;
mod differential;
mod keys;
mod laws;
mod mds;
mod options;
mod registration;
mod responses;
mod vectors;
mod verify;
