//! What is true in Nightlatch: identities, proofs, assurance, codes, lockout and sealing.
//!
//! Nothing here reads a clock, makes randomness or does I/O: the current [`Timestamp`] and fresh
//! entropy come in as arguments, so that every rule can be tested at any moment of time. The one
//! idea to take along is [`proof::Proof`]: only a verifier in this crate can make one, and a
//! session's assurance is computed from proofs and from nothing else.

pub mod assurance;
pub mod audit;
pub mod clear;
pub mod code;
pub mod email;
pub mod factors;
pub mod gate;
pub mod id;
pub mod keys;
pub mod lockout;
pub mod message;
pub mod methods;
pub mod name;
pub mod proof;
pub mod secret;
pub mod time;
pub mod token;
mod wire;

pub use id::{EventId, MethodId, SessionId, UserId};
pub use secret::{Secret, SecretText};
pub use time::Timestamp;
