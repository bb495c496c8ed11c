//! Making an account: at once, after its mail was answered, or by an administrator's invitation.

use std::sync::Arc;

use nightlatch_core::{
    Timestamp, UserId,
    audit::{Event, Kind},
    keys::KeyRing,
    message::{Message, Template},
    proof::{Factor, Proofs},
};

use super::{
    account,
    outbox::{self, Envelope},
    presented,
    session::{self, Fresh, Session},
};
use crate::{Fault, Tx, Unit, args, sql};

/// An account-to-be.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Its identity.
    pub id: UserId,
    /// The address, as it was given.
    pub email: String,
    /// By which it is found.
    pub lookup: [u8; 32],
    /// How its owner is called.
    pub name: Option<String>,
    /// The language its owner chose.
    pub locale: Option<String>,
    /// The password's hash, sealed.
    pub password: Vec<u8>,
    /// Whether its owner has shown control of the address.
    pub verified: bool,
    /// Until when it may enrol its way to being an administrator.
    pub bootstrap_until: Option<Timestamp>,
    /// When.
    pub now: Timestamp,
}

/// Writes the account unless its address is taken.
async fn insert(tx: &mut Tx<'_>, new: &NewAccount) -> Result<bool, Fault> {
    tx.put(
        sql!(
            "INSERT INTO users (id, email, name, locale, state, epoch, password, password_at, \
             email_verified_at, is_admin, bootstrap_until, created_at) \
             VALUES (?1, ?2, ?3, ?4, 1, 1, ?5, ?6, ?7, 0, ?8, ?6)"
        ),
        args![
            new.id,
            &new.email,
            new.name.as_deref(),
            new.locale.as_deref(),
            &new.password,
            new.now,
            new.verified.then_some(new.now),
            new.bootstrap_until
        ],
    )
    .await?;
    let filed = tx
        .hit(
            sql!(
                "INSERT INTO addresses (lookup, user_id) VALUES (?1, ?2) \
                 ON CONFLICT (lookup) DO NOTHING"
            ),
            args![&new.lookup, new.id],
        )
        .await?;
    if !filed {
        // Somebody was faster; their account stays, this one goes.
        tx.changed_nobody();
        tx.put(sql!("DELETE FROM users WHERE id = ?1"), args![new.id]).await?;
        return Ok(false);
    }
    let event = Event::success(Kind::AccountRegistered, new.now);
    tx.audit(&Event { user: Some(new.id), ..event }).await?;
    Ok(true)
}

/// Begins a registration that has to be answered by mail: no account yet, and the same work whether
/// the address is taken or not.
pub struct Begin {
    /// Seals the mail.
    pub ring: Arc<KeyRing>,
    /// By which the address is found.
    pub lookup: [u8; 32],
    /// Where the mail goes if the address is free: as it was given.
    pub email: String,
    /// The language of the mail.
    pub locale: Option<String>,
    /// What the mail says if the address is free.
    pub finish: Template,
    /// The mail.
    pub envelope: Envelope,
}

impl Unit for Begin {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        let message = match account::find(tx, &self.lookup).await? {
            Some(owner) => Message {
                to: owner.email,
                locale: owner.locale,
                template: Template::AlreadyRegistered,
            },
            None => Message {
                to: self.email.clone(),
                locale: self.locale.clone(),
                template: self.finish.clone(),
            },
        };
        outbox::enqueue(tx, &self.ring, &self.envelope, &message).await
    }
}

/// Makes an account at once, where mails need not be answered. Whoever owns a taken address is told.
pub struct Register {
    /// Seals the mail.
    pub ring: Arc<KeyRing>,
    /// The account.
    pub account: NewAccount,
    /// For the mail to the owner of a taken address; `None` beyond the budget of mails.
    pub envelope: Option<Envelope>,
}

impl Unit for Register {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        let Some(owner) = account::find(tx, &self.account.lookup).await? else {
            insert(tx, &self.account).await?;
            return Ok(());
        };
        let Some(envelope) = &self.envelope else { return Ok(()) };
        outbox::notify(tx, &self.ring, envelope, &owner, Template::AlreadyRegistered).await
    }
}

/// Makes the account that a mailed link was waiting for, and signs its owner in.
pub struct Verify {
    /// Seals the session's proofs.
    pub ring: Arc<KeyRing>,
    /// The link's id, which is burned.
    pub link: [u8; 16],
    /// When the link ends.
    pub expires_at: Timestamp,
    /// The account.
    pub account: NewAccount,
    /// What was proved: the mailbox, and the password that was just chosen.
    pub proofs: Proofs,
    /// The session.
    pub fresh: Fresh,
}

impl Unit for Verify {
    type Out = Option<Session>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Session>, Fault> {
        if !presented::burn(tx, &self.link, self.expires_at).await? {
            return Ok(None);
        }
        if !insert(tx, &self.account).await? {
            return Ok(None);
        }
        let (user, proofs) = (self.account.id, self.proofs.clone());
        let session = session::open(tx, &self.ring, &self.fresh, user, proofs).await?;
        tx.audit(&Event {
            user: Some(user),
            session: Some(session.id),
            factor: Some(Factor::Email),
            level: Some(session.proofs.level()),
            address: self.fresh.address.as_deref().and_then(|text| text.parse().ok()),
            ..Event::success(Kind::SignIn, self.fresh.now)
        })
        .await?;
        Ok(Some(session))
    }
}

/// Makes the account that an invitation is for.
pub struct AcceptInvite {
    /// The invitation.
    pub invite: [u8; 16],
    /// What the store keeps of it.
    pub hash: [u8; 32],
    /// The account.
    pub account: NewAccount,
}

impl Unit for AcceptInvite {
    type Out = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Fault> {
        let used = tx
            .hit(
                sql!(
                    "DELETE FROM invites \
                     WHERE id = ?1 AND hash = ?2 AND lookup = ?3 AND expires_at > ?4"
                ),
                args![&self.invite, &self.hash, &self.account.lookup, self.account.now],
            )
            .await?;
        if used { insert(tx, &self.account).await } else { Ok(false) }
    }
}
