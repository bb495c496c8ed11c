//! A transaction in as few round trips as its unit's questions: `BEGIN` and the writes before a
//! question leave with it, and the last writes leave with `COMMIT`.

use tokio_postgres::{Client, Row as PgRow, Statement, error::SqlState, types::ToSql};

use super::{
    bundle::{Bundle, Part},
    link::Link,
    pipeline::{Request, pipeline, send},
};
use crate::{Fault, FromRow, Question, Row, Sql, Value};

/// A transaction that begins with its first request, or one question without a transaction.
pub(crate) struct PgTx<'a> {
    link: &'a mut Link,
    begin: Option<&'static str>,
    begun: bool,
    waiting: Vec<Bundle>,
}

impl<'a> PgTx<'a> {
    /// A transaction that `begin` starts, if there is to be one.
    pub(crate) const fn new(link: &'a mut Link, begin: Option<&'static str>) -> Self {
        Self { link, begin, begun: false, waiting: Vec::new() }
    }

    /// A write that leaves with the next request.
    pub(crate) fn put(&mut self, sql: &'static Sql, args: &[Value<'_>]) {
        Bundle::add(&mut self.waiting, Part { sql, guards: false }, args);
    }

    /// The same, of a write that has to take a row.
    pub(crate) fn take(&mut self, sql: &'static Sql, args: &[Value<'_>]) {
        Bundle::add(&mut self.waiting, Part { sql, guards: true }, args);
    }

    pub(crate) async fn execute(
        &mut self,
        sql: &'static Sql,
        args: &[Value<'_>],
    ) -> Result<usize, Fault> {
        let statement = self.link.prepare(&[Part::alone(sql)]).await?;
        let writes = self.leaving().await?;
        let client = &self.link.client;
        let ask: Request<'_, u64> =
            Box::pin(async { Ok(client.execute_raw(&statement, args.iter().copied()).await?) });
        let rows = pipeline(first(client, self.opening(), &writes), vec![ask]).await?;
        self.begun = true;
        usize::try_from(rows.into_iter().sum::<u64>()).map_err(Fault::broken)
    }

    pub(crate) async fn query<R: FromRow>(
        &mut self,
        sql: &'static Sql,
        args: &[Value<'_>],
    ) -> Result<Vec<R>, Fault> {
        let statement = self.link.prepare(&[Part::alone(sql)]).await?;
        let writes = self.leaving().await?;
        let client = &self.link.client;
        let asked = vec![ask(client, &statement, args)];
        let answers = pipeline(first(client, self.opening(), &writes), asked).await?;
        self.begun = true;
        read(answers.iter().flatten())
    }

    /// Two questions in one round trip.
    pub(crate) async fn both<A: FromRow, B: FromRow>(
        &mut self,
        (one, one_args): Question<'_>,
        (other, other_args): Question<'_>,
    ) -> Result<(Vec<A>, Vec<B>), Fault> {
        let one = self.link.prepare(&[Part::alone(one)]).await?;
        let other = self.link.prepare(&[Part::alone(other)]).await?;
        let writes = self.leaving().await?;
        let client = &self.link.client;
        let asked = vec![ask(client, &one, one_args), ask(client, &other, other_args)];
        let answers = pipeline(first(client, self.opening(), &writes), asked).await?;
        self.begun = true;
        let [one, other] = answers.as_slice() else {
            return Err(Fault::broken("two questions have two answers"));
        };
        Ok((read(one.iter())?, read(other.iter())?))
    }

    /// Commits. What a write that leaves now runs into decides: after it, `COMMIT` succeeds and
    /// rolls back. If one could not leave, `COMMIT` did not either.
    pub(crate) async fn commit(mut self) -> Result<(), Fault> {
        if !self.begun && self.waiting.is_empty() {
            return Ok(());
        }
        match self.leave_with_commit().await {
            Ok(()) => Ok(()),
            Err(fault) => self.roll_back().await.and(Err(fault)),
        }
    }

    async fn leave_with_commit(&mut self) -> Result<(), Fault> {
        let writes = self.leaving().await?;
        let client = &self.link.client;
        let commit = vec![say(client, "COMMIT")];
        pipeline(first(client, self.opening(), &writes), commit).await.map(drop)
    }

    /// The writes that were put off, prepared.
    async fn leaving(&mut self) -> Result<Vec<Leaving>, Fault> {
        let mut leaving = Vec::with_capacity(self.waiting.len());
        for bundle in std::mem::take(&mut self.waiting) {
            let statement = self.link.prepare(bundle.parts()).await?;
            leaving.push(Leaving { statement, bundle });
        }
        Ok(leaving)
    }

    /// Ends a transaction that only read. Nothing depends on how that goes, so nobody waits for it.
    pub(crate) async fn leave(self) {
        if self.begun && self.begin.is_some() {
            send(say(&self.link.client, "COMMIT")).await;
        }
    }

    /// Leaves nothing. If that fails the connection is of no more use.
    pub(crate) async fn roll_back(self) -> Result<(), Fault> {
        if self.begin.is_none() {
            return Ok(());
        }
        // Also when nothing was answered yet: BEGIN may have left with a request that failed.
        self.link.client.batch_execute("ROLLBACK").await.map_err(Fault::unavailable)
    }

    /// What the transaction still has to be begun with.
    fn opening(&self) -> Option<&'static str> {
        self.begin.filter(|_| !self.begun)
    }
}

/// Writes on their way.
struct Leaving {
    statement: Statement,
    bundle: Bundle,
}

/// The request that begins, if there is one to be made, and the writes that were put off.
fn first<'r>(
    client: &'r Client,
    begin: Option<&'static str>,
    writes: &'r [Leaving],
) -> Vec<Request<'r, ()>> {
    let begin = begin.map(|begin| say(client, begin));
    begin.into_iter().chain(writes.iter().map(|write| write.request(client))).collect()
}

impl Leaving {
    fn request<'r>(&'r self, client: &'r Client) -> Request<'r, ()> {
        let Self { statement, bundle } = self;
        Box::pin(async move {
            match client.execute_raw(statement, bundle.args()).await {
                Ok(_) => Ok(()),
                Err(error)
                    if bundle.guards() && error.code() == Some(&SqlState::DIVISION_BY_ZERO) =>
                {
                    Err(Fault::overtaken())
                }
                Err(error) => Err(error.into()),
            }
        })
    }
}

fn say<'r>(client: &'r Client, word: &'static str) -> Request<'r, ()> {
    Box::pin(async move { Ok(client.batch_execute(word).await?) })
}

fn ask<'r>(
    client: &'r Client,
    statement: &'r Statement,
    args: &'r [Value<'r>],
) -> Request<'r, Vec<PgRow>> {
    Box::pin(async move {
        let args: Vec<&(dyn ToSql + Sync)> =
            args.iter().map(|value| -> &(dyn ToSql + Sync) { value }).collect();
        Ok(client.query(statement, &args).await?)
    })
}

fn read<'r, R: FromRow>(rows: impl Iterator<Item = &'r PgRow>) -> Result<Vec<R>, Fault> {
    rows.map(|row| R::from_row(&Row::pg(row))).collect()
}
