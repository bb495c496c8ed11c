//! What happens in Nightlatch: one file per journey, each a plain function over an [`Env`].
//!
//! A journey reads the clock once, asks the store for one or two units of work and lets
//! [`nightlatch_core`] decide. It knows neither HTTP nor SQL. Whoever is turned away gets a
//! [`Refused`], which says only what the caller can act on; why is in the audit trail.

pub mod account;
pub mod admin;
pub mod authenticate;
pub mod boot;
mod callers;
mod ceremonies;
pub mod courier;
pub mod enrol;
pub mod env;
pub mod hasher;
pub mod keys;
pub mod manage;
pub mod metadata;
pub mod observer;
mod passwords;
pub mod refused;
pub mod session;
pub mod settings;
pub mod sign_in;
pub mod sign_up;
pub mod step_up;
pub mod tokens;
pub mod upkeep;

pub use ceremonies::Options as CeremonyOptions;
pub use env::{Client, Clock, Entropy, Env};
pub use refused::{Invalid, Refused};
pub use settings::Settings;
