//! The password as the second factor: after a passkey that showed presence alone.

use std::sync::Arc;

use nightlatch_core::{
    Timestamp,
    audit::{Event, Kind},
    keys::KeyRing,
    proof::{Factor, Proof},
    token::SignInStep,
};

use super::{
    account::{self, Account},
    budget::{self, Reserved, Slot},
    presented,
    session::{self, Fresh, Session},
    webauthn,
};
use crate::{Fault, Tx, Unit, args, sql};

/// Counts an attempt, against the step and the password's budgets, before it is looked at.
pub struct ReserveStep {
    /// The sign-in.
    pub step: Arc<SignInStep>,
    /// The budget of passwords after a passkey.
    pub slot: Slot,
    /// When.
    pub now: Timestamp,
}

impl Unit for ReserveStep {
    /// `None` when the sign-in is over.
    type Out = Option<Reserved>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Reserved>, Fault> {
        let step = &self.step;
        if !step.proofs.are_completed_by(Factor::Password)
            || !account::hold_epoch(tx, step.user, step.epoch).await?
            || !presented::count_try(tx, &step.id, step.expires_at).await?
        {
            return Ok(None);
        }
        let reserved = budget::reserve(tx, self.slot, self.now).await?;
        if matches!(reserved, Reserved::Wait(_)) {
            presented::forget_try(tx, &step.id).await?;
        }
        Ok(Some(reserved))
    }
}

/// Completes a sign-in by the right password.
pub struct Complete {
    /// Seals the session's proofs.
    pub ring: Arc<KeyRing>,
    /// The sign-in.
    pub step: Arc<SignInStep>,
    /// The account as it was when the password was compared.
    pub account: Account,
    /// The proof of the password.
    pub proof: Proof,
    /// The session that comes of it.
    pub fresh: Fresh,
    /// The budget that the right password clears.
    pub forgive: i64,
    /// The password under today's parameters, sealed, if it was stored under lesser ones.
    pub rehashed: Option<Vec<u8>>,
}

impl Unit for Complete {
    /// `None` when the sign-in is over.
    type Out = Option<Box<Session>>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Out, Fault> {
        let (step, user) = (&self.step, self.account.id);
        let completes = step.proofs.are_completed_by(Factor::Password);
        if self.proof.user() != user || step.user != user || !completes {
            return Err(Fault::broken("a proof was presented for another account"));
        }
        if !account::hold_epoch(tx, user, step.epoch).await?
            || !presented::burn(tx, &step.id, step.expires_at).await?
        {
            return Ok(None);
        }
        budget::forgive(tx, self.forgive).await?;
        if let Some(sealed) = &self.rehashed {
            // The password is the same: its older hash does for whoever has it.
            tx.changed_here(user);
            tx.put(
                sql!("UPDATE users SET password = ?2 WHERE id = ?1 AND epoch = ?3"),
                args![user, sealed, step.epoch],
            )
            .await?;
        }
        if let Some(method) = step.verified {
            webauthn::initialize(tx, user, method).await?;
        }
        let proofs = step.proofs.clone().with(&self.proof);
        let session = session::open(tx, &self.ring, &self.fresh, user, proofs).await?;
        tx.audit(&Event {
            user: Some(user),
            session: Some(session.id),
            factor: Some(Factor::Password),
            level: Some(session.proofs.level()),
            address: self.fresh.address.as_deref().and_then(|text| text.parse().ok()),
            ..Event::success(Kind::SignIn, self.fresh.now)
        })
        .await?;
        Ok(Some(Box::new(session)))
    }
}
