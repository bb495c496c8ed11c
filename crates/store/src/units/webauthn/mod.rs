//! Passkeys and security keys: their records, and what a verified assertion completes.
//!
//! An assertion is verified before its unit of work, since nothing can be guessed; the unit burns the
//! ceremony, whatever came of it, and spends the counter by compare-and-set.

mod present;
mod read;
mod sign_in;
mod suspend;

pub use present::{Present, Presented};
pub(crate) use read::Stored;
pub use read::{ByCredential, Credentials, Found};
pub use sign_in::{Passkey, RefusePasskey, SignedIn};
pub use suspend::{Models, OfModel, Suspend};

pub(crate) use read::by_method;

use nightlatch_core::{
    MethodId, Timestamp, UserId,
    proof::{Evidence, Proof},
};

use super::{methods::Held, presented};
use crate::{Fault, Tx, Unit, args, sql};

/// The end of a ceremony: its id, which is burned, and when it would have expired.
#[derive(Debug, Clone, Copy)]
pub struct Burn {
    /// The ceremony's id.
    pub id: [u8; 16],
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Burns it; `false` if it was presented before.
impl Unit for Burn {
    type Out = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Fault> {
        presented::burn(tx, &self.id, self.expires_at).await
    }
}

/// Spends an assertion of `user`, who is held and holds `held`: of two answers that were made at the
/// same counter one is accepted, and none once the method is no longer active.
async fn spend(
    tx: &mut Tx<'_>,
    user: UserId,
    held: &[Held],
    proof: &Proof,
    now: Timestamp,
) -> Result<bool, Fault> {
    let Evidence::Assertion { method, from, to, backup_state, .. } = proof.evidence() else {
        return Err(Fault::broken("not the proof of an assertion"));
    };
    if proof.user() != user {
        return Err(Fault::broken("a proof was presented for another account"));
    }
    if !Held::has(held, *method, *from) {
        return Ok(false);
    }
    tx.take(
        sql!(
            "UPDATE webauthn SET sign_count = ?4, backup_state = ?5, last_used_at = ?6 \
             WHERE user_id = ?1 AND method_id = ?2 AND sign_count = ?3"
        ),
        args![user, method, i64::from(*from), i64::from(*to), *backup_state, now],
    )
    .await?;
    Ok(true)
}

/// From now on a verification of the person by this authenticator counts as a factor: another factor
/// has just vouched for it.
pub(crate) async fn initialize(
    tx: &mut Tx<'_>,
    user: UserId,
    method: MethodId,
) -> Result<(), Fault> {
    tx.put(
        sql!("UPDATE webauthn SET uv_initialized = 1 WHERE user_id = ?1 AND method_id = ?2"),
        args![user, method],
    )
    .await
}
