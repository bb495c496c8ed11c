//! A connection, with what was prepared on it.

use std::collections::HashMap;

use tokio::task::JoinHandle;
use tokio_postgres::{Client, Statement};

use super::{
    bundle::{self, Part},
    server::Server,
};
use crate::Fault;

/// Settings of every connection: nobody waits for a lock for long, and a transaction whose node was
/// cut off does not keep its locks.
const SESSION: &str = "SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '15s'";

/// What a lane that writes sets besides. Its statements are about one account or one token each, and go
/// by an index. A plan that was made while a table was empty (tokens that were presented are purged)
/// would read all of it for as long as nobody analyses it.
const BY_INDEX: &str =
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off";

/// What a lane that reads sets besides: one question has no transaction that says so.
const ONLY_READ: &str = "SET default_transaction_read_only = on";

/// A connection and the task that moves its bytes.
pub(crate) struct Link {
    pub(crate) client: Client,
    statements: HashMap<Vec<Part>, Statement>,
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

    /// Refuses whatever writes from now on.
    pub(crate) async fn only_read(&self) -> Result<(), Fault> {
        self.client.batch_execute(ONLY_READ).await.map_err(Fault::unavailable)
    }

    /// Ends when the connection does. Not to be called again after that.
    pub(crate) async fn lost(&mut self) {
        let _ = (&mut self.driver).await;
    }

    /// Gives it up, without a last word to a server that does not listen.
    pub(crate) fn abandon(&self) {
        self.driver.abort();
    }

    /// Prepares one statement that does what `parts` do, once in the life of the connection.
    pub(super) async fn prepare(&mut self, parts: &[Part]) -> Result<Statement, Fault> {
        if let Some(statement) = self.statements.get(parts) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(&bundle::text(parts)).await?;
        self.statements.insert(parts.to_vec(), statement.clone());
        Ok(statement)
    }
}
