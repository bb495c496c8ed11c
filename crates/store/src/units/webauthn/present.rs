//! A credential as the second factor of a sign-in, or to step up.

use nightlatch_core::{
    audit::{Event, Kind, Reason},
    factors::webauthn::Asserted,
    message::Template,
    proof::{Evidence, Factor},
};

use super::{Burn, initialize, spend};
use crate::{
    Fault, Tx, Unit,
    units::{
        account::Account,
        outbox, presented,
        second_factor::{Aim, Attempt, Attempted, Refusal},
    },
};

/// What verifying an answer found.
#[derive(Debug)]
pub enum Presented {
    /// It is right.
    Right(Asserted),
    /// It is not, and why.
    Wrong(Reason),
}

/// Presents the answer to a ceremony.
pub struct Present {
    /// What it is for.
    pub attempt: Attempt,
    /// The ceremony.
    pub burn: Burn,
    /// What verifying the answer found.
    pub presented: Presented,
    /// The name of the credential's method, for a notice.
    pub name: String,
}

impl Unit for Present {
    type Out = Attempted;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Attempted, Fault> {
        if !self.burn.run(tx).await? {
            return Ok(Err(Refusal::Wrong));
        }
        let (footing, held) = match self.attempt.admit(tx, Factor::WebAuthn).await? {
            Ok(admitted) => admitted,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let asserted = match &self.presented {
            Presented::Right(asserted) => asserted,
            Presented::Wrong(reason) => return self.refuse(tx, &footing.account, *reason).await,
        };
        let (user, now) = (footing.account.id, self.attempt.fresh.now);
        if !spend(tx, user, &held, &asserted.proof, now).await? {
            return self.refuse(tx, &footing.account, Reason::ReplayedCode).await;
        }
        let completed = self.attempt.complete(tx, footing, &asserted.proof).await?;
        if let Ok((session, _)) = &completed {
            if asserted.suspicious {
                let event = Event::success(Kind::CounterSuspicious, now);
                let factor = Some(Factor::WebAuthn);
                tx.audit(&Event { user: Some(user), factor, ..event }).await?;
            }
            // Not at a step-up: the password may have been given long ago, and by somebody else.
            if let Evidence::Assertion { method, .. } = asserted.proof.evidence()
                && asserted.verified
                && matches!(self.attempt.aim, Aim::SignIn(_))
                && session.proofs.at(Factor::Password).is_some()
            {
                initialize(tx, user, *method).await?;
            }
        }
        Ok(completed)
    }
}

impl Present {
    async fn refuse(
        &self,
        tx: &mut Tx<'_>,
        account: &Account,
        reason: Reason,
    ) -> Result<Attempted, Fault> {
        if let Aim::SignIn(step) = &self.attempt.aim {
            // Nothing can be guessed, but a sign-in that fails again and again comes to an end.
            presented::count_try(tx, &step.id, step.expires_at).await?;
        }
        self.attempt.tell_refusal(tx, account.id, Factor::WebAuthn, reason).await?;
        if reason == Reason::ClonedCredential {
            let Attempt { ring, envelope, .. } = &self.attempt;
            let template = Template::CredentialCloned { name: self.name.clone() };
            outbox::notify(tx, ring, envelope, account, template).await?;
        }
        Ok(Err(Refusal::Wrong))
    }
}
