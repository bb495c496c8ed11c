//! Codes that are mailed to a signed-in person, to show control of the mailbox.

use std::sync::Arc;

use nightlatch_core::{
    Timestamp,
    audit::{Event, Kind, Reason},
    code::OneTimeCode,
    factors::mail_code,
    keys::KeyRing,
    message::Template,
    proof::Factor,
};

use super::{
    account::Account,
    budget::{self, Reserved, Slot},
    outbox::{self, Envelope},
    second_factor::{self, Refusal},
    session::{self, Fresh, Session},
};
use crate::{Fault, Tx, Unit, args, sql};

/// Mails a code; an earlier one of the same person is void.
pub struct Send {
    /// Seals the mail.
    pub ring: Arc<KeyRing>,
    /// To whom.
    pub account: Account,
    /// The session that asked, the only one that may answer.
    pub session: Session,
    /// The code's id.
    pub id: [u8; 16],
    /// When the code ends.
    pub expires_at: Timestamp,
    /// Mails to this address are counted here.
    pub budget: Slot,
    /// The mail.
    pub envelope: Envelope,
}

impl Unit for Send {
    type Out = Reserved;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Reserved, Fault> {
        let reserved = budget::reserve(tx, self.budget, self.envelope.now).await?;
        if let Reserved::Wait(_) = reserved {
            return Ok(reserved);
        }
        tx.put(
            sql!(
                "INSERT INTO mail_codes (user_id, id, lineage, tries, expires_at) \
                 VALUES (?1, ?2, ?3, 0, ?4) ON CONFLICT (user_id) DO UPDATE SET \
                 id = ?2, lineage = ?3, tries = 0, expires_at = ?4"
            ),
            args![self.account.id, &self.id, self.session.id, self.expires_at],
        )
        .await?;
        let template = Template::MailCode { user: self.account.id, id: self.id };
        outbox::notify(tx, &self.ring, &self.envelope, &self.account, template).await?;
        Ok(reserved)
    }
}

/// Tries a mailed code, to renew the session that asked for it.
pub struct Try {
    /// Derives the code, seals the session.
    pub ring: Arc<KeyRing>,
    /// The session that asked for the code.
    pub session: Session,
    /// The code.
    pub code: OneTimeCode,
    /// The session's new secrets.
    pub fresh: Fresh,
}

impl Unit for Try {
    type Out = Result<Box<Session>, Refusal>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Out, Fault> {
        let (user, now) = (self.session.user, self.fresh.now);
        let held = session::hold(tx, &self.ring, &self.session, now).await?;
        let Some(held) = held else { return Ok(Err(Refusal::Ended)) };
        if let Err(refusal) = second_factor::count(tx, user, Factor::Email, true, now).await? {
            return Ok(Err(refusal));
        }
        let id = tx
            .row::<([u8; 16],)>(
                sql!(
                    "UPDATE mail_codes SET tries = tries + 1 WHERE user_id = ?1 AND lineage = ?2 \
                     AND expires_at > ?3 AND tries < ?4 RETURNING id"
                ),
                args![user, self.session.id, now, mail_code::TRIES],
            )
            .await?;
        let proof = id.and_then(|(id,)| mail_code::verify(&self.ring, user, id, &self.code, now));
        let event = Event {
            user: Some(user),
            session: Some(self.session.id),
            factor: Some(Factor::Email),
            ..Event::success(Kind::StepUp, now)
        };
        let Some(proof) = proof else {
            let refused = Event::failure(Kind::StepUp, now, Reason::WrongCode);
            tx.audit(&Event { outcome: refused.outcome, reason: refused.reason, ..event }).await?;
            return Ok(Err(Refusal::Wrong));
        };
        tx.put(sql!("DELETE FROM mail_codes WHERE user_id = ?1"), args![user]).await?;
        let raised = session::elevate(tx, &self.ring, &self.fresh, held, &proof).await?;
        second_factor::reset(tx, user, Factor::Email).await?;
        tx.audit(&event).await?;
        Ok(Ok(Box::new(raised)))
    }
}
