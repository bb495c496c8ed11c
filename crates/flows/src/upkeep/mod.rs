//! What goes on beside the requests: sending, signing the audit trail, dropping what is over, taking
//! other keys.
//!
//! Each is one step; whoever wires the server repeats it.

pub mod authenticators;
pub mod checkpoint;
pub mod keys;
pub mod outbox;

use std::time::Duration;

use nightlatch_store::{
    Fault, Store,
    units::{
        meta::{DatabaseClock, HighWater},
        upkeep::Purge,
    },
};

use crate::{Clock, Env, Refused};

/// Drops rows that can no longer matter.
///
/// # Errors
///
/// The store's.
pub async fn purge(env: &Env) -> Result<(), Refused> {
    Ok(env.store.write(Purge { now: env.clock.now() }).await?)
}

/// Farther apart than this, the clocks of a node and of the database are not one time.
pub const MOST_OFFSET: Duration = Duration::from_secs(2);

/// Notes how late it is, so that time does not run backwards across a restart; returns how far this
/// node's clock is from the database's, which all nodes share. Beyond [`MOST_OFFSET`] codes, tokens and
/// waits mean something else here than elsewhere, and the time is not noted: no other node is to start
/// with it.
///
/// # Errors
///
/// The store's.
pub async fn mark_time(env: &Env) -> Result<Duration, Refused> {
    let before = env.clock.now();
    let offset = clock_offset(&env.store, &*env.clock).await?;
    if offset <= MOST_OFFSET {
        env.store.write(HighWater { now: before }).await?;
        env.store.wrote();
    }
    Ok(offset)
}

/// How far `clock` is from the database's.
///
/// # Errors
///
/// The store's.
pub async fn clock_offset(store: &Store, clock: &dyn Clock) -> Result<Duration, Fault> {
    let before = clock.now();
    let database = store.read(DatabaseClock).await?;
    let after = clock.now();
    // The way to the database and back counts for nobody, and so one of the two is zero.
    Ok(before.since(database) + database.since(after))
}
