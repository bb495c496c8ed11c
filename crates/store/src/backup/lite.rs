//! SQLite's side of backups.

use std::{fs::File, path::Path};

use rusqlite::{Connection, OpenFlags};

use super::{BackupError, on};
use crate::{Fault, lite, migrate};

/// Copies the database `source` as it is at one moment into the empty file `to`, while others write.
pub(super) fn copy(source: &Path, to: &Path) -> Result<(), BackupError> {
    lite::check(source)?;
    let to = to.to_str().ok_or_else(|| Fault::broken("the name of the file is no UTF-8"))?;
    lite::open_reader(source)?.execute("VACUUM INTO ?1", [to]).map_err(Fault::from)?;
    Ok(())
}

/// Folds the log of a file that nobody has open into it, checks that it is a whole database with a
/// schema that is known here, and makes it durable.
pub(super) fn settle(path: &Path) -> Result<(), BackupError> {
    check(path).map_err(|error| match error {
        BackupError::Open(crate::OpenError::Database(fault)) => damaged(path, fault.to_string()),
        other => other,
    })?;
    File::open(path).and_then(|file| file.sync_all()).map_err(|error| on(path, error))
}

fn check(path: &Path) -> Result<(), BackupError> {
    let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE);
    let file = file.map_err(Fault::from)?;
    file.execute_batch("PRAGMA journal_mode = DELETE").map_err(Fault::from)?;
    let whole: String =
        file.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(Fault::from)?;
    if whole != "ok" {
        return Err(damaged(path, whole));
    }
    let mut stray = file.prepare("PRAGMA foreign_key_check").map_err(Fault::from)?;
    if stray.exists([]).map_err(Fault::from)? {
        return Err(damaged(path, "rows refer to rows that are not there".to_owned()));
    }
    let applied = lite::applied(&file)?;
    if applied.is_empty() {
        return Err(damaged(path, "it has no schema of Nightlatch".to_owned()));
    }
    migrate::pending(&applied)?;
    Ok(())
}

fn damaged(path: &Path, what: String) -> BackupError {
    BackupError::Damaged { path: path.to_owned(), what }
}
