//! A transaction in as few round trips as its unit's questions: `BEGIN` and the writes before a
//! question leave with it, and the last writes leave with `COMMIT`.

use tokio_postgres::{Statement, types::ToSql};

use super::{
    link::Link,
    pipeline::{Request, pipeline, send},
};
use crate::{Fault, FromRow, Row, Sql, Value};

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
        self.puts.push(Put { statement, args: args.iter().map(Owned::from).collect() });
        Ok(())
    }

    pub(crate) async fn execute(
        &mut self,
        sql: &'static Sql,
        args: &[Value<'_>],
    ) -> Result<usize, Fault> {
        let statement = self.link.prepare(sql).await?;
        let puts = std::mem::take(&mut self.puts);
        let client = &self.link.client;
        let first = self.waiting(&puts);
        let last = Box::pin(client.execute_raw(&statement, args.iter().copied()));
        let rows = pipeline(first, last).await?;
        self.begun = true;
        usize::try_from(rows).map_err(Fault::broken)
    }

    pub(crate) async fn query<R: FromRow>(
        &mut self,
        sql: &'static Sql,
        args: &[Value<'_>],
    ) -> Result<Vec<R>, Fault> {
        let statement = self.link.prepare(sql).await?;
        let puts = std::mem::take(&mut self.puts);
        let client = &self.link.client;
        let args: Vec<&(dyn ToSql + Sync)> =
            args.iter().map(|value| -> &(dyn ToSql + Sync) { value }).collect();
        let last = Box::pin(client.query(&statement, &args));
        let rows = pipeline(self.waiting(&puts), last).await?;
        self.begun = true;
        rows.iter().map(|row| R::from_row(&Row::pg(row))).collect()
    }

    /// Commits. What a write that leaves now runs into decides: after it, `COMMIT` succeeds and
    /// rolls back.
    pub(crate) async fn commit(mut self) -> Result<(), Fault> {
        let puts = std::mem::take(&mut self.puts);
        if !self.begun && puts.is_empty() {
            return Ok(());
        }
        let last = Box::pin(self.link.client.batch_execute("COMMIT"));
        Ok(pipeline(self.waiting(&puts), last).await?)
    }

    /// Ends a transaction that only read. Nothing depends on how that goes, so nobody waits for it.
    pub(crate) async fn leave(self) {
        if self.begun {
            send(Box::pin(self.link.client.batch_execute("COMMIT"))).await;
        }
    }

    /// Leaves nothing. If that fails the connection is of no more use.
    pub(crate) async fn roll_back(self) -> Result<(), Fault> {
        // Also when nothing was answered yet: BEGIN may have left with a request that failed.
        self.link.client.batch_execute("ROLLBACK").await.map_err(Fault::unavailable)
    }

    fn waiting<'r>(&'r self, puts: &'r [Put]) -> Vec<Request<'r, ()>> {
        let client = &self.link.client;
        let mut requests: Vec<Request<'r, ()>> = Vec::with_capacity(puts.len() + 1);
        if !self.begun {
            requests.push(Box::pin(client.batch_execute(self.begin)));
        }
        for Put { statement, args } in puts {
            let args = args.iter().map(Owned::value);
            requests
                .push(Box::pin(async move { client.execute_raw(statement, args).await.map(drop) }));
        }
        requests
    }
}
