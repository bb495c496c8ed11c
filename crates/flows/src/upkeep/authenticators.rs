//! Looking again at enrolled authenticators when the metadata change.

use nightlatch_core::factors::webauthn::is_compromised_model;
use nightlatch_store::units::webauthn::{Models, OfModel, Suspend};

use crate::{Env, Refused};

/// Suspends every method whose model the metadata now call broken; says how many there were.
///
/// # Errors
///
/// The store's.
pub async fn review(env: &Env) -> Result<usize, Refused> {
    let Some(metadata) = env.metadata.current() else { return Ok(0) };
    let now = env.clock.now();
    let mut suspended = 0;
    for (aaguid, attestation_key) in env.store.read_slow(Models).await? {
        if !is_compromised_model(&metadata, aaguid, attestation_key.as_deref(), now) {
            continue;
        }
        loop {
            let attestation_key = attestation_key.clone();
            let methods = env.store.read_slow(OfModel { aaguid, attestation_key }).await?;
            let before = suspended;
            for (user, method) in methods {
                let envelope = env.envelope(now);
                let unit = Suspend { ring: env.ring(), user, method, envelope };
                suspended += usize::from(env.write(unit).await?);
            }
            if suspended == before {
                break;
            }
        }
    }
    Ok(suspended)
}
