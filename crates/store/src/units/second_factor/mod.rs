//! What every second factor shares: counting the attempt first, and what a proof completes.

mod footing;

pub(crate) use footing::Footing;

use std::sync::Arc;

use nightlatch_core::{
    SessionId, Timestamp, UserId,
    assurance::Level,
    audit::{Event, Kind, Reason},
    keys::KeyRing,
    lockout::{DISABLE_AT, FACTOR_FREE, wait},
    message::Template,
    methods::Allowed,
    proof::{Factor, Proof},
    token::SignInStep,
};

use super::{
    account::{self, Account},
    outbox::{self, Envelope},
    presented,
    session::{self, Fresh, Session},
};
use crate::{Fault, Sql, Tx, Unit, args, sql};

/// What a second factor is presented for.
#[derive(Debug, Clone)]
pub enum Aim {
    /// To complete a sign-in.
    SignIn(Arc<SignInStep>),
    /// To raise, or renew, a session.
    StepUp(Box<Session>),
}

/// One attempt at a second factor.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Opens and seals what the attempt touches.
    pub ring: Arc<KeyRing>,
    /// What it is for.
    pub aim: Aim,
    /// What policy allows.
    pub allowed: Allowed,
    /// The session that may come of it, or its new secrets.
    pub fresh: Fresh,
    /// For a notice, if the attempt disables the factor.
    pub envelope: Envelope,
}

/// Why an attempt came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The code is wrong, stale or used.
    Wrong,
    /// The sign-in step, or the session, is over.
    Ended,
    /// This account does not take this factor now.
    NotAllowed,
    /// Too many attempts; not looked at, not counted.
    Wait(Timestamp),
    /// Too many attempts in a row; the factor is disabled.
    Disabled,
}

/// What came of an attempt.
pub type Attempted = Result<(Box<Session>, Box<Account>), Refusal>;

/// Whether a sign-in can still be completed: its step is neither used up nor older than what its
/// account has become.
pub struct IsOpen {
    /// The sign-in.
    pub step: Arc<SignInStep>,
}

impl Unit for IsOpen {
    type Out = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Fault> {
        let account = account::by_id(tx, self.step.user).await?;
        let same = account.is_some_and(|account| {
            account.standing == account::Standing::Active && account.epoch == self.step.epoch
        });
        Ok(same && presented::has_tries(tx, &self.step.id).await?)
    }
}

impl Attempt {
    /// Whose factor is presented.
    #[must_use]
    pub fn user(&self) -> UserId {
        match &self.aim {
            Aim::SignIn(step) => step.user,
            Aim::StepUp(session) => session.user,
        }
    }

    fn known_device(&self) -> bool {
        match &self.aim {
            Aim::SignIn(step) => step.known_device,
            // A session is a device that signed in.
            Aim::StepUp(_) => true,
        }
    }

    fn session(&self) -> Option<SessionId> {
        match &self.aim {
            Aim::SignIn(_) => None,
            Aim::StepUp(session) => Some(session.id),
        }
    }

    fn kind(&self) -> Kind {
        match &self.aim {
            Aim::SignIn(_) => Kind::SignIn,
            Aim::StepUp(_) => Kind::StepUp,
        }
    }

    /// Counts an attempt that may be made, against what it is for and against the account. Before the
    /// commit nobody may learn whether the code was right.
    pub(crate) async fn count(
        &self,
        tx: &mut Tx<'_>,
        user: UserId,
        factor: Factor,
    ) -> Result<(), Fault> {
        if let Aim::SignIn(step) = &self.aim {
            presented::take_try(tx, &step.id, step.expires_at).await?;
        }
        let now = self.fresh.now;
        let statement = counting(self.known_device());
        tx.take(statement, args![user, factor.code(), now, DISABLE_AT, FACTOR_FREE]).await
    }

    /// Ends a reserved attempt that failed: it stays counted, and the last one allowed disables the
    /// factor.
    pub(crate) async fn refuse(
        &self,
        tx: &mut Tx<'_>,
        account: &Account,
        factor: Factor,
        reason: Reason,
    ) -> Result<Refusal, Fault> {
        self.tell_refusal(tx, account.id, factor, reason).await?;
        let disabled = tx
            .row::<(i64,)>(
                sql!(
                    "SELECT failures FROM attempts \
                     WHERE user_id = ?1 AND factor = ?2 AND failures >= ?3"
                ),
                args![account.id, factor.code(), DISABLE_AT],
            )
            .await?;
        if disabled.is_some() {
            self.disable(tx, account, factor).await?;
        }
        Ok(Refusal::Wrong)
    }

    /// Writes down that the attempt was refused.
    pub(crate) async fn tell_refusal(
        &self,
        tx: &mut Tx<'_>,
        user: UserId,
        factor: Factor,
        reason: Reason,
    ) -> Result<(), Fault> {
        tx.audit(&Event {
            user: Some(user),
            session: self.session(),
            factor: Some(factor),
            address: self.fresh.address.as_deref().and_then(|text| text.parse().ok()),
            ..Event::failure(self.kind(), self.fresh.now, reason)
        })
        .await
    }

    async fn disable(
        &self,
        tx: &mut Tx<'_>,
        account: &Account,
        factor: Factor,
    ) -> Result<(), Fault> {
        tx.put(
            sql!("UPDATE methods SET state = 2 WHERE user_id = ?1 AND factor = ?2 AND state = 1"),
            args![account.id, factor.code()],
        )
        .await?;
        tx.audit(&Event {
            user: Some(account.id),
            factor: Some(factor),
            ..Event::failure(Kind::MethodDisabled, self.fresh.now, Reason::Disabled)
        })
        .await?;
        outbox::notify(tx, &self.ring, &self.envelope, account, Template::FactorDisabled).await
    }

    /// Turns a proof whose evidence is spent into a session, or into a raised one.
    pub(crate) async fn complete(
        &self,
        tx: &mut Tx<'_>,
        footing: Footing,
        proof: &Proof,
    ) -> Result<Attempted, Fault> {
        let Footing { account, session, count, .. } = footing;
        let factor = proof.factor();
        if proof.user() != account.id {
            return Err(Fault::broken("a proof was presented for another account"));
        }
        let (ring, fresh) = (&self.ring, &self.fresh);
        let session = match &self.aim {
            Aim::SignIn(step) => {
                presented::take(tx, &step.id, step.expires_at).await?;
                let proofs = step.proofs.clone().with(proof);
                session::open(tx, ring, fresh, account.id, proofs).await?
            }
            Aim::StepUp(_) => {
                let Some(session) = session else { return Ok(Err(Refusal::Ended)) };
                session::elevate(tx, ring, fresh, session.open(ring)?, proof).await?
            }
        };
        if count.failures > 0 {
            reset(tx, account.id, factor).await?;
        }
        self.told(tx, &session, factor).await?;
        Ok(Ok((Box::new(session), Box::new(account))))
    }

    async fn told(&self, tx: &mut Tx<'_>, session: &Session, factor: Factor) -> Result<(), Fault> {
        let level: Level = session.proofs.level();
        tx.audit(&Event {
            user: Some(session.user),
            session: Some(session.id),
            factor: Some(factor),
            level: Some(level),
            address: self.fresh.address.as_deref().and_then(|text| text.parse().ok()),
            ..Event::success(self.kind(), self.fresh.now)
        })
        .await
    }
}

/// Counts one attempt of a user at a factor in one guarded statement.
pub(crate) async fn count(
    tx: &mut Tx<'_>,
    user: UserId,
    factor: Factor,
    known_device: bool,
    now: Timestamp,
) -> Result<Result<(), Refusal>, Fault> {
    // A mailed code raises no level, and nobody could enrol it anew: it only ever waits.
    let most = if factor == Factor::Email { i64::MAX } else { DISABLE_AT };
    if tx.hit(counting(known_device), args![user, factor.code(), now, most, FACTOR_FREE]).await? {
        return Ok(Ok(()));
    }
    let row = tx
        .row::<(i64, i64, Timestamp, i64, Timestamp)>(
            sql!(
                "SELECT failures, known_streak, known_at, unknown_streak, unknown_at \
                 FROM attempts WHERE user_id = ?1 AND factor = ?2"
            ),
            args![user, factor.code()],
        )
        .await?;
    let Some((failures, known_streak, known_at, unknown_streak, unknown_at)) = row else {
        return Err(Fault::corrupt("attempts"));
    };
    if failures >= most {
        return Ok(Err(Refusal::Disabled));
    }
    let (streak, at) =
        if known_device { (known_streak, known_at) } else { (unknown_streak, unknown_at) };
    Ok(Err(Refusal::Wait(at.plus(wait(streak, FACTOR_FREE)))))
}

/// The statement that counts.
///
/// Known and unknown devices wait apart, so that whoever stole the password cannot keep the owner
/// waiting; the failures that disable are the sum. The waits are [`wait`]'s.
fn counting(known_device: bool) -> &'static Sql {
    if known_device {
        sql!(
            "INSERT INTO attempts (user_id, factor, failures, known_streak, known_at, \
             unknown_streak, unknown_at) VALUES (?1, ?2, 1, 1, ?3, 0, 0) \
             ON CONFLICT (user_id, factor) DO UPDATE SET failures = attempts.failures + 1, \
             known_streak = attempts.known_streak + 1, known_at = ?3 \
             WHERE attempts.failures < ?4 AND (attempts.known_streak < ?5 OR \
             attempts.known_at + 30000 * \
             CASE attempts.known_streak - ?5 WHEN 0 THEN 1 WHEN 1 THEN 2 WHEN 2 THEN 4 \
             WHEN 3 THEN 8 WHEN 4 THEN 16 WHEN 5 THEN 32 WHEN 6 THEN 64 ELSE 120 END <= ?3)"
        )
    } else {
        sql!(
            "INSERT INTO attempts (user_id, factor, failures, known_streak, known_at, \
             unknown_streak, unknown_at) VALUES (?1, ?2, 1, 0, 0, 1, ?3) \
             ON CONFLICT (user_id, factor) DO UPDATE SET failures = attempts.failures + 1, \
             unknown_streak = attempts.unknown_streak + 1, unknown_at = ?3 \
             WHERE attempts.failures < ?4 AND (attempts.unknown_streak < ?5 OR \
             attempts.unknown_at + 30000 * \
             CASE attempts.unknown_streak - ?5 WHEN 0 THEN 1 WHEN 1 THEN 2 WHEN 2 THEN 4 \
             WHEN 3 THEN 8 WHEN 4 THEN 16 WHEN 5 THEN 32 WHEN 6 THEN 64 ELSE 120 END <= ?3)"
        )
    }
}

/// Only success of the same factor resets its count.
pub(crate) async fn reset(tx: &mut Tx<'_>, user: UserId, factor: Factor) -> Result<(), Fault> {
    tx.put(
        sql!(
            "UPDATE attempts SET failures = 0, known_streak = 0, unknown_streak = 0 \
             WHERE user_id = ?1 AND factor = ?2"
        ),
        args![user, factor.code()],
    )
    .await
}
