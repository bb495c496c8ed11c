//! Changing a password.

use std::sync::Arc;

use nightlatch_core::{
    audit::{Event, Kind, Reason},
    keys::KeyRing,
    message::Template,
};

use super::{
    account::{self, Account},
    budget,
    outbox::{self, Envelope},
    session::{self, Session, Which},
};
use crate::{Fault, Tx, Unit, args, sql};

/// Sets a new password; every other session of the account ends.
pub struct Change {
    /// Seals the notice.
    pub ring: Arc<KeyRing>,
    /// Whose, as read when the request was decided.
    pub account: Account,
    /// The session that asked, and goes on.
    pub session: Session,
    /// The budget that the right current password clears.
    pub forgive: Option<i64>,
    /// The new password, hashed and sealed.
    pub sealed: Vec<u8>,
    /// The notice.
    pub envelope: Envelope,
}

impl Unit for Change {
    type Out = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Fault> {
        let (user, now) = (self.account.id, self.envelope.now);
        let held = account::hold_epoch(tx, user, self.account.epoch).await?;
        if !held || !session::is_live(tx, &self.session, now).await? {
            return Ok(false);
        }
        account::raise_held(tx, user, self.account.epoch).await?;
        if let Some(slot) = self.forgive {
            budget::forgive(tx, slot).await?;
        }
        tx.put(
            sql!("UPDATE users SET password = ?2, password_at = ?3 WHERE id = ?1"),
            args![user, &self.sealed, now],
        )
        .await?;
        let reason = Reason::PasswordChanged;
        session::end_some(tx, user, Which::AllBut(self.session.id), reason, now).await?;
        tx.audit(&Event {
            user: Some(user),
            session: Some(self.session.id),
            ..Event::success(Kind::PasswordChanged, now)
        })
        .await?;
        let template = Template::PasswordChanged;
        outbox::notify(tx, &self.ring, &self.envelope, &self.account, template).await?;
        Ok(true)
    }
}
