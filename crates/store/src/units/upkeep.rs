//! Dropping what is over.

use std::time::Duration;

use nightlatch_core::{Timestamp, lockout::FORGET_AFTER};

use crate::{Fault, Tx, Unit, args, sql};

/// Burned ids are kept this long beyond their token's expiry, for clocks that differ.
pub const KEEP: Duration = Duration::from_mins(10);

/// How long the keys of removed credentials are kept: passkeys sleep on devices for long.
const REMEMBER_REMOVED: Duration = Duration::from_hours(24 * 400);

/// Deletes rows that can no longer matter. Cheap to repeat; bounded by what expired since.
pub struct Purge {
    /// When.
    pub now: Timestamp,
}

impl Unit for Purge {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        let now = self.now;
        // Whoever kept a session asks the time as well.
        tx.changed_nobody();
        tx.put(sql!("DELETE FROM presented WHERE expires_at < ?1"), args![now.minus(KEEP)]).await?;
        tx.put(sql!("DELETE FROM sessions WHERE expires_at <= ?1 OR idle_until <= ?1"), args![now])
            .await?;
        tx.put(
            sql!(
                "DELETE FROM recovery_sets WHERE active = 0 AND EXISTS (SELECT 1 FROM pending_totp p \
                 WHERE p.user_id = recovery_sets.user_id AND p.expires_at <= ?1)"
            ),
            args![now],
        )
        .await?;
        tx.put(sql!("DELETE FROM pending_totp WHERE expires_at <= ?1"), args![now]).await?;
        tx.put(sql!("DELETE FROM mail_codes WHERE expires_at <= ?1"), args![now]).await?;
        tx.put(
            sql!("DELETE FROM removed_credentials WHERE removed_at < ?1"),
            args![now.minus(REMEMBER_REMOVED)],
        )
        .await?;
        tx.put(sql!("DELETE FROM invites WHERE expires_at <= ?1"), args![now]).await?;
        tx.put(sql!("DELETE FROM budgets WHERE seen_at < ?1"), args![now.minus(FORGET_AFTER)]).await
    }
}
