//! What a database that came from a backup has forgotten was spent, ended or sent since then: all of
//! it is void.

use std::sync::Arc;

use nightlatch_core::{
    Timestamp, UserId,
    audit::{Event, Kind},
    factors::totp::{MAX_DRIFT, Window},
    keys::KeyRing,
    message::Template,
};

use super::{
    account::Account,
    meta::ERA,
    outbox::{self, Envelope},
};
use crate::{Fault, Tx, Unit, args, sql};

/// Accounts that hold recovery codes.
pub struct Holders {
    /// Only accounts younger than this one; `None` for the first.
    pub after: Option<UserId>,
    /// How many at most.
    pub limit: i64,
}

impl Unit for Holders {
    type Out = Vec<Account>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Account>, Fault> {
        let after = self.after.unwrap_or(UserId::from_bytes([0; 16]));
        tx.rows(
            sql!(
                "SELECT id, email, name, locale, state, epoch, password, password_at, \
                 email_verified_at, is_admin, bootstrap_until, created_at FROM users \
                 WHERE id > ?1 AND EXISTS (SELECT 1 FROM recovery_sets s \
                 WHERE s.user_id = users.id AND s.active = 1) ORDER BY id LIMIT ?2"
            ),
            args![after, self.limit],
        )
        .await
    }
}

/// Ends everything that was issued before the restore, in one transaction. Burned ids, counts of
/// attempts and the audit trail stay.
pub struct Revoke {
    /// Seals the notices.
    pub ring: Arc<KeyRing>,
    /// The new era: random.
    pub era: [u8; 16],
    /// Whoever is told that their recovery codes are void.
    pub holders: Vec<(Account, Envelope)>,
    /// When.
    pub now: Timestamp,
}

impl Unit for Revoke {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        // No server runs on it yet.
        tx.changed_nobody();
        tx.put(
            sql!(
                "INSERT INTO meta (key, value) VALUES (?1, ?2) \
                 ON CONFLICT (key) DO UPDATE SET value = ?2"
            ),
            args![ERA, &self.era],
        )
        .await?;
        self.raise_epochs(tx).await?;
        self.spend_codes(tx).await?;
        tx.put(sql!("DELETE FROM sessions"), args![]).await?;
        tx.put(sql!("DELETE FROM nodes"), args![]).await?;
        tx.put(sql!("DELETE FROM invites"), args![]).await?;
        tx.put(sql!("DELETE FROM pending_totp"), args![]).await?;
        tx.put(sql!("DELETE FROM recovery_sets"), args![]).await?;
        tx.put(sql!("DELETE FROM mail_codes"), args![]).await?;
        // What waited when the backup was taken was sent by the server that went on.
        tx.put(sql!("DELETE FROM outbox"), args![]).await?;
        for (account, envelope) in &self.holders {
            let template = Template::RecoveryCodesVoid;
            outbox::notify(tx, &self.ring, envelope, account, template).await?;
        }
        tx.audit(&Event::success(Kind::Restored, self.now)).await
    }
}

impl Revoke {
    /// The server that went on may have raised epochs, too, and sealed tokens under them. It raised
    /// each by one a change, so that none of them came as far as milliseconds since 1970 do.
    async fn raise_epochs(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        tx.put(
            sql!(
                "UPDATE users SET bootstrap_until = NULL, \
                 epoch = CASE WHEN epoch >= ?1 THEN epoch + 1 ELSE ?1 END"
            ),
            args![self.now],
        )
        .await
    }

    /// Steps as far as the fastest app's code was good by now count as accepted.
    async fn spend_codes(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        let ahead = MAX_DRIFT + Window::OneStep.steps();
        tx.put(
            sql!(
                "UPDATE totp SET last_step = CAST(?1 AS BIGINT) / period + ?2 \
                 WHERE last_step < CAST(?1 AS BIGINT) / period + ?2"
            ),
            args![self.now.seconds(), ahead],
        )
        .await
    }
}
