//! Attempts at signing in and at stepping up.

use std::{sync::Arc, time::Duration};

use nightlatch_core::{
    Timestamp,
    code::{OneTimeCode, RecoveryCode},
    factors::{password::Memory, totp::Window},
    methods::Allowed,
    token::SignInStep,
};
use nightlatch_store::units::{
    recovery_codes::{Reserve, Settle},
    second_factor::{Aim, Attempt, Attempted},
    session::Session,
    sign_in::Continued,
    totp::Try,
};

use super::{
    fixture::{LATER, World},
    person::Person,
};

impl World {
    /// Between the password and the second factor.
    pub(crate) fn step(&self, person: &Person, known_device: bool) -> Aim {
        Aim::SignIn(Arc::new(SignInStep {
            id: self.id(),
            user: person.id(),
            epoch: person.account.epoch,
            proofs: person.proofs(LATER),
            known_device,
            verified: None,
            expires_at: LATER.plus(Duration::from_mins(5)),
        }))
    }

    pub(crate) fn attempt(&self, aim: Aim, now: Timestamp) -> Attempt {
        let (fresh, envelope) = (self.fresh(now), self.envelope(now));
        Attempt { ring: self.ring.clone(), aim, allowed: Allowed::default(), fresh, envelope }
    }

    /// A try of a code for `aim`.
    pub(crate) fn trying(&self, aim: Aim, code: OneTimeCode, now: Timestamp) -> Try {
        let attempt = self.attempt(aim, now);
        Try { attempt, code, method: None, window: Window::default() }
    }

    /// Tries the right code of the first app for `aim`.
    pub(crate) async fn try_right(&self, person: &Person, aim: Aim, now: Timestamp) -> Attempted {
        self.write(self.trying(aim, person.apps[0].code(now, 0), now)).await
    }

    /// Tries a wrong code of the first app for `aim`.
    pub(crate) async fn try_wrong(&self, person: &Person, aim: Aim, now: Timestamp) -> Attempted {
        self.write(self.trying(aim, person.apps[0].wrong(now), now)).await
    }

    /// Tries a recovery code from its count to its end.
    pub(crate) async fn try_recovery(
        &self,
        aim: Aim,
        code: &RecoveryCode,
        now: Timestamp,
    ) -> Attempted {
        let attempt = self.attempt(aim, now);
        let (user, ring, memory) = (attempt.user(), &self.ring, &mut Memory::default());
        let (account, set) = self.write(Reserve { attempt: attempt.clone() }).await?;
        let proof = set.verify(ring, user, code, now, memory);
        let low_stock = self.envelope(now);
        self.write(Settle { attempt, account: *account, proof, low_stock }).await
    }

    /// A session with both factors.
    pub(crate) async fn sign_in(&self, person: &Person, now: Timestamp) -> Session {
        let attempted = self.try_right(person, self.step(person, true), now).await;
        *attempted.unwrap().0
    }

    /// A session with the password alone, and the random part of its refresh token.
    pub(crate) async fn weak_session(&self, person: &Person) -> (Session, [u8; 32]) {
        let accepted = self.accepted(person, person.proofs(LATER));
        let random = accepted.fresh.random;
        match self.write(accepted).await {
            Continued::Session(session) => (*session, random),
            other => panic!("{other:?}"),
        }
    }
}
