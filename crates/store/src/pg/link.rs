//! A connection, with what was prepared on it.

use std::{collections::HashMap, ptr};

use tokio::task::JoinHandle;
use tokio_postgres::{Client, Statement};

use super::server::Server;
use crate::{Fault, Sql};

/// Settings of every connection: nobody waits for a lock for long, and a transaction whose node was
/// cut off does not keep its locks.
const SESSION: &str = "SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '15s'";

/// What a lane that writes sets besides. Its statements are about one account or one token each, and go
/// by an index. A plan that was made while a table was empty (tokens that were presented are purged)
/// would read all of it for as long as nobody analyses it.
const BY_INDEX: &str =
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off";

/// A connection and the task that moves its bytes.
pub(crate) struct Link {
    pub(crate) client: Client,
    /// Statements by the address of their `static`, an integer, because a pointer could not change
    /// threads; and whether they guard.
    statements: HashMap<(usize, bool), Statement>,
    driver: JoinHandle<()>,
}

impl Link {
    /// Connects, or says what is in the way.
    pub(crate) async fn connect(server: &Server) -> Result<Self, Fault> {
        let (client, driver) = server.dial(drop).await?;
        client.batch_execute(SESSION).await.map_err(Fault::unavailable)?;
        Ok(Self { client, statements: HashMap::new(), driver })
    }

    /// Has every statement from now on go by an index.
    pub(crate) async fn go_by_index(&self) -> Result<(), Fault> {
        self.client.batch_execute(BY_INDEX).await.map_err(Fault::unavailable)
    }

    /// Ends when the connection does. Not to be called again after that.
    pub(crate) async fn lost(&mut self) {
        let _ = (&mut self.driver).await;
    }

    /// Gives it up, without a last word to a server that does not listen.
    pub(crate) fn abandon(&self) {
        self.driver.abort();
    }

    /// Prepares `sql`, once in the life of the connection.
    pub(crate) async fn prepare(&mut self, sql: &'static Sql) -> Result<Statement, Fault> {
        self.prepared(sql, false).await
    }

    /// Prepares `sql` in the form of a guard: where it takes no row it divides by zero, so that the
    /// server rolls back whatever it is told after it, and nobody has to look in between.
    pub(crate) async fn prepare_guard(&mut self, sql: &'static Sql) -> Result<Statement, Fault> {
        self.prepared(sql, true).await
    }

    async fn prepared(&mut self, sql: &'static Sql, guards: bool) -> Result<Statement, Fault> {
        let place = (ptr::from_ref(sql).addr(), guards);
        if let Some(statement) = self.statements.get(&place) {
            return Ok(statement.clone());
        }
        let text = sql.postgres();
        let statement = if guards {
            let guard =
                format!("WITH taken AS ({text} RETURNING 1) SELECT 1 / count(*) FROM taken");
            self.client.prepare(&guard).await?
        } else {
            self.client.prepare(text).await?
        };
        self.statements.insert(place, statement.clone());
        Ok(statement)
    }
}
