//! Databases for servers and their floors: made once for each size, copied for whoever writes.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use nightlatch_core::Timestamp;
use nightlatch_store::{
    Database, Engine, Options, Store,
    units::meta::{Claim, ERA},
};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::seed;

/// Where the server for benches is: its URL, for a role that may create databases.
const VARIABLE: &str = "NIGHTLATCH_TEST_POSTGRES";

/// The only key. It seals nothing but made-up people.
pub(crate) const KEY: [u8; 32] = [7; 32];

/// A database with people in it.
pub(crate) struct Place {
    engine: Engine,
    home: TempDir,
    name: String,
}

impl Place {
    /// A database of `people`; what it took goes to standard error.
    pub(crate) async fn new(engine: Engine, people: u32, now: Timestamp) -> Result<Self, String> {
        let place = Self::empty(engine).await?;
        let begun = Instant::now();
        let chains = AtomicU64::new(1);
        let next = move || u128::from(chains.fetch_add(1, Ordering::Relaxed)).to_be_bytes();
        let database = Database::parse(&place.address()).map_err(|error| error.to_string())?;
        let options = Options::new(database, next);
        let opened = Store::open_and_migrate(options, now).await;
        let store = opened.map_err(|error| format!("no database: {error}"))?;
        // The era of a ring that was never told of one, so that tokens made here open there.
        let era = store.write(Claim { key: ERA, value: vec![0; 16] }).await;
        era.map_err(|fault| format!("no era: {fault}"))?;
        store.close(now).await;
        let made = match engine {
            Engine::Sqlite => {
                seed::sqlite(&place.file(), people).map_err(|error| error.to_string())
            }
            Engine::Postgres => seed::postgres(&place.address(), people).await,
        };
        made.map_err(|error| format!("no people: {error}"))?;
        place.settle().await?;
        let seconds = begun.elapsed().as_secs_f64();
        eprintln!("{engine}: {people} people made in {seconds:.1} s");
        Ok(place)
    }

    async fn empty(engine: Engine) -> Result<Self, String> {
        let place = Self::unmade(engine)?;
        if engine == Engine::Postgres {
            administer(&format!("CREATE DATABASE {}", place.name)).await?;
        }
        Ok(place)
    }

    fn unmade(engine: Engine) -> Result<Self, String> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("nightlatch_bench_{}_{number}", std::process::id());
        let home = TempDir::new().map_err(|error| error.to_string())?;
        Ok(Self { engine, home, name })
    }

    /// The same database once more.
    pub(crate) async fn copy(&self) -> Result<Self, String> {
        let copy = Self::unmade(self.engine)?;
        match self.engine {
            Engine::Sqlite => {
                fs::copy(self.file(), copy.file()).map_err(|error| error.to_string())?;
            }
            Engine::Postgres => {
                let (copy, original) = (&copy.name, &self.name);
                let files = "STRATEGY FILE_COPY";
                administer(&format!("CREATE DATABASE {copy} TEMPLATE {original} {files}")).await?;
            }
        }
        Ok(copy)
    }

    /// Ends what the making of people left to be done later, which no measurement is to pay for.
    async fn settle(&self) -> Result<(), String> {
        match self.engine {
            Engine::Sqlite => Ok(()),
            Engine::Postgres => {
                let client = connect(&self.address()).await?;
                let settle = client.batch_execute("VACUUM ANALYZE").await;
                settle.map_err(|error| error.to_string())?;
                let settle = client.batch_execute("CHECKPOINT").await;
                settle.map_err(|error| error.to_string())
            }
        }
    }

    pub(crate) const fn engine(&self) -> Engine {
        self.engine
    }

    /// A folder for whatever belongs to this database.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    fn file(&self) -> PathBuf {
        self.home.path().join("nightlatch.db")
    }

    /// The address as an operator writes it.
    pub(crate) fn address(&self) -> String {
        match self.engine {
            Engine::Sqlite => format!("sqlite:{}", self.file().display()),
            Engine::Postgres => {
                let server = server();
                let (host, _) = server.rsplit_once('/').unwrap_or((&server, ""));
                format!("{host}/{}", self.name)
            }
        }
    }

    /// Lets every code be presented once more, and nobody wait for having been wrong.
    pub(crate) async fn forget_codes(&self) -> Result<(), String> {
        const FORGET: &str = "UPDATE totp SET last_step = 0, drift = 0; DELETE FROM attempts";
        match self.engine {
            Engine::Sqlite => {
                let connection = rusqlite::Connection::open(self.file());
                let connection = connection.map_err(|error| error.to_string())?;
                connection.execute_batch(FORGET).map_err(|error| error.to_string())
            }
            Engine::Postgres => {
                let client = connect(&self.address()).await?;
                client.batch_execute(FORGET).await.map_err(|error| error.to_string())
            }
        }
    }

    /// Drops the database; its folder goes by itself.
    pub(crate) async fn remove(self) -> Result<(), String> {
        match self.engine {
            Engine::Sqlite => Ok(()),
            Engine::Postgres => {
                administer(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await
            }
        }
    }
}

fn server() -> String {
    std::env::var(VARIABLE).unwrap_or_default()
}

async fn administer(statement: &str) -> Result<(), String> {
    let client = connect(&server()).await?;
    client.batch_execute(statement).await.map_err(|error| error.to_string())
}

/// A connection to a PostgreSQL database.
pub(crate) async fn connect(url: &str) -> Result<Client, String> {
    let connected = tokio_postgres::connect(url, NoTls).await;
    let (client, connection) = connected.map_err(|error| format!("no PostgreSQL: {error}"))?;
    tokio::spawn(connection);
    Ok(client)
}
