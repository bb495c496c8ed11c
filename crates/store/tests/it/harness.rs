//! A fresh database on either engine for every test.

use std::{
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use nightlatch_core::Timestamp;
use nightlatch_store::{Database, Engine, Options, Store};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// Where the server for tests is: its URL, for a role that may create databases.
const VARIABLE: &str = "NIGHTLATCH_TEST_POSTGRES";

/// When tests open, migrate and close.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// Runs `test` with a store on SQLite, then with one on PostgreSQL, and closes it.
pub(crate) async fn each_engine(test: impl AsyncFn(Store)) {
    each_place(async |place| {
        let store = place.open().await;
        test(store.clone()).await;
        store.close(NOW).await;
    })
    .await;
}

/// Runs `test` with an empty database on SQLite, then with one on PostgreSQL.
pub(crate) async fn each_place(test: impl AsyncFn(&Place)) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        // Shown if the test fails.
        println!("on {engine}:");
        let place = Place::new(engine).await;
        test(&place).await;
        place.remove().await;
    }
}

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
        let name = format!("nightlatch_{}_{number}", process::id());
        if engine == Engine::Postgres {
            let create = format!("CREATE DATABASE {name}");
            connect(&server()).await.batch_execute(&create).await.unwrap();
        }
        Self { engine, home: TempDir::new().unwrap(), name }
    }

    pub(crate) const fn engine(&self) -> Engine {
        self.engine
    }

    /// Options for this database, whose chain ids count up.
    pub(crate) fn options(&self) -> Options {
        static CHAINS: AtomicU64 = AtomicU64::new(1);
        let database = Database::parse(&self.address()).unwrap();
        let next = || u128::from(CHAINS.fetch_add(1, Ordering::Relaxed)).to_be_bytes();
        Options { lanes: 4, readers: 2, ..Options::new(database, next) }
    }

    /// A store on this database, its schema up to date.
    pub(crate) async fn open(&self) -> Store {
        Store::open_and_migrate(self.options(), NOW).await.unwrap()
    }

    /// The address as an operator writes it.
    pub(crate) fn address(&self) -> String {
        match self.engine {
            Engine::Sqlite => format!("sqlite:{}", self.file().display()),
            Engine::Postgres => {
                let (server, _) =
                    server().rsplit_once('/').map(own).expect("a URL with a database");
                format!("{server}/{}", self.name)
            }
        }
    }

    /// The file of a SQLite database.
    pub(crate) fn file(&self) -> std::path::PathBuf {
        self.home.path().join("nightlatch.db")
    }

    /// A connection to a PostgreSQL database, beside the store's.
    pub(crate) async fn client(&self) -> Client {
        connect(&self.address()).await
    }

    /// Ends all connections of stores to a PostgreSQL database.
    pub(crate) async fn cut(&self) {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND application_name = 'nightlatch'";
        self.client().await.execute(end, &[]).await.unwrap();
    }

    /// Drops the database.
    pub(crate) async fn remove(self) {
        if self.engine == Engine::Postgres {
            let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
            connect(&server()).await.batch_execute(&drop).await.unwrap();
        }
    }
}

fn own((left, right): (&str, &str)) -> (String, String) {
    (left.to_owned(), right.to_owned())
}

#[expect(clippy::disallowed_methods, reason = "the test command hands the server over like this")]
fn server() -> String {
    std::env::var(VARIABLE)
        .unwrap_or_else(|_| panic!("{VARIABLE} is not set: run cargo xtask test"))
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
