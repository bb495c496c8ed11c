//! The verbs of a unit of work.

use std::sync::atomic::Ordering;

use nightlatch_core::{
    UserId,
    audit::{Event, Kind},
};
use rusqlite::Connection;

use crate::{
    Fault, FromRow, Sql, Value, args,
    chain::{Chain, Shared},
    lite,
    pg::PgTx,
    sql,
};

/// A transaction, as a [`Unit`](crate::Unit) sees it.
///
/// Every verb's error is to be passed on with `?`: a unit that goes on after a fault is rolled back.
/// In a unit that was handed to [`Store::read`](crate::Store::read) only `row`, `rows`
/// and `both` work.
pub struct Tx<'a> {
    engine: Engine<'a>,
    /// `None` in a read.
    chain: Option<&'a mut Chain>,
    shared: &'a Shared,
    /// How many questions may still be asked.
    questions: usize,
    failed: bool,
    /// Whether an account or a session was changed.
    changes: bool,
    told: Told,
}

/// Whose accounts or sessions a unit changed.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) users: Vec<UserId>,
    /// Whether other nodes have to hear of it.
    pub(crate) everywhere: bool,
    nobody: bool,
}

/// A statement with its parameters.
pub type Question<'q> = (&'static Sql, &'q [Value<'q>]);

pub(crate) enum Engine<'a> {
    /// Held by `&mut`, because a shared reference to a connection could not change threads.
    Lite(&'a mut Connection),
    Pg(PgTx<'a>),
}

#[expect(
    clippy::unused_async,
    reason = "units await all verbs alike: which of them wait is the engine's matter"
)]
impl<'a> Tx<'a> {
    pub(crate) const fn new(
        engine: Engine<'a>,
        chain: Option<&'a mut Chain>,
        shared: &'a Shared,
    ) -> Self {
        let told = Told { users: Vec::new(), everywhere: false, nobody: false };
        Self { engine, chain, shared, questions: usize::MAX, failed: false, changes: false, told }
    }

    /// What is around one question: no transaction, if this reads.
    pub(crate) fn for_one_question(self) -> Self {
        Self { questions: 1, ..self }
    }

    /// A guard or a write: whether it took at least one row.
    ///
    /// # Errors
    ///
    /// A [`Fault`]; `Broken` in a read.
    pub async fn hit(&mut self, sql: &'static Sql, args: &[Value<'_>]) -> Result<bool, Fault> {
        self.count();
        let outcome = match (&self.chain, &mut self.engine) {
            (None, _) => Err(write_in_read()),
            (_, Engine::Lite(connection)) => lite::execute(connection, sql, args),
            (_, Engine::Pg(tx)) => tx.execute(sql, args).await,
        };
        let took = self.noted(outcome)? > 0;
        self.changes |= took && sql.changes();
        Ok(took)
    }

    /// The row that a statement returns, if it does.
    ///
    /// # Errors
    ///
    /// A [`Fault`]; `Broken` for a second row, too.
    pub async fn row<R: FromRow>(
        &mut self,
        sql: &'static Sql,
        args: &[Value<'_>],
    ) -> Result<Option<R>, Fault> {
        let mut rows = self.rows(sql, args).await?;
        let row = rows.pop();
        if rows.is_empty() {
            return Ok(row);
        }
        self.noted(Err(Fault::broken("a statement returned more than one row")))
    }

    /// All rows that a statement returns. The statement bounds how many.
    ///
    /// # Errors
    ///
    /// A [`Fault`].
    pub async fn rows<R: FromRow>(
        &mut self,
        sql: &'static Sql,
        args: &[Value<'_>],
    ) -> Result<Vec<R>, Fault> {
        self.count();
        self.ask(1)?;
        let outcome = match &mut self.engine {
            Engine::Lite(connection) => lite::query(connection, sql, args),
            Engine::Pg(tx) => tx.query(sql, args).await,
        };
        let rows = self.noted(outcome)?;
        self.changes |= !rows.is_empty() && sql.changes();
        Ok(rows)
    }

    /// A write whose outcome the unit does not look at. On PostgreSQL it waits for the next verb
    /// that has an answer, or for the commit, and a fault in it shows there.
    ///
    /// # Errors
    ///
    /// A [`Fault`]; `Broken` in a read.
    pub async fn put(&mut self, sql: &'static Sql, args: &[Value<'_>]) -> Result<(), Fault> {
        self.count();
        self.changes |= sql.changes();
        self.write(sql, args)
    }

    /// What two statements return, asked at the same time: on PostgreSQL in one round trip.
    ///
    /// # Errors
    ///
    /// A [`Fault`].
    pub async fn both<A: FromRow, B: FromRow>(
        &mut self,
        one: Question<'_>,
        other: Question<'_>,
    ) -> Result<(Vec<A>, Vec<B>), Fault> {
        self.count();
        self.count();
        self.ask(2)?;
        self.changes |= one.0.changes() || other.0.changes();
        let outcome = match &mut self.engine {
            Engine::Lite(connection) => lite::query(connection, one.0, one.1)
                .and_then(|first| Ok((first, lite::query(connection, other.0, other.1)?))),
            Engine::Pg(tx) => tx.both(one, other).await,
        };
        self.noted(outcome)
    }

    /// A lock that PostgreSQL needs, where others write at the same time; SQLite has one writer. It
    /// leaves with the next verb that has an answer.
    ///
    /// # Errors
    ///
    /// A [`Fault`]; `Broken` in a read.
    pub async fn lock(&mut self, sql: &'static Sql, args: &[Value<'_>]) -> Result<(), Fault> {
        let outcome = match (&self.chain, &mut self.engine) {
            (None, _) => Err(write_in_read()),
            (_, Engine::Lite(_)) => Ok(()),
            (_, Engine::Pg(tx)) => {
                self.shared.statements.fetch_add(1, Ordering::Relaxed);
                tx.put(sql, args);
                Ok(())
            }
        };
        self.noted(outcome)
    }

    /// A guard that takes if all is still as the unit has read it. If it does not, the unit has left
    /// nothing and runs again. On PostgreSQL it waits like a [`Tx::put`].
    ///
    /// # Errors
    ///
    /// A [`Fault`]; `Broken` in a read.
    pub async fn take(&mut self, sql: &'static Sql, args: &[Value<'_>]) -> Result<(), Fault> {
        self.count();
        self.changes |= sql.changes();
        let outcome = match (&self.chain, &mut self.engine) {
            (None, _) => Err(write_in_read()),
            (_, Engine::Lite(connection)) => match lite::execute(connection, sql, args) {
                Ok(0) => Err(Fault::overtaken()),
                done => done.map(drop),
            },
            (_, Engine::Pg(tx)) => {
                tx.take(sql, args);
                Ok(())
            }
        };
        self.noted(outcome)
    }

    /// Says that this unit ended, raised or rotated a session of `user`, or changed what their
    /// account says: once the unit is done, nobody goes by what they read before. Here that is so
    /// before anybody is told that it is done, on other nodes within a second.
    ///
    /// A unit that changes a row of `users` or `sessions` and does not say so is broken.
    pub fn changed(&mut self, user: UserId) {
        self.changed_here(user);
        self.told.everywhere = true;
    }

    /// The same where others do no harm by what they read before: PostgreSQL tells others of one
    /// commit after the other, so nothing that happens all the time may ask for it.
    pub fn changed_here(&mut self, user: UserId) {
        if !self.told.users.contains(&user) {
            self.told.users.push(user);
        }
    }

    /// Says that nobody can have kept what this unit changed: it was over, or it is new.
    pub const fn changed_nobody(&mut self) {
        self.told.nobody = true;
    }

    /// Appends `event` to the audit chain, in this transaction.
    ///
    /// # Errors
    ///
    /// A [`Fault`]; `Broken` in a read.
    pub async fn audit(&mut self, event: &Event) -> Result<(), Fault> {
        self.count();
        if self.chain.as_ref().is_some_and(|chain| !chain.is_begun()) {
            self.record(&Event::success(Kind::AuditOpened, event.at), true)?;
        }
        self.record(event, true)
    }

    /// Does the work of [`Tx::audit`] and appends nothing: a refused stranger must not be told from
    /// a refused user by the time that it takes.
    ///
    /// # Errors
    ///
    /// A [`Fault`]; `Broken` in a read.
    pub async fn audit_decoy(&mut self, event: &Event) -> Result<(), Fault> {
        self.count();
        self.record(event, false)
    }

    fn record(&mut self, event: &Event, real: bool) -> Result<(), Fault> {
        let Some(chain) = &self.chain else { return self.noted(Err(write_in_read())) };
        let body = event.body();
        let head = chain.head.next(event.at, &body);
        let args = args![&head.chain, head.seq, event.at, event.user, &body, &head.hash, real];
        // The decoy does the same work and appends nothing.
        let append = sql!(
            "INSERT INTO audit (chain, seq, at, user_id, body, hash) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE CAST(?7 AS BIGINT) = 1"
        );
        self.write(append, args)?;
        if let Some(chain) = self.chain.as_mut().filter(|_| real) {
            chain.head = head;
        }
        Ok(())
    }

    fn write(&mut self, sql: &'static Sql, args: &[Value<'_>]) -> Result<(), Fault> {
        let outcome = match (&self.chain, &mut self.engine) {
            (None, _) => Err(write_in_read()),
            (_, Engine::Lite(connection)) => lite::execute(connection, sql, args).map(drop),
            (_, Engine::Pg(tx)) => {
                tx.put(sql, args);
                Ok(())
            }
        };
        self.noted(outcome)
    }

    /// Whether a verb failed.
    pub(crate) const fn failed(&self) -> bool {
        self.failed
    }

    /// Whether an account or a session was changed, and nobody was told whose.
    pub(crate) const fn is_silent(&self) -> bool {
        self.changes && self.told.users.is_empty() && !self.told.nobody
    }

    /// Gives the engine's part back, to commit it or to roll it back, and whose accounts changed.
    pub(crate) fn into_parts(self) -> (Engine<'a>, Told) {
        (self.engine, self.told)
    }

    fn ask(&mut self, questions: usize) -> Result<(), Fault> {
        match self.questions.checked_sub(questions) {
            Some(left) => {
                self.questions = left;
                Ok(())
            }
            None => self.noted(Err(Fault::broken("a unit of one question asked another"))),
        }
    }

    fn count(&self) {
        self.shared.statements.fetch_add(1, Ordering::Relaxed);
    }

    fn noted<T>(&mut self, outcome: Result<T, Fault>) -> Result<T, Fault> {
        self.failed |= outcome.is_err();
        outcome
    }
}

fn write_in_read() -> Fault {
    Fault::broken("a read wrote")
}
