//! Sealed tokens that were presented: their tries, and their end.

use nightlatch_core::{Timestamp, lockout::STEP_TRIES};

use crate::{Fault, Sql, Tx, args, sql};

static COUNT: &Sql = sql!(
    "INSERT INTO presented (id, tries, burned, expires_at) VALUES (?1, 1, 0, ?2) \
     ON CONFLICT (id) DO UPDATE SET tries = presented.tries + 1 \
     WHERE presented.burned = 0 AND presented.tries < ?3"
);

static BURN: &Sql = sql!(
    "INSERT INTO presented (id, tries, burned, expires_at) VALUES (?1, 0, 1, ?2) \
     ON CONFLICT (id) DO UPDATE SET burned = 1 WHERE presented.burned = 0"
);

/// Counts one try of the token `id`; `false` when it is used up or had all its tries.
pub(crate) async fn count_try(
    tx: &mut Tx<'_>,
    id: &[u8; 16],
    expires_at: Timestamp,
) -> Result<bool, Fault> {
    tx.hit(COUNT, args![id, expires_at, STEP_TRIES]).await
}

/// Counts one try of the token `id`, which this unit has found open.
pub(crate) async fn take_try(
    tx: &mut Tx<'_>,
    id: &[u8; 16],
    expires_at: Timestamp,
) -> Result<(), Fault> {
    tx.take(COUNT, args![id, expires_at, STEP_TRIES]).await
}

/// Whether the token `id` can be tried: it is not used up, and did not have all its tries.
pub(crate) async fn has_tries(tx: &mut Tx<'_>, id: &[u8; 16]) -> Result<bool, Fault> {
    let over = tx
        .row::<(i64,)>(
            sql!("SELECT tries FROM presented WHERE id = ?1 AND (burned = 1 OR tries >= ?2)"),
            args![id, STEP_TRIES],
        )
        .await?;
    Ok(over.is_none())
}

/// Takes back a try that was not looked at.
pub(crate) async fn forget_try(tx: &mut Tx<'_>, id: &[u8; 16]) -> Result<(), Fault> {
    tx.put(sql!("UPDATE presented SET tries = tries - 1 WHERE id = ?1"), args![id]).await
}

/// Uses up the token `id`; `false` when it was used up before.
pub(crate) async fn burn(
    tx: &mut Tx<'_>,
    id: &[u8; 16],
    expires_at: Timestamp,
) -> Result<bool, Fault> {
    tx.hit(BURN, args![id, expires_at]).await
}

/// Uses up the token `id`, which this unit has found open.
pub(crate) async fn take(
    tx: &mut Tx<'_>,
    id: &[u8; 16],
    expires_at: Timestamp,
) -> Result<(), Fault> {
    tx.take(BURN, args![id, expires_at]).await
}
