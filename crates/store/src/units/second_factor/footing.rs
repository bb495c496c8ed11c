//! Where an attempt at a second factor stands: all that decides it, read at once.

use nightlatch_core::{
    SessionId, Timestamp,
    lockout::{DISABLE_AT, FACTOR_FREE, STEP_TRIES, wait},
    methods::Holding,
    proof::Factor,
};

use super::{Aim, Attempt, Refusal};
use crate::{
    Fault, FromRow, Question, Row, Sql, Tx, Value, args, sql,
    units::{
        account::{self, Account},
        methods::{HOLDING, Held},
        session,
    },
};

static FOOTING: &Sql = sql!(
    "SELECT u.id, u.email, u.name, u.locale, u.state, u.epoch, u.password, u.password_at, \
     u.email_verified_at, u.is_admin, u.bootstrap_until, u.created_at, \
     s.id, s.user_id, s.created_at, s.expires_at, s.idle_until, s.seen_at, s.proofs, \
     s.secrets, s.generation, s.client, s.address, p.tries, p.burned, \
     a.failures, a.known_streak, a.known_at, a.unknown_streak, a.unknown_at FROM users u \
     LEFT JOIN presented p ON p.id = ?2 \
     LEFT JOIN sessions s ON s.id = ?3 AND s.secrets = ?4 AND s.expires_at > ?5 \
     AND s.idle_until > ?5 \
     LEFT JOIN attempts a ON a.user_id = u.id AND a.factor = ?6 \
     WHERE u.id = ?1 AND u.state = 1"
);

/// Where an attempt stands, with its account held: what [`FOOTING`] reads.
pub(crate) struct Footing {
    pub(crate) account: Account,
    /// The session that is stepped up, if it goes on with the secrets that it was seen with.
    pub(super) session: Option<session::Stored>,
    /// Tries of the sign-in so far.
    tries: i64,
    /// Whether the sign-in is used up.
    burned: bool,
    pub(super) count: Count,
}

/// Attempts in a row: in all, and from devices of either kind with the last one's time.
pub(super) struct Count {
    pub(super) failures: i64,
    known: (i64, Timestamp),
    unknown: (i64, Timestamp),
}

impl FromRow for Footing {
    fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
        const SESSION: usize = account::COLUMNS;
        const PRESENTED: usize = SESSION + session::COLUMNS;
        const COUNT: usize = PRESENTED + 2;
        let number = |at: usize| Ok::<i64, Fault>(row.get::<Option<i64>>(at)?.unwrap_or_default());
        let time = |at: usize| Ok::<_, Fault>(Timestamp::from_millis(number(at)?));
        let session = row.get::<Option<SessionId>>(SESSION)?;
        Ok(Self {
            account: Account::from_row(row)?,
            session: session.map(|_| session::Stored::from_columns(row, SESSION)).transpose()?,
            tries: number(PRESENTED)?,
            burned: row.get::<Option<bool>>(PRESENTED + 1)?.unwrap_or_default(),
            count: Count {
                failures: number(COUNT)?,
                known: (number(COUNT + 1)?, time(COUNT + 2)?),
                unknown: (number(COUNT + 3)?, time(COUNT + 4)?),
            },
        })
    }
}

impl Attempt {
    /// Holds the account to the end, and reads where the attempt stands: it is still so when this unit
    /// commits. `None` if the account is not active.
    pub(crate) async fn look(
        &self,
        tx: &mut Tx<'_>,
        factor: Factor,
    ) -> Result<Option<Footing>, Fault> {
        account::lock(tx, self.user()).await?;
        tx.row(FOOTING, &self.footing(factor)).await
    }

    /// The same, and what `question` asks.
    pub(crate) async fn look_and<R: FromRow>(
        &self,
        tx: &mut Tx<'_>,
        factor: Factor,
        question: Question<'_>,
    ) -> Result<Option<(Footing, Vec<R>)>, Fault> {
        account::lock(tx, self.user()).await?;
        let args = self.footing(factor);
        let (footing, rows) = tx.both::<Footing, R>((FOOTING, &args), question).await?;
        Ok(footing.into_iter().next().map(|footing| (footing, rows)))
    }

    fn footing(&self, factor: Factor) -> [Value<'_>; 6] {
        let (step, session) = match &self.aim {
            Aim::SignIn(step) => (Some(&step.id), None),
            Aim::StepUp(session) => (None, Some(session)),
        };
        [
            self.user().into(),
            step.into(),
            session.map(|session| session.id).into(),
            session.map(|session| session.secrets).into(),
            self.fresh.now.into(),
            factor.code().into(),
        ]
    }

    /// Where the attempt stands and what its account holds, if what it is for is open and the account
    /// takes this factor, which is any but an authenticator app.
    pub(crate) async fn admit(
        &self,
        tx: &mut Tx<'_>,
        factor: Factor,
    ) -> Result<Result<(Footing, Vec<Held>), Refusal>, Fault> {
        let user = self.user();
        let args = args![user, Factor::BackupCode.code()];
        let looked = self.look_and::<Held>(tx, factor, (HOLDING, args)).await?;
        let Some((footing, held)) = looked else { return Ok(Err(Refusal::Ended)) };
        if !self.has_tries(&footing) {
            return Ok(Err(Refusal::Ended));
        }
        // What is disabled is refused by its count. The last attempt before that is this one,
        // perhaps, and is looked at.
        let holding = Holding { codes_disabled: false, ..Held::collect(&held) };
        if !self.is_completed_by(factor) || !holding.accepts(factor, &self.allowed) {
            return Ok(Err(Refusal::NotAllowed));
        }
        Ok(Ok((footing, held)))
    }

    /// Whether a proof of this factor can complete what the attempt is for.
    pub(crate) fn is_completed_by(&self, factor: Factor) -> bool {
        match &self.aim {
            Aim::SignIn(step) => step.proofs.are_completed_by(factor),
            Aim::StepUp(_) => true,
        }
    }

    /// Whether what the attempt is for is still there.
    pub(crate) fn is_open(&self, footing: &Footing) -> bool {
        match &self.aim {
            Aim::SignIn(step) => footing.account.epoch == step.epoch && !footing.burned,
            Aim::StepUp(_) => footing.session.is_some(),
        }
    }

    /// Whether it takes one more try.
    pub(crate) fn has_tries(&self, footing: &Footing) -> bool {
        self.is_open(footing) && footing.tries < STEP_TRIES
    }

    /// Whether the account waits for nobody: its count lets this device try.
    pub(crate) fn may_try(&self, footing: &Footing) -> Result<(), Refusal> {
        let count = &footing.count;
        if count.failures >= DISABLE_AT {
            return Err(Refusal::Disabled);
        }
        let (streak, at) = if self.known_device() { count.known } else { count.unknown };
        let until = at.plus(wait(streak, FACTOR_FREE));
        // Below that nobody waits, whose clock may be behind the last attempt's.
        if streak >= FACTOR_FREE && self.fresh.now < until {
            return Err(Refusal::Wait(until));
        }
        Ok(())
    }
}
