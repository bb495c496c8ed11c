//! What is asked to see whether an installation is well. Nothing here writes.

use nightlatch_core::{
    MethodId, Timestamp, UserId,
    audit::{Event, Kind},
    factors::totp::{Parameters, Seed},
    keys::KeyRing,
};

use super::{audit::Signed, totp::parameters};
use crate::{Fault, FromRow, Row, Tx, Unit, args, sql};

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

/// Columns that hold hashes of [`HASH`] bytes and nothing else; a test holds the list against the
/// schema.
pub const HASHES: [&str; 9] = [
    "addresses.lookup",
    "audit.hash",
    "credentials.lookup",
    "invites.hash",
    "invites.lookup",
    "migration.checksum",
    "recovery_codes.hash",
    "removed_credentials.lookup",
    "sessions.refresh",
];

/// How long they are.
pub const HASH: usize = 32;

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
    /// Of these, how many were tried in vain: more than once, because one that is on its way has been
    /// tried once.
    pub tried: i64,
    /// When the first of them was to be sent; of one that was tried, when it is tried again.
    pub due_at: Option<Timestamp>,
}

impl Unit for Waiting {
    type Out = Backlog;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Backlog, Fault> {
        let waiting =
            sql!("SELECT COUNT(*), COUNT(CASE WHEN tries > 1 THEN 1 END), MIN(due_at) FROM outbox");
        let row = tx.row::<(i64, i64, Option<Timestamp>)>(waiting, args![]).await?;
        let (messages, tried, due_at) = row.unwrap_or_default();
        Ok(Backlog { messages, tried, due_at })
    }
}

/// Reads the newest checkpoints, the newest first.
pub struct NewestCheckpoints {
    /// How many at most.
    pub limit: i64,
}

impl Unit for NewestCheckpoints {
    type Out = Vec<Signed>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Signed>, Fault> {
        let newest =
            sql!("SELECT id, body, key_tag, signature FROM checkpoints ORDER BY id DESC LIMIT ?1");
        tx.rows(newest, args![self.limit]).await
    }
}

/// Reads where the chains of the audit trail end, a page at a time: from one to the next by the
/// primary key, however long they are.
pub struct ChainEnds {
    /// After this chain.
    pub after: [u8; 16],
    /// How many at most.
    pub limit: i64,
}

/// Where a chain ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainEnd {
    /// The chain.
    pub chain: [u8; 16],
    /// The number of its last event.
    pub seq: i64,
    /// When that happened.
    pub at: Timestamp,
    /// Whether it says that the writer closed the chain.
    pub closed: bool,
}

impl FromRow for ChainEnd {
    fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
        let body: String = row.get(3)?;
        let closing = Event::success(Kind::AuditClosed, Timestamp::default()).body();
        let (chain, seq, at) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Self { chain, seq, at, closed: body == closing })
    }
}

impl Unit for ChainEnds {
    type Out = Vec<ChainEnd>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<ChainEnd>, Fault> {
        let ends = sql!(
            "WITH RECURSIVE chains (chain) AS ( \
             SELECT (SELECT chain FROM audit WHERE chain > ?1 ORDER BY chain LIMIT 1) \
             UNION ALL \
             SELECT (SELECT a.chain FROM audit a WHERE a.chain > c.chain ORDER BY a.chain LIMIT 1) \
             FROM chains c WHERE c.chain IS NOT NULL) \
             SELECT c.chain, \
             (SELECT a.seq FROM audit a WHERE a.chain = c.chain ORDER BY a.seq DESC LIMIT 1), \
             (SELECT a.at FROM audit a WHERE a.chain = c.chain ORDER BY a.seq DESC LIMIT 1), \
             (SELECT a.body FROM audit a WHERE a.chain = c.chain ORDER BY a.seq DESC LIMIT 1) \
             FROM chains c WHERE c.chain IS NOT NULL LIMIT ?2"
        );
        tx.rows(ends, args![&self.after, self.limit]).await
    }
}

/// Reads when one event of a chain happened.
pub struct EventTime {
    /// The chain.
    pub chain: [u8; 16],
    /// Its number.
    pub seq: i64,
}

impl Unit for EventTime {
    type Out = Option<Timestamp>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Timestamp>, Fault> {
        let time = sql!("SELECT at FROM audit WHERE chain = ?1 AND seq = ?2");
        let row = tx.row::<(Timestamp,)>(time, args![&self.chain, self.seq]).await?;
        Ok(row.map(|(at,)| at))
    }
}

/// Whether there are accounts, and whether anything stands in the audit trail.
pub struct Traces;

impl Unit for Traces {
    type Out = (bool, bool);

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(bool, bool), Fault> {
        let user = sql!("SELECT id FROM users LIMIT 1");
        let event = sql!("SELECT chain FROM audit LIMIT 1");
        let users = tx.row::<([u8; 16],)>(user, args![]).await?.is_some();
        Ok((users, tx.row::<([u8; 16],)>(event, args![]).await?.is_some()))
    }
}
