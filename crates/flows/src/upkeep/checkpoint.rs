//! Signing where the chains of the audit trail stand.

use nightlatch_core::audit::{Checkpoint, Head};
use nightlatch_store::units::audit::{LastCheckpoint, Signed, WriteCheckpoint};

use crate::{Env, Refused};

/// Writes a checkpoint if a chain grew since `last`; returns the heads it named.
///
/// # Errors
///
/// The store's.
pub async fn checkpoint(env: &Env, last: &[Head]) -> Result<Option<Vec<Head>>, Refused> {
    let heads = env.store.heads();
    if heads.is_empty() || heads == last {
        return Ok(None);
    }
    let now = env.clock.now();
    let previous = env.store.read(LastCheckpoint).await?;
    let previous = previous
        .and_then(|signed| Checkpoint::from_bytes(&signed.body))
        .map_or([0; 32], |checkpoint| checkpoint.hash());
    let checkpoint = Checkpoint { at: now, previous, heads };
    let body = checkpoint.to_bytes();
    let signers = env.ring().checkpoint_signers();
    let signer = signers.first().ok_or(Refused::Conflict)?;
    let row = Signed {
        id: env.id(now),
        signature: signer.sign(&body).to_vec(),
        key_tag: signer.tag().to_string(),
        body,
    };
    env.store.write(WriteCheckpoint(row)).await?;
    Ok(Some(checkpoint.heads))
}
