//! The outbox: messages are enqueued in the transaction they tell of, and sent afterwards.

use std::sync::Arc;

use nightlatch_core::{
    Timestamp,
    keys::{KeyRing, Nonce},
    message::{Message, Template},
};

use super::account::Account;
use crate::{Fault, Tx, Unit, args, sql};

/// Where a message goes in the outbox, and what it is sealed with.
#[derive(Debug, Clone, Copy)]
pub struct Envelope {
    /// The row: a time-ordered id.
    pub id: [u8; 16],
    /// For sealing it.
    pub nonce: Nonce,
    /// When.
    pub now: Timestamp,
}

/// Puts a message into the outbox.
pub(crate) async fn enqueue(
    tx: &mut Tx<'_>,
    ring: &KeyRing,
    envelope: &Envelope,
    message: &Message,
) -> Result<(), Fault> {
    let body = message.seal(ring, envelope.nonce, envelope.id);
    tx.put(
        sql!("INSERT INTO outbox (id, due_at, tries, body) VALUES (?1, ?2, 0, ?3)"),
        args![&envelope.id, envelope.now, &body],
    )
    .await
}

/// Tells an account's owner something.
pub(crate) async fn notify(
    tx: &mut Tx<'_>,
    ring: &KeyRing,
    envelope: &Envelope,
    account: &Account,
    template: Template,
) -> Result<(), Fault> {
    let message = Message { to: account.email.clone(), locale: account.locale.clone(), template };
    enqueue(tx, ring, envelope, &message).await
}

/// Puts one message into the outbox on its own.
pub struct Enqueue {
    /// Seals it.
    pub ring: Arc<KeyRing>,
    /// Its row.
    pub envelope: Envelope,
    /// The message.
    pub message: Message,
}

impl Unit for Enqueue {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        enqueue(tx, &self.ring, &self.envelope, &self.message).await
    }
}

/// Takes the oldest message that is due, for one sender; it is due again at `retry_at` unless it is
/// settled before.
pub struct Claim {
    /// When.
    pub now: Timestamp,
    /// When others may take it, if this sender dies.
    pub retry_at: Timestamp,
}

/// A message that was taken.
#[derive(Debug)]
pub struct Claimed {
    /// Its row.
    pub id: [u8; 16],
    /// How often it was taken, this time included.
    pub tries: i64,
    /// The sealed message.
    pub body: Vec<u8>,
}

impl Unit for Claim {
    type Out = Option<Claimed>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Claimed>, Fault> {
        // Senders of several nodes pass over what another is just taking, and go on with the next.
        let row = tx
            .row::<([u8; 16], i64, Vec<u8>)>(
                sql!(
                    "UPDATE outbox SET due_at = ?2, tries = tries + 1 WHERE id = \
                     (SELECT id FROM outbox WHERE due_at <= ?1 ORDER BY id LIMIT 1) \
                     RETURNING id, tries, body",
                    pg: "UPDATE outbox SET due_at = $2, tries = tries + 1 WHERE id = \
                     (SELECT id FROM outbox WHERE due_at <= $1 ORDER BY id LIMIT 1 \
                     FOR UPDATE SKIP LOCKED) RETURNING id, tries, body"
                ),
                args![self.now, self.retry_at],
            )
            .await?;
        Ok(row.map(|(id, tries, body)| Claimed { id, tries, body }))
    }
}

/// Takes a message out of the outbox: it was sent, or never will be.
pub struct Settle {
    /// Its row.
    pub id: [u8; 16],
}

impl Unit for Settle {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        tx.put(sql!("DELETE FROM outbox WHERE id = ?1"), args![&self.id]).await
    }
}

/// Puts a message off after a failed attempt.
pub struct Postpone {
    /// Its row.
    pub id: [u8; 16],
    /// When to try again.
    pub due_at: Timestamp,
}

impl Unit for Postpone {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        tx.put(sql!("UPDATE outbox SET due_at = ?2 WHERE id = ?1"), args![&self.id, self.due_at])
            .await
    }
}
