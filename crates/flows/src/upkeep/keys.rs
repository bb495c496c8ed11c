//! Taking other keys while serving, and telling the other nodes which ones this one has.

use nightlatch_core::keys::KeyRing;
use nightlatch_store::units::keys::{Announce, Leave};

use crate::{
    Env, Refused,
    boot::{Unfit, fitting},
};

/// A running server, as operators know it.
#[derive(Debug, Clone)]
pub struct Node {
    /// Drawn at its start.
    pub id: [u8; 16],
    /// Where it runs.
    pub name: String,
}

/// Takes `ring` in the place of the one that holds, if it opens all that the database holds. What was
/// begun with the old ring ends with it.
///
/// # Errors
///
/// [`Unfit`] says what it does not open; the old ring goes on to hold.
pub async fn take(env: &Env, ring: KeyRing) -> Result<(), Unfit> {
    env.keys.replace(fitting(&env.store, ring).await?);
    Ok(())
}

/// Notes that `node` runs and has the keys that it has.
///
/// # Errors
///
/// The store's.
pub async fn announce(env: &Env, node: &Node) -> Result<(), Refused> {
    let (now, tags) = (env.clock.now(), env.ring().tags().collect());
    let node = Some((node.id, node.name.clone()));
    Ok(env.store.write(Announce { node, tags, now }).await?)
}

/// Notes that `node` is gone.
///
/// # Errors
///
/// The store's.
pub async fn leave(env: &Env, node: &Node) -> Result<(), Refused> {
    Ok(env.store.write(Leave { id: node.id }).await?)
}
