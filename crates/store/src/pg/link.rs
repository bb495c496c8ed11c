//! A connection, with what was prepared on it.

use std::{collections::HashMap, ptr};

use tokio::task::JoinHandle;
use tokio_postgres::{Client, Statement};

use super::server::Server;
use crate::{Fault, Sql};

/// Settings of every connection: nobody waits for a lock for long, and a transaction whose node was
/// cut off does not keep its locks.
const SESSION: &str = "SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '15s'";

/// A connection and the task that moves its bytes.
pub(crate) struct Link {
    pub(crate) client: Client,
    /// Statements by the address of their `static`: an integer, because a pointer could not change
    /// threads.
    statements: HashMap<usize, Statement>,
    driver: JoinHandle<()>,
}

impl Link {
    /// Connects, or says what is in the way.
    pub(crate) async fn connect(server: &Server) -> Result<Self, Fault> {
        let (client, driver) = server.dial(drop).await?;
        client.batch_execute(SESSION).await.map_err(Fault::unavailable)?;
        Ok(Self { client, statements: HashMap::new(), driver })
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
        let address = ptr::from_ref(sql).addr();
        if let Some(statement) = self.statements.get(&address) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql.postgres()).await?;
        self.statements.insert(address, statement.clone());
        Ok(statement)
    }
}
