//! What goes on beside the requests: sending, signing the audit trail, dropping what is over.
//!
//! Each is one step; whoever wires the server repeats it.

pub mod authenticators;
pub mod checkpoint;
pub mod outbox;

use nightlatch_core::Timestamp;
use nightlatch_store::units::{meta::HighWater, upkeep::Purge};

use crate::{Env, Refused};

/// Drops rows that can no longer matter.
///
/// # Errors
///
/// The store's.
pub async fn purge(env: &Env) -> Result<(), Refused> {
    Ok(env.store.write(Purge { now: env.clock.now() }).await?)
}

/// Notes how late it is, so that time does not run backwards across a restart.
///
/// # Errors
///
/// The store's.
pub async fn mark_time(env: &Env) -> Result<Timestamp, Refused> {
    Ok(env.store.write(HighWater { now: env.clock.now() }).await?)
}
