//! Changing a password.

use std::sync::Arc;

use nightlatch_core::{
    SessionId,
    audit::{Event, Kind, Reason},
    keys::KeyRing,
    message::Template,
};

use super::{
    account::{self, Account},
    outbox::{self, Envelope},
    session::{self, Which},
};
use crate::{Fault, Tx, Unit, args, sql};

/// Sets a new password; every other session of the account ends.
pub struct Change {
    /// Seals the notice.
    pub ring: Arc<KeyRing>,
    /// Whose, as read when the request was decided.
    pub account: Account,
    /// The session that asked, and goes on.
    pub session: SessionId,
    /// The new password, hashed and sealed.
    pub sealed: Vec<u8>,
    /// The notice.
    pub envelope: Envelope,
}

impl Unit for Change {
    type Out = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Fault> {
        let (user, now) = (self.account.id, self.envelope.now);
        if !account::raise_epoch(tx, user, self.account.epoch).await? {
            return Ok(false);
        }
        tx.put(
            sql!("UPDATE users SET password = ?2, password_at = ?3 WHERE id = ?1"),
            args![user, &self.sealed, now],
        )
        .await?;
        let reason = Reason::PasswordChanged;
        session::end_some(tx, user, Which::AllBut(self.session), reason, now).await?;
        tx.audit(&Event {
            user: Some(user),
            session: Some(self.session),
            ..Event::success(Kind::PasswordChanged, now)
        })
        .await?;
        let template = Template::PasswordChanged;
        outbox::notify(tx, &self.ring, &self.envelope, &self.account, template).await?;
        Ok(true)
    }
}
