//! An installation of its own for each test: a folder, keys, settings and an empty database.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use nightlatch_store::Engine;
use tokio_postgres::{Client, NoTls};

use super::{
    process::{Finished, finish, nightlatch},
    server::{HOST, Server},
};
use crate::place::Place;

/// Lets everybody register, as often as they like.
pub(crate) const OPEN: &str = "accounts.registration = \"open\"\nlimits.per_address = 0\n";

/// Runs `story` in an installation on SQLite, then in one on PostgreSQL; `settings` are TOML.
pub(crate) async fn each_engine(settings: &str, story: impl AsyncFn(&Installation)) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        // Shown if the test fails.
        println!("on {engine}:");
        let installation = Installation::new(engine, settings).await;
        story(&installation).await;
        installation.remove().await;
    }
}

/// One installation.
pub(crate) struct Installation {
    engine: Engine,
    place: Place,
    address: String,
}

impl Installation {
    /// Makes keys, settings and an empty database without a schema.
    pub(crate) async fn new(engine: Engine, settings: &str) -> Self {
        let place = Place::new(engine).await;
        let address = place.address();
        Self { engine, place, address }.furnished(settings).await
    }

    /// The same on an empty PostgreSQL database of somebody else's.
    pub(crate) async fn on(address: String, settings: &str) -> Self {
        let place = Place::new(Engine::Sqlite).await;
        Self { engine: Engine::Postgres, place, address }.furnished(settings).await
    }

    async fn furnished(self, settings: &str) -> Self {
        let installation = self;
        installation.configure(&format!("{}{settings}", installation.settings()));
        let keys = installation.path("keys");
        finish(nightlatch(["keys", "new", "--out"]).arg(keys)).await.succeeded();
        installation
    }

    /// A path in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.home().join(name)
    }

    /// Its engine.
    pub(crate) const fn engine(&self) -> Engine {
        self.engine
    }

    /// Its database's address.
    pub(crate) fn database(&self) -> String {
        self.address.clone()
    }

    /// The settings of every production server here.
    pub(crate) fn settings(&self) -> String {
        format!(
            r#"public_url = "https://{HOST}"
database.url = "{}"
keys.file = "{}"
http.listen = "127.0.0.1:0"
http.admin_listen = "127.0.0.1:0"
http.drain = 0
mail.delivery = "off"
accounts.verify_email = false
log.level = "debug"
"#,
            self.database(),
            self.path("keys").display()
        )
    }

    /// Replaces the settings.
    pub(crate) fn configure(&self, settings: &str) {
        fs::write(self.path("nightlatch.toml"), settings).unwrap();
    }

    /// Runs a command on it.
    pub(crate) async fn command<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Finished {
        let mut command = nightlatch(arguments);
        finish(command.arg("--config").arg(self.path("nightlatch.toml"))).await
    }

    /// Starts another production server, with a copy of the keys of its own: as on another machine.
    pub(crate) async fn serve_elsewhere(&self, keys: &Path) -> Server {
        fs::copy(self.path("keys"), keys).unwrap();
        let ours = self.path("keys").display().to_string();
        let settings = fs::read_to_string(self.path("nightlatch.toml")).unwrap();
        let elsewhere = self.path("elsewhere.toml");
        fs::write(&elsewhere, settings.replace(&ours, &keys.display().to_string())).unwrap();
        Server::serve(&elsewhere).await
    }

    /// Starts a production server, the schema being there.
    pub(crate) async fn serve(&self) -> Server {
        Server::serve(&self.path("nightlatch.toml")).await
    }

    /// Starts a production server, the first one.
    pub(crate) async fn migrate_and_serve(&self) -> Server {
        self.command(["migrate"]).await.succeeded();
        self.serve().await
    }

    /// Starts a development server: on SQLite with all its defaults.
    pub(crate) async fn dev(&self) -> Server {
        let database = (self.engine == Engine::Postgres).then(|| self.database());
        Server::dev(&self.path("data"), database.as_deref()).await
    }

    /// Changes the database behind the product's back.
    pub(crate) async fn tamper(&self, sql: &str) {
        match self.engine {
            Engine::Sqlite => self.sqlite().execute_batch(sql).unwrap(),
            Engine::Postgres => self.postgres().await.batch_execute(sql).await.unwrap(),
        }
    }

    /// The number that `query` asks the database for.
    pub(crate) async fn count(&self, query: &str) -> i64 {
        match self.engine {
            Engine::Sqlite => self.sqlite().query_row(query, [], |row| row.get(0)).unwrap(),
            Engine::Postgres => self.postgres().await.query_one(query, &[]).await.unwrap().get(0),
        }
    }

    fn sqlite(&self) -> rusqlite::Connection {
        let address = self.database();
        rusqlite::Connection::open(address.trim_start_matches("sqlite:")).unwrap()
    }

    async fn postgres(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.database(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Drops the database; the folder goes by itself.
    pub(crate) async fn remove(&self) {
        self.place.remove().await;
    }
}
