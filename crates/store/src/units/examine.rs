//! What is asked to see whether an installation is well. Nothing here writes.

use nightlatch_core::{
    MethodId, Timestamp, UserId,
    audit::{Event, Kind},
    factors::totp::{Parameters, Seed},
    keys::KeyRing,
};

use super::totp::parameters;
use crate::{Fault, FromRow, Row, Sql, Tx, Unit, args, sql};

/// Reads how the engine is set up where that decides what it keeps, and how it is doing, by names.
///
/// On SQLite `quick_check` is `ok`, or what is damaged; it reads the whole file. On PostgreSQL there
/// are settings, as this connection has them, and `connections` and `in_recovery`.
pub struct EngineFacts;

impl Unit for EngineFacts {
    type Out = Vec<(String, String)>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<(String, String)>, Fault> {
        let facts = sql!(
            "SELECT * FROM (SELECT 'quick_check', quick_check FROM pragma_quick_check LIMIT 1) \
             UNION ALL SELECT 'version', sqlite_version()",
            pg: "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', \
             'synchronous_commit', 'max_connections', 'superuser_reserved_connections') \
             UNION ALL SELECT 'version', split_part(current_setting('server_version'), ' ', 1) \
             UNION ALL SELECT 'in_recovery', CAST(pg_is_in_recovery() AS TEXT) \
             UNION ALL SELECT 'connections', CAST(SUM(numbackends) AS TEXT) FROM pg_stat_database"
        );
        tx.rows(facts, args![]).await
    }
}

/// Columns that hold hashes and nothing else, with how many of their cells have another length.
static HASHES: [(&str, &Sql); 7] = [
    ("addresses.lookup", sql!("SELECT COUNT(*) FROM addresses WHERE length(lookup) <> 32")),
    ("credentials.lookup", sql!("SELECT COUNT(*) FROM credentials WHERE length(lookup) <> 32")),
    ("invites.hash", sql!("SELECT COUNT(*) FROM invites WHERE length(hash) <> 32")),
    ("invites.lookup", sql!("SELECT COUNT(*) FROM invites WHERE length(lookup) <> 32")),
    ("recovery_codes.hash", sql!("SELECT COUNT(*) FROM recovery_codes WHERE length(hash) <> 32")),
    (
        "removed_credentials.lookup",
        sql!("SELECT COUNT(*) FROM removed_credentials WHERE length(lookup) <> 32"),
    ),
    ("sessions.refresh", sql!("SELECT COUNT(*) FROM sessions WHERE length(refresh) <> 32")),
];

/// Counts, for each column of hashes, what cannot be one.
pub struct NoHashes;

impl Unit for NoHashes {
    type Out = Vec<(&'static str, i64)>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<(&'static str, i64)>, Fault> {
        let mut found = Vec::new();
        for (column, count) in &HASHES {
            let (rows,) = tx.row::<(i64,)>(count, args![]).await?.unwrap_or_default();
            if rows > 0 {
                found.push((*column, rows));
            }
        }
        Ok(found)
    }
}

/// Reads the sealed seeds of the newest accounts.
pub struct NewestSeeds {
    /// How many at most.
    pub limit: i64,
}

/// A seed as it is kept.
pub struct SealedSeed {
    user: UserId,
    method: MethodId,
    secret: Vec<u8>,
    parameters: Parameters,
}

impl FromRow for SealedSeed {
    fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
        Ok(Self {
            user: row.get(0)?,
            method: row.get(1)?,
            secret: row.get(2)?,
            parameters: parameters(row.get(3)?, row.get(4)?, row.get(5)?)?,
        })
    }
}

impl SealedSeed {
    /// Opens it; `None` if it was not sealed where it is.
    #[must_use]
    pub fn open(&self, ring: &KeyRing) -> Option<Seed> {
        Seed::open(ring, &self.secret, self.user, self.method, &self.parameters)
    }
}

impl Unit for NewestSeeds {
    type Out = Vec<SealedSeed>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<SealedSeed>, Fault> {
        let newest = sql!(
            "SELECT user_id, method_id, secret, algorithm, digits, period FROM totp \
             ORDER BY user_id DESC, method_id DESC LIMIT ?1"
        );
        tx.rows(newest, args![self.limit]).await
    }
}

/// Reads what waits in the outbox.
pub struct Waiting;

/// Messages that wait to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// How many.
    pub messages: i64,
    /// Of these, how many were tried in vain.
    pub tried: i64,
    /// When the first of them was to be sent; of one that was tried, when it is tried again.
    pub due_at: Option<Timestamp>,
}

impl Unit for Waiting {
    type Out = Backlog;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Backlog, Fault> {
        let waiting =
            sql!("SELECT COUNT(*), COUNT(CASE WHEN tries > 0 THEN 1 END), MIN(due_at) FROM outbox");
        let row = tx.row::<(i64, i64, Option<Timestamp>)>(waiting, args![]).await?;
        let (messages, tried, due_at) = row.unwrap_or_default();
        Ok(Backlog { messages, tried, due_at })
    }
}

/// Counts the audit events after a moment, and reads when the first of them happened. That a chain
/// was closed does not count: it is the one event that comes after the last signature.
pub struct EventsSince(pub Timestamp);

impl Unit for EventsSince {
    type Out = (i64, Option<Timestamp>);

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(i64, Option<Timestamp>), Fault> {
        let closing = Event::success(Kind::AuditClosed, self.0).body();
        let since = sql!("SELECT COUNT(*), MIN(at) FROM audit WHERE at > ?1 AND body <> ?2");
        Ok(tx.row(since, args![self.0, &closing]).await?.unwrap_or_default())
    }
}
