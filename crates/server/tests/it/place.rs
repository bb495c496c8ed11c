//! A fresh database on either engine for every test.

use std::{
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use nightlatch::wiring::installation::chained;
use nightlatch_store::{Database, Engine, Options};
use tempfile::TempDir;
use tokio_postgres::NoTls;

/// Where the server for tests is: its URL, for a role that may create databases.
const VARIABLE: &str = "NIGHTLATCH_TEST_POSTGRES";

/// An empty database of its own.
pub(crate) struct Place {
    engine: Engine,
    home: TempDir,
    name: String,
}

impl Place {
    pub(crate) async fn new(engine: Engine) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("nightlatch_app_{}_{number}", process::id());
        if engine == Engine::Postgres {
            on_server(&format!("CREATE DATABASE {name}")).await;
        }
        Self { engine, home: TempDir::new().unwrap(), name }
    }

    /// The address as an operator writes it.
    pub(crate) fn address(&self) -> String {
        match self.engine {
            Engine::Sqlite => {
                format!("sqlite:{}", self.home.path().join("nightlatch.db").display())
            }
            Engine::Postgres => {
                let server = server();
                let (server, _) = server.rsplit_once('/').expect("a URL with a database");
                format!("{server}/{}", self.name)
            }
        }
    }

    /// How stores open it: with few connections, as many tests share one server.
    pub(crate) fn options(&self) -> Options {
        let database = Database::parse(&self.address()).unwrap();
        Options { lanes: 2, readers: 2, ..chained(database) }
    }

    /// A folder that goes with the database.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Drops the database.
    pub(crate) async fn remove(&self) {
        if self.engine == Engine::Postgres {
            on_server(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
        }
    }
}

fn server() -> String {
    told(VARIABLE).unwrap_or_else(|| panic!("{VARIABLE} is not set: run cargo xtask test"))
}

/// What the command that runs the tests says under this name, if it says anything.
#[expect(clippy::disallowed_methods, reason = "the test command hands things over like this")]
pub(crate) fn told(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

/// The folder of the PostgreSQL programs that the server for tests runs from.
pub(crate) async fn programs() -> PathBuf {
    let (client, connection) = tokio_postgres::connect(&server(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let folder = "SELECT setting FROM pg_config WHERE name = 'BINDIR'";
    client.query_one(folder, &[]).await.unwrap().get::<_, String>(0).into()
}

async fn on_server(command: &str) {
    let (client, connection) = tokio_postgres::connect(&server(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(command).await.unwrap();
}
