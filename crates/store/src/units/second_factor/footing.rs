//! Where an attempt at a second factor stands: all that decides it, read at once.

use nightlatch_core::{
    MethodId, SessionId, Timestamp,
    lockout::{DISABLE_AT, FACTOR_FREE, STEP_TRIES, wait},
    methods::Holding,
    proof::Factor,
};

use super::{Aim, Attempt, Refusal};
use crate::{
    Fault, FromRow, Row, Sql, Tx, Value, args, sql,
    units::{
        account::{self, Account},
        methods::{HOLDING, Held},
        session,
        totp::StoredTotp,
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

/// The same, once for each active authenticator app, or once without one: a statement of its own would
/// cost as much again.
static FOOTING_AND_APPS: &Sql = sql!(
    "SELECT u.id, u.email, u.name, u.locale, u.state, u.epoch, u.password, u.password_at, \
     u.email_verified_at, u.is_admin, u.bootstrap_until, u.created_at, \
     s.id, s.user_id, s.created_at, s.expires_at, s.idle_until, s.seen_at, s.proofs, \
     s.secrets, s.generation, s.client, s.address, p.tries, p.burned, \
     a.failures, a.known_streak, a.known_at, a.unknown_streak, a.unknown_at, \
     t.method_id, t.secret, t.algorithm, t.digits, t.period, t.last_step, t.drift FROM users u \
     LEFT JOIN presented p ON p.id = ?2 \
     LEFT JOIN sessions s ON s.id = ?3 AND s.secrets = ?4 AND s.expires_at > ?5 \
     AND s.idle_until > ?5 \
     LEFT JOIN attempts a ON a.user_id = u.id AND a.factor = ?6 \
     LEFT JOIN methods m ON m.user_id = u.id AND m.factor = ?6 AND m.state = 1 \
     LEFT JOIN totp t ON t.user_id = m.user_id AND t.method_id = m.id \
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

/// Where the columns of the count begin, and those of an app.
const COUNT: usize = account::COLUMNS + session::COLUMNS + 2;
const APP: usize = COUNT + 5;

/// A row of [`FOOTING_AND_APPS`].
struct WithApp(Footing, Option<StoredTotp>);

impl FromRow for WithApp {
    fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
        let app = row.get::<Option<MethodId>>(APP)?;
        let app = app.map(|_| StoredTotp::from_columns(row, APP)).transpose()?;
        Ok(Self(Footing::from_row(row)?, app))
    }
}

impl FromRow for Footing {
    fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
        const SESSION: usize = account::COLUMNS;
        const PRESENTED: usize = SESSION + session::COLUMNS;
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

    /// The same, and the account's active authenticator apps.
    pub(crate) async fn look_at_apps(
        &self,
        tx: &mut Tx<'_>,
    ) -> Result<Option<(Footing, Vec<StoredTotp>)>, Fault> {
        account::lock(tx, self.user()).await?;
        let rows = tx.rows::<WithApp>(FOOTING_AND_APPS, &self.footing(Factor::Totp)).await?;
        let mut footing = None;
        let mut apps = Vec::with_capacity(rows.len());
        for WithApp(same, app) in rows {
            footing = Some(same);
            apps.extend(app);
        }
        Ok(footing.map(|footing| (footing, apps)))
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
        account::lock(tx, user).await?;
        let (footing, held) = tx
            .both::<Footing, Held>(
                (FOOTING, &self.footing(factor)),
                (HOLDING, args![user, Factor::BackupCode.code()]),
            )
            .await?;
        let Some(footing) = footing.into_iter().next() else { return Ok(Err(Refusal::Ended)) };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_apps_or_without_a_footing_is_read_from_the_same_columns() {
        let (columns, rest) = FOOTING.sqlite().split_once(" FROM users u").unwrap();
        let (joins, whose) = rest.split_once(" WHERE ").unwrap();
        let both = FOOTING_AND_APPS.sqlite();
        assert!(both.starts_with(&format!("{columns}, t.method_id")));
        assert!(both.contains(joins) && both.ends_with(whose));
    }
}
