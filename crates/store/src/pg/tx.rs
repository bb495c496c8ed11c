//! A transaction in as few round trips as its unit's questions: `BEGIN` and the writes before a
//! question leave with it, and the last writes leave with `COMMIT`.

use tokio_postgres::{Client, Row as PgRow, Statement, error::SqlState, types::ToSql};

use super::{
    link::Link,
    pipeline::{Request, pipeline, send},
};
use crate::{Fault, FromRow, Question, Row, Sql, Value};

/// A transaction that begins with its first request.
pub(crate) struct PgTx<'a> {
    link: &'a mut Link,
    begin: &'static str,
    begun: bool,
    puts: Vec<Put>,
}

/// A write that waits for the next request; it outlives the call that made it.
struct Put {
    statement: Statement,
    args: Vec<Owned>,
    /// Whether it has to change a row, or else nothing is committed.
    guards: bool,
}

enum Owned {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl From<&Value<'_>> for Owned {
    fn from(value: &Value<'_>) -> Self {
        match *value {
            Value::Null => Self::Null,
            Value::Int(int) => Self::Int(int),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Blob(bytes) => Self::Blob(bytes.to_vec()),
            Value::Id(id) => Self::Blob(id.to_vec()),
        }
    }
}

impl Owned {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Int(int) => Value::Int(*int),
            Self::Text(text) => Value::Text(text),
            Self::Blob(bytes) => Value::Blob(bytes),
        }
    }
}

impl<'a> PgTx<'a> {
    /// A transaction that `begin` starts.
    pub(crate) const fn new(link: &'a mut Link, begin: &'static str) -> Self {
        Self { link, begin, begun: false, puts: Vec::new() }
    }

    pub(crate) async fn put(&mut self, sql: &'static Sql, args: &[Value<'_>]) -> Result<(), Fault> {
        let statement = self.link.prepare(sql).await?;
        self.later(statement, args, false);
        Ok(())
    }

    pub(crate) async fn take(
        &mut self,
        sql: &'static Sql,
        args: &[Value<'_>],
    ) -> Result<(), Fault> {
        let statement = self.link.prepare_guard(sql).await?;
        self.later(statement, args, true);
        Ok(())
    }

    fn later(&mut self, statement: Statement, args: &[Value<'_>], guards: bool) {
        self.puts.push(Put { statement, args: args.iter().map(Owned::from).collect(), guards });
    }

    pub(crate) async fn execute(
        &mut self,
        sql: &'static Sql,
        args: &[Value<'_>],
    ) -> Result<usize, Fault> {
        let statement = self.link.prepare(sql).await?;
        let client = &self.link.client;
        let ask: Request<'_, u64> =
            Box::pin(async { Ok(client.execute_raw(&statement, args.iter().copied()).await?) });
        let puts = std::mem::take(&mut self.puts);
        let rows = pipeline(waiting(client, self.opening(), &puts), vec![ask]).await?;
        self.begun = true;
        usize::try_from(rows.into_iter().sum::<u64>()).map_err(Fault::broken)
    }

    pub(crate) async fn query<R: FromRow>(
        &mut self,
        sql: &'static Sql,
        args: &[Value<'_>],
    ) -> Result<Vec<R>, Fault> {
        let statement = self.link.prepare(sql).await?;
        let client = &self.link.client;
        let puts = std::mem::take(&mut self.puts);
        let ask = vec![ask(client, &statement, args)];
        let answers = pipeline(waiting(client, self.opening(), &puts), ask).await?;
        self.begun = true;
        read(answers.iter().flatten())
    }

    /// Two questions in one round trip.
    pub(crate) async fn both<A: FromRow, B: FromRow>(
        &mut self,
        (one, one_args): Question<'_>,
        (other, other_args): Question<'_>,
    ) -> Result<(Vec<A>, Vec<B>), Fault> {
        let (one, other) = (self.link.prepare(one).await?, self.link.prepare(other).await?);
        let client = &self.link.client;
        let puts = std::mem::take(&mut self.puts);
        let asked = vec![ask(client, &one, one_args), ask(client, &other, other_args)];
        let answers = pipeline(waiting(client, self.opening(), &puts), asked).await?;
        self.begun = true;
        let [one, other] = answers.as_slice() else {
            return Err(Fault::broken("two questions have two answers"));
        };
        Ok((read(one.iter())?, read(other.iter())?))
    }

    /// Commits. What a write that leaves now runs into decides: after it, `COMMIT` succeeds and
    /// rolls back. If one could not leave, `COMMIT` did not either.
    pub(crate) async fn commit(mut self) -> Result<(), Fault> {
        let puts = std::mem::take(&mut self.puts);
        if !self.begun && puts.is_empty() {
            return Ok(());
        }
        let client = &self.link.client;
        let commit = vec![say(client, "COMMIT")];
        match pipeline(waiting(client, self.opening(), &puts), commit).await {
            Ok(_) => Ok(()),
            Err(fault) => self.roll_back().await.and(Err(fault)),
        }
    }

    /// Ends a transaction that only read. Nothing depends on how that goes, so nobody waits for it.
    pub(crate) async fn leave(self) {
        if self.begun {
            send(say(&self.link.client, "COMMIT")).await;
        }
    }

    /// Leaves nothing. If that fails the connection is of no more use.
    pub(crate) async fn roll_back(self) -> Result<(), Fault> {
        // Also when nothing was answered yet: BEGIN may have left with a request that failed.
        self.link.client.batch_execute("ROLLBACK").await.map_err(Fault::unavailable)
    }

    /// What the transaction still has to be begun with.
    fn opening(&self) -> Option<&'static str> {
        (!self.begun).then_some(self.begin)
    }
}

/// The requests that were put off, after the one that begins.
fn waiting<'r>(
    client: &'r Client,
    begin: Option<&'static str>,
    puts: &'r [Put],
) -> Vec<Request<'r, ()>> {
    let begin = begin.map(|begin| say(client, begin));
    begin.into_iter().chain(puts.iter().map(|put| put.request(client))).collect()
}

impl Put {
    fn request<'r>(&'r self, client: &'r Client) -> Request<'r, ()> {
        let args = self.args.iter().map(Owned::value);
        Box::pin(async move {
            match client.execute_raw(&self.statement, args).await {
                Ok(_) => Ok(()),
                Err(error) if self.guards && error.code() == Some(&SqlState::DIVISION_BY_ZERO) => {
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
