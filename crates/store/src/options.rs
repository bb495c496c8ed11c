//! Where the database is, and how the store uses it.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use crate::pg::Server;

/// Draws a fresh time-ordered id for an audit chain.
pub type ChainIds = Arc<dyn Fn() -> [u8; 16] + Send + Sync>;

/// The address of a database: `sqlite:PATH` or `postgres://user:password@host/name`.
///
/// PostgreSQL on another machine is reached with TLS and has to show a certificate for its name by
/// an authority that the system trusts, unless the address ends in `?sslmode=disable`.
///
/// `Debug` leaves the password out, and there is no `Display`.
#[derive(Debug, Clone)]
pub struct Database(pub(crate) Place);

#[derive(Debug, Clone)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(Box<tokio_postgres::Config>),
}

/// Why a text is not the address of a database. Does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadDatabase {
    /// Neither engine's scheme.
    #[error("a database address starts with sqlite: or postgres://")]
    Scheme,
    /// No path, or SQLite's word for a database that is forgotten at once.
    #[error("a sqlite: address names a file, as in sqlite:/var/lib/nightlatch/nightlatch.db")]
    Path,
    /// PostgreSQL's driver does not understand it.
    #[error("a postgres:// address looks like postgres://user:password@host:5432/name")]
    Url,
}

impl Database {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, BadDatabase> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            if path.is_empty() || path == ":memory:" {
                return Err(BadDatabase::Path);
            }
            return Ok(Self(Place::Sqlite(path.into())));
        }
        if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err(BadDatabase::Scheme);
        }
        let mut config = tokio_postgres::Config::from_str(text).map_err(|_| BadDatabase::Url)?;
        if config.get_application_name().is_none() {
            config.application_name("nightlatch");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        // A peer that vanished without a word is noticed by the lane, not by its callers.
        config.keepalives_idle(Duration::from_secs(15)).tcp_user_timeout(Duration::from_secs(15));
        Ok(Self(Place::Postgres(Box::new(config))))
    }

    /// The SQLite database in this file.
    #[must_use]
    pub const fn file(path: PathBuf) -> Self {
        Self(Place::Sqlite(path))
    }

    /// The file of a SQLite database.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        if let Place::Sqlite(path) = &self.0 { Some(path) } else { None }
    }

    /// Whether a PostgreSQL on another machine is reached without TLS.
    #[must_use]
    pub fn travels_in_clear(&self) -> bool {
        match &self.0 {
            Place::Sqlite(_) => false,
            Place::Postgres(config) => Server::is_elsewhere_in_clear(config),
        }
    }

    /// The engine behind the address.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        match self.0 {
            Place::Sqlite(_) => Engine::Sqlite,
            Place::Postgres(_) => Engine::Postgres,
        }
    }
}

/// The two engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// One file, one process, nothing to install.
    Sqlite,
    /// A server that several nodes share.
    Postgres,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// How a store is opened.
#[derive(Clone)]
pub struct Options {
    /// Where the data is.
    pub database: Database,
    /// Draws the ids of audit chains; the store makes no randomness of its own.
    pub chain_ids: ChainIds,
    /// Writes that may wait before more are turned away with [`Fault::Busy`](crate::Fault::Busy).
    pub queue: usize,
    /// PostgreSQL: connections that write. SQLite always has one writer.
    pub lanes: usize,
    /// Connections that read.
    pub readers: usize,
}

impl Options {
    /// 1024 waiting writes, 8 lanes and 4 readers.
    pub fn new(
        database: Database,
        chain_ids: impl Fn() -> [u8; 16] + Send + Sync + 'static,
    ) -> Self {
        Self { database, chain_ids: Arc::new(chain_ids), queue: 1024, lanes: 8, readers: 4 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        for (text, expected) in [
            ("sqlite:nightlatch.db", Ok(Engine::Sqlite)),
            ("postgres://nightlatch:hush@db/nightlatch", Ok(Engine::Postgres)),
            ("postgresql:///nightlatch?host=/run/postgresql", Ok(Engine::Postgres)),
            ("sqlite:", Err(BadDatabase::Path)),
            ("sqlite::memory:", Err(BadDatabase::Path)),
            ("mysql://db", Err(BadDatabase::Scheme)),
            ("", Err(BadDatabase::Scheme)),
            ("postgres://db:port/name", Err(BadDatabase::Url)),
        ] {
            assert_eq!(Database::parse(text).map(|database| database.engine()), expected, "{text}");
        }
    }

    #[test]
    fn only_a_server_elsewhere_is_reached_in_clear() {
        for (address, expected) in [
            ("sqlite:nightlatch.db", false),
            ("postgres://localhost/nightlatch", false),
            ("postgres://localhost/nightlatch?sslmode=disable", false),
            ("postgres://db.example.org/nightlatch", false),
            ("postgres://db.example.org/nightlatch?sslmode=disable", true),
            ("postgres://localhost,db.example.org/nightlatch?sslmode=disable", true),
        ] {
            let database = Database::parse(address).unwrap();
            assert_eq!(database.travels_in_clear(), expected, "{address}");
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        let database = Database::parse("postgres://nightlatch:hush@db/nightlatch").unwrap();
        assert!(!format!("{database:?}").contains("hush"));
    }
}
