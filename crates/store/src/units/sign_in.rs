//! The first factor: what the right, and the wrong, password leads to.

use std::sync::Arc;

use nightlatch_core::{
    Timestamp,
    audit::{Event, Kind, Reason},
    keys::KeyRing,
    methods::{Allowed, Demand, Holding, Next},
    proof::{Factor, Proof, Proofs},
};

use super::{
    account::{self, Account},
    budget, methods,
    session::{self, Fresh, Session},
};
use crate::{Fault, Tx, Unit, args, sql};

/// Refused passwords of one account that are written to the audit trail before only every
/// [`AUDIT_EVERY`]-th is.
const AUDIT_FIRST: i64 = 20;
const AUDIT_EVERY: i64 = 20;

/// Writes down that a password was refused. It costs the same for an address without an account.
pub struct Refused {
    /// The account, if there is one.
    pub account: Option<Account>,
    /// Why.
    pub reason: Reason,
    /// Refusals in a row, this one included, as the budget counted them.
    pub streak: i64,
    /// The budget that counted the attempt.
    pub slot: i64,
    /// The client's network address.
    pub address: Option<std::net::IpAddr>,
    /// When.
    pub now: Timestamp,
}

impl Unit for Refused {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        let event = Event {
            user: self.account.as_ref().map(|account| account.id),
            factor: Some(Factor::Password),
            address: self.address,
            suppressed: (self.streak > AUDIT_FIRST).then_some(AUDIT_EVERY - 1),
            ..Event::failure(Kind::SignIn, self.now, self.reason)
        };
        // Written for everybody, so that there is something to make durable for everybody.
        budget::touch(tx, self.slot).await?;
        let told = self.streak <= AUDIT_FIRST || self.streak % AUDIT_EVERY == 0;
        if self.account.is_some() && told {
            tx.audit(&event).await
        } else {
            tx.audit_decoy(&event).await
        }
    }
}

/// Goes on after the right password.
pub struct Accepted {
    /// Seals the session's proofs.
    pub ring: Arc<KeyRing>,
    /// The account as it was when the password was compared.
    pub account: Account,
    /// The session that may come of it.
    pub fresh: Fresh,
    /// What policy allows.
    pub allowed: Allowed,
    /// What policy demands.
    pub demand: Demand,
    /// What was proved: the password.
    pub proofs: Proofs,
    /// The budgets that the right password clears.
    pub forgive: Vec<i64>,
    /// The budgets that the right password halves.
    pub ease: Vec<i64>,
    /// The password under today's parameters, sealed, if it was stored under lesser ones.
    pub rehashed: Option<Vec<u8>>,
}

/// What came of the right password.
#[derive(Debug)]
pub enum Continued {
    /// A session.
    Session(Box<Session>),
    /// More is asked for; nothing was written that a sign-in could be.
    More(Next, Holding),
    /// The account changed while the password was compared.
    Changed,
}

impl Unit for Accepted {
    type Out = Continued;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Continued, Fault> {
        let user = self.account.id;
        if !account::hold_epoch(tx, user, self.account.epoch).await? {
            return Ok(Continued::Changed);
        }
        for slot in &self.forgive {
            budget::forgive(tx, *slot).await?;
        }
        for slot in &self.ease {
            budget::ease(tx, *slot).await?;
        }
        if let Some(sealed) = &self.rehashed {
            // The password is the same: its older hash does for whoever has it.
            tx.changed_here(user);
            tx.put(
                sql!("UPDATE users SET password = ?2 WHERE id = ?1 AND epoch = ?3"),
                args![user, sealed, self.account.epoch],
            )
            .await?;
        }
        let holding = methods::holding(tx, user).await?;
        let next = holding.after_password(&self.allowed, self.demand);
        let now = self.fresh.now;
        let event = Event {
            user: Some(user),
            factor: Some(Factor::Password),
            address: self.fresh.address.as_deref().and_then(|text| text.parse().ok()),
            ..Event::success(Kind::SignIn, now)
        };
        match next {
            Next::Complete => {
                let proofs = self.proofs.clone();
                let session = session::open(tx, &self.ring, &self.fresh, user, proofs).await?;
                let (id, level) = (session.id, session.proofs.level());
                tx.audit(&Event { session: Some(id), level: Some(level), ..event }).await?;
                Ok(Continued::Session(Box::new(session)))
            }
            Next::Recover => {
                let refused = Event::failure(Kind::SignIn, now, Reason::RecoveryRequired);
                tx.audit(&Event { user: Some(user), address: event.address, ..refused }).await?;
                Ok(Continued::More(Next::Recover, holding))
            }
            next @ (Next::Challenge(_) | Next::Enroll) => Ok(Continued::More(next, holding)),
        }
    }
}

/// Renews a session by its account's password (step-up).
pub struct Renew {
    /// Seals the session's proofs.
    pub ring: Arc<KeyRing>,
    /// The session.
    pub session: Session,
    /// The account as it was when the password was compared.
    pub account: Account,
    /// The proof of the password.
    pub proof: Proof,
    /// Its new secrets.
    pub fresh: Fresh,
    /// The budget that the right password clears.
    pub forgive: Vec<i64>,
}

impl Unit for Renew {
    type Out = Option<Session>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Session>, Fault> {
        if !account::hold_epoch(tx, self.account.id, self.account.epoch).await? {
            return Ok(None);
        }
        let (ring, fresh) = (&self.ring, &self.fresh);
        let Some(held) = session::hold(tx, ring, &self.session, fresh.now).await? else {
            return Ok(None);
        };
        let raised = session::elevate(tx, ring, fresh, held, &self.proof).await?;
        for slot in &self.forgive {
            budget::forgive(tx, *slot).await?;
        }
        tx.audit(&Event {
            user: Some(raised.user),
            session: Some(raised.id),
            factor: Some(Factor::Password),
            level: Some(raised.proofs.level()),
            ..Event::success(Kind::StepUp, fresh.now)
        })
        .await?;
        Ok(Some(raised))
    }
}
