//! What administrators do to accounts from the command line.

use std::sync::Arc;

use nightlatch_core::{
    Timestamp, UserId,
    audit::{Event, Kind, Reason},
    keys::KeyRing,
    message::Template,
};

use super::{
    account::{self, Account, Standing},
    methods,
    outbox::{self, Envelope},
    session::{self, Which},
};
use crate::{Fault, Tx, Unit, args, sql};

/// Lists accounts, newest first.
pub struct ListUsers {
    /// Only accounts older than this one.
    pub before: Option<UserId>,
    /// How many at most.
    pub limit: i64,
}

impl Unit for ListUsers {
    type Out = Vec<Account>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Account>, Fault> {
        let before = self.before.unwrap_or(UserId::from_bytes([0xff; 16]));
        tx.rows(
            sql!(
                "SELECT id, email, name, locale, state, epoch, password, password_at, \
                 email_verified_at, is_admin, bootstrap_until, created_at FROM users \
                 WHERE id < ?1 ORDER BY id DESC LIMIT ?2"
            ),
            args![before, self.limit],
        )
        .await
    }
}

/// Stores an invitation to become an administrator; an earlier one for the same address is void.
pub struct Invite {
    /// Its row.
    pub id: [u8; 16],
    /// The address it is for, under the sealing key.
    pub lookup: [u8; 32],
    /// What is kept of the link.
    pub hash: [u8; 32],
    /// When it ends.
    pub expires_at: Timestamp,
    /// When.
    pub now: Timestamp,
}

impl Unit for Invite {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        tx.put(sql!("DELETE FROM invites WHERE lookup = ?1"), args![&self.lookup]).await?;
        tx.put(
            sql!("INSERT INTO invites (id, lookup, hash, expires_at) VALUES (?1, ?2, ?3, ?4)"),
            args![&self.id, &self.lookup, &self.hash, self.expires_at],
        )
        .await?;
        tx.audit(&Event::success(Kind::AdministratorInvited, self.now)).await
    }
}

/// Makes an account that has a second factor an administrator, or lets an administrator without one
/// enrol within a short time.
pub struct Promote {
    /// Which account, as read.
    pub account: Account,
    /// Until when it may enrol, if it has no second factor.
    pub bootstrap_until: Timestamp,
    /// When.
    pub now: Timestamp,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promoted {
    /// It is an administrator now.
    Done,
    /// It is one already, without a second factor, and may enrol one now.
    MayEnroll,
    /// It has no second factor, and being an account is not enough.
    NeedsFactor,
    /// The account changed meanwhile; try again.
    Conflict,
}

impl Unit for Promote {
    type Out = Promoted;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Promoted, Fault> {
        let user = self.account.id;
        if !account::hold_epoch(tx, user, self.account.epoch).await? {
            return Ok(Promoted::Conflict);
        }
        let required = methods::holding(tx, user).await?.required();
        if !required && !self.account.is_admin {
            return Ok(Promoted::NeedsFactor);
        }
        account::raise_held(tx, user, self.account.epoch).await?;
        let event = Event { user: Some(user), ..Event::success(Kind::AdministratorMade, self.now) };
        if required {
            tx.put(sql!("UPDATE users SET is_admin = 1 WHERE id = ?1"), args![user]).await?;
            tx.audit(&event).await?;
            return Ok(Promoted::Done);
        }
        tx.put(
            sql!("UPDATE users SET bootstrap_until = ?2 WHERE id = ?1"),
            args![user, self.bootstrap_until],
        )
        .await?;
        tx.audit(&Event { kind: Kind::AdministratorInvited, ..event }).await?;
        Ok(Promoted::MayEnroll)
    }
}

/// Disables an account, or enables it again. Its sessions end.
pub struct SetStanding {
    /// Which account.
    pub user: UserId,
    /// What it is to be.
    pub standing: Standing,
    /// When.
    pub now: Timestamp,
}

impl Unit for SetStanding {
    type Out = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Fault> {
        let changed = tx
            .hit(
                sql!(
                    "UPDATE users SET state = ?2, epoch = epoch + 1 WHERE id = ?1 AND state <> ?2"
                ),
                args![self.user, self.standing.code()],
            )
            .await?;
        if changed {
            tx.changed(self.user);
            let kind = match self.standing {
                Standing::Active => Kind::AccountEnabled,
                Standing::Disabled => Kind::AccountDisabled,
            };
            let event = Event::success(kind, self.now);
            tx.audit(&Event { user: Some(self.user), ..event }).await?;
            let reason = Reason::ByAdministrator;
            session::end_some(tx, self.user, Which::All, reason, self.now).await?;
        }
        Ok(changed)
    }
}

/// Removes every second factor of an account; its sessions end and its owner is told.
pub struct ResetMethods {
    /// Seals the notice.
    pub ring: Arc<KeyRing>,
    /// Which account, as read.
    pub account: Account,
    /// The notice.
    pub envelope: Envelope,
}

impl Unit for ResetMethods {
    type Out = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Fault> {
        let (user, now) = (self.account.id, self.envelope.now);
        let locked = tx
            .hit(
                sql!("UPDATE users SET epoch = epoch + 1 WHERE id = ?1 AND epoch = ?2"),
                args![user, self.account.epoch],
            )
            .await?;
        if !locked {
            return Ok(false);
        }
        tx.changed(user);
        tx.put(sql!("DELETE FROM methods WHERE user_id = ?1"), args![user]).await?;
        tx.put(sql!("DELETE FROM pending_totp WHERE user_id = ?1"), args![user]).await?;
        tx.put(sql!("DELETE FROM recovery_sets WHERE user_id = ?1"), args![user]).await?;
        tx.put(sql!("DELETE FROM attempts WHERE user_id = ?1"), args![user]).await?;
        let event = Event::success(Kind::MethodsReset, now);
        tx.audit(&Event { user: Some(user), ..event }).await?;
        session::end_some(tx, user, Which::All, Reason::ByAdministrator, now).await?;
        let template = Template::FactorRemoved { name: "all methods".to_owned() };
        outbox::notify(tx, &self.ring, &self.envelope, &self.account, template).await?;
        Ok(true)
    }
}
