//! Enrolling second factors: what every kind of them shares.

mod totp;
mod webauthn;

pub use totp::{Begin, Begun, Confirm, MOST_OTP, Unconfirmed};
pub use webauthn::{Enrol, Enrolled, NotEnrolled};

use std::sync::Arc;

use nightlatch_core::{
    Timestamp, UserId,
    audit::{Event, Kind, Reason},
    keys::KeyRing,
    message::Template,
    proof::{Factor, Proof, Proofs},
};

use super::{
    account::Account,
    outbox::{self, Envelope},
    session::{self, Fresh, Session, Which},
};
use crate::{Fault, Tx, args, sql};

/// Who is enrolling: a session, or a sign-in that may not complete without.
#[derive(Debug, Clone)]
pub enum Enroller {
    /// A signed-in person.
    Session(Box<Session>),
    /// A person between the password and the session.
    SignIn {
        /// The enrolment token's id.
        id: [u8; 16],
        /// What was proved so far.
        proofs: Proofs,
        /// When the token ends.
        expires_at: Timestamp,
    },
}

impl Enroller {
    /// What a pending enrolment belongs to.
    #[must_use]
    pub fn lineage(&self) -> &[u8; 16] {
        match self {
            Self::Session(session) => session.id.as_bytes(),
            Self::SignIn { id, .. } => id,
        }
    }
}

/// An enrolment that its proof completes: of a session, which it raises, or of a sign-in.
#[derive(Debug, Clone)]
pub struct Completion {
    /// Opens and seals what is touched.
    pub ring: Arc<KeyRing>,
    /// Whose.
    pub user: UserId,
    /// Who began it.
    pub enroller: Enroller,
    /// The session to open, or its new secrets.
    pub fresh: Fresh,
    /// The notice.
    pub envelope: Envelope,
}

/// What the enrolment belongs to is over.
struct Over;

impl Completion {
    /// The session that began the enrolment, if it is still there; `None` for a sign-in's.
    async fn hold(&self, tx: &mut Tx<'_>) -> Result<Result<Option<Session>, Over>, Fault> {
        match &self.enroller {
            Enroller::Session(session) => {
                let held = session::hold(tx, &self.ring, session, self.fresh.now).await?;
                Ok(held.map(Some).ok_or(Over))
            }
            Enroller::SignIn { expires_at, .. } if self.fresh.now >= *expires_at => Ok(Err(Over)),
            Enroller::SignIn { .. } => Ok(Ok(None)),
        }
    }

    /// With the first second factor whatever was opened without one ends, but for the session that
    /// proves it now.
    async fn end_others(&self, tx: &mut Tx<'_>, held: Option<&Session>) -> Result<(), Fault> {
        let which = held.map_or(Which::All, |held| Which::AllBut(held.id));
        let (reason, now) = (Reason::MethodAdded, self.fresh.now);
        session::end_some(tx, self.user, which, reason, now).await.map(drop)
    }

    async fn session(
        &self,
        tx: &mut Tx<'_>,
        held: Option<Session>,
        proof: &Proof,
    ) -> Result<Session, Fault> {
        let (ring, fresh) = (&self.ring, &self.fresh);
        match (held, &self.enroller) {
            (Some(held), _) => session::elevate(tx, ring, fresh, held, proof).await,
            (None, Enroller::SignIn { proofs, .. }) => {
                session::open(tx, ring, fresh, self.user, proofs.clone().with(proof)).await
            }
            (None, Enroller::Session(_)) => Err(Fault::broken("a session was not held")),
        }
    }

    async fn told(
        &self,
        tx: &mut Tx<'_>,
        account: &Account,
        session: &Session,
        (factor, name): (Factor, &str),
    ) -> Result<(), Fault> {
        let now = self.fresh.now;
        let event = Event {
            user: Some(self.user),
            session: Some(session.id),
            factor: Some(factor),
            level: Some(session.proofs.level()),
            address: self.fresh.address.as_deref().and_then(|text| text.parse().ok()),
            ..Event::success(Kind::MethodConfirmed, now)
        };
        tx.audit(&event).await?;
        if account.bootstrap_until.is_some_and(|until| now < until) {
            tx.put(
                sql!("UPDATE users SET is_admin = 1, bootstrap_until = NULL WHERE id = ?1"),
                args![self.user],
            )
            .await?;
            tx.audit(&Event { kind: Kind::AdministratorMade, ..event }).await?;
        }
        let template = Template::FactorAdded { name: name.to_owned() };
        outbox::notify(tx, &self.ring, &self.envelope, account, template).await
    }
}

/// Drops whatever waits to be confirmed, recovery codes included.
async fn drop_pending(tx: &mut Tx<'_>, user: UserId) -> Result<(), Fault> {
    tx.put(sql!("DELETE FROM pending_totp WHERE user_id = ?1"), args![user]).await?;
    tx.put(sql!("DELETE FROM recovery_sets WHERE user_id = ?1 AND active = 0"), args![user]).await
}
