//! SQLite: one file in WAL mode, one thread that writes, a few connections that read.

mod readers;
mod writer;

use std::{fs, io, path::Path, time::Duration};

use nightlatch_core::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, params, params_from_iter};

pub(crate) use readers::Readers;
pub(crate) use writer::{Writer, nudge};

use crate::{
    Fault, FromRow, Row, Sql, Value,
    migrate::{self, OpenError},
};

/// Connections for lists and exports, beside those for point reads.
pub(crate) const LIST_READERS: usize = 2;

/// More than the corpus has statements, so that none is prepared twice.
const CACHED_STATEMENTS: usize = 256;

/// How long a connection waits for another process (a backup, the command line) to let go.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a connection lets others go first who make the same file.
const MOST_RIVALS: usize = 50;

/// Refuses a database that is not there or whose schema is not current.
pub(crate) fn check(path: &Path) -> Result<(), OpenError> {
    if !path.exists() {
        return migrate::require_current(&[]);
    }
    migrate::require_current(&applied(&open_reader(path)?)?)
}

/// Makes the file if it is not there and brings its schema up to date.
pub(crate) fn migrate(path: &Path, now: Timestamp) -> Result<(), OpenError> {
    create(path)?;
    let mut connection = open_writer(path)?;
    let lock = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let lock = lock.map_err(Fault::from)?;
    lock.execute_batch(&migrate::TABLE.replace("{bytes}", "BLOB")).map_err(Fault::from)?;
    for step in migrate::pending(&applied(&lock)?)? {
        lock.execute_batch(step.sqlite).map_err(Fault::from)?;
        lock.execute(
            "INSERT INTO migration (number, name, checksum, applied_at) VALUES (?1, ?2, ?3, ?4)",
            params![step.number, step.name, migrate::checksum(step), now.millis()],
        )
        .map_err(Fault::from)?;
    }
    Ok(lock.commit().map_err(Fault::from)?)
}

pub(crate) fn applied(connection: &Connection) -> Result<Vec<(i64, Vec<u8>)>, Fault> {
    let known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migration'";
    if !connection.prepare(known)?.exists([])? {
        return Ok(Vec::new());
    }
    let mut statement =
        connection.prepare("SELECT number, checksum FROM migration ORDER BY number")?;
    let steps = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(steps.collect::<Result<_, _>>()?)
}

/// Makes an empty database file that only its owner can read; SQLite gives its WAL the same mode.
fn create(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// A connection that writes: durable at every commit (`FULL`), with checkpoints of the WAL rare
/// enough not to cost throughput, and no memory map, which a growing file makes slow.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, Fault> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    keep_a_wal(&connection)?;
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
         PRAGMA wal_autocheckpoint = 8000; PRAGMA mmap_size = 0;",
    )?;
    Ok(connection)
}

/// Puts a new file into WAL mode. Of several who do so at the same moment SQLite turns all but one
/// away at once, whatever their patience: the others wait for that one as for any writer.
fn keep_a_wal(connection: &Connection) -> rusqlite::Result<()> {
    for _ in 0..MOST_RIVALS {
        match connection.execute_batch("PRAGMA journal_mode = WAL") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                connection.execute_batch("BEGIN IMMEDIATE; COMMIT")?;
            }
            settled => return settled,
        }
    }
    connection.execute_batch("PRAGMA journal_mode = WAL")
}

pub(crate) fn open_reader(path: &Path) -> Result<Connection, Fault> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.execute_batch("PRAGMA mmap_size = 0;")?;
    Ok(connection)
}

fn open(path: &Path, access: OpenFlags) -> Result<Connection, Fault> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(connection)
}

/// Executes a statement; the number of rows that it changed, or returned if it returns some.
pub(crate) fn execute(
    connection: &Connection,
    sql: &Sql,
    args: &[Value<'_>],
) -> Result<usize, Fault> {
    let mut statement = connection.prepare_cached(sql.sqlite())?;
    if statement.column_count() == 0 {
        return Ok(statement.execute(params_from_iter(args))?);
    }
    let mut rows = statement.query(params_from_iter(args))?;
    let mut count = 0;
    while rows.next()?.is_some() {
        count += 1;
    }
    Ok(count)
}

/// The rows that a statement returns.
pub(crate) fn query<R: FromRow>(
    connection: &Connection,
    sql: &Sql,
    args: &[Value<'_>],
) -> Result<Vec<R>, Fault> {
    let mut statement = connection.prepare_cached(sql.sqlite())?;
    let mut rows = statement.query(params_from_iter(args))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(R::from_row(&Row::lite(row))?);
    }
    Ok(found)
}

/// Executes one of the store's own words: `BEGIN`, `COMMIT`, ...
fn say(connection: &Connection, word: &'static str) -> rusqlite::Result<()> {
    connection.prepare_cached(word)?.execute([]).map(drop)
}
