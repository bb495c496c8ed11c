//! Backups: a whole database of either engine in one SQLite file, of one moment.
//!
//! The file has the schema of its program, so that it is checked, migrated and read like any
//! database; and because both engines have the same tables, either takes it. A backup is restored in
//! three steps: [`unpack`] makes a working copy, whoever restores opens that as a store and revokes
//! in it what must not come back, and [`put`] lets the result appear in its place at once.

mod lite;
mod pg;
mod tables;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use nightlatch_core::Timestamp;

use crate::{Database, Fault, OpenError, options::Place, pg::Server};

/// Why there is no backup, or why one was not restored. The text says what is wrong.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A database can't be read, made or reached, or its schema is not known.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A file is there already, and none is written over.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// A file can't be made, read or written.
    #[error("{} can't be made, read or written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What was read or written is not a whole database of ours.
    #[error("{} is no whole backup: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The database to restore into holds something.
    #[error("the database is not empty: there are rows in {0}")]
    NotEmpty(String),
}

impl From<Fault> for BackupError {
    fn from(fault: Fault) -> Self {
        Self::Open(fault.into())
    }
}

/// Copies `database` as it is at one moment into the new file `to`, also beside a running server:
/// readable for its owner only, checked, and there as a whole or not at all.
///
/// # Errors
///
/// [`BackupError`]; nothing is left behind.
pub async fn take(database: &Database, to: &Path, now: Timestamp) -> Result<(), BackupError> {
    if fs::symlink_metadata(to).is_ok() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let partial = with_suffix(to, ".partial");
    make(&partial)?;
    let done = fill(database, &partial, now).await.and_then(|()| publish(&partial, to));
    discard(&partial);
    done
}

async fn fill(database: &Database, partial: &Path, now: Timestamp) -> Result<(), BackupError> {
    match &database.0 {
        Place::Sqlite(path) => lite::copy(path, partial)?,
        Place::Postgres(config) => pg::copy(&Server::new(config)?, partial, now).await?,
    }
    lite::settle(partial)
}

/// Makes the private working copy `to` of the backup `from`, and checks it.
///
/// # Errors
///
/// [`BackupError`]; nothing is left behind.
pub fn unpack(from: &Path, to: &Path) -> Result<(), BackupError> {
    let mut source = File::open(from).map_err(|error| on(from, error))?;
    let mut target = make(to)?;
    let copied = io::copy(&mut source, &mut target).map_err(|error| on(to, error));
    let done = copied.and_then(|_| lite::settle(to)).map_err(|error| match error {
        BackupError::Damaged { what, .. } => BackupError::Damaged { path: from.to_owned(), what },
        other => other,
    });
    if done.is_err() {
        discard(to);
    }
    done
}

/// Refuses a database that holds anything, before any work is done for it; [`put`] looks again.
///
/// # Errors
///
/// [`BackupError::Exists`] or [`BackupError::NotEmpty`].
pub async fn require_empty(database: &Database) -> Result<(), BackupError> {
    match &database.0 {
        Place::Sqlite(path) => match fs::symlink_metadata(path) {
            Ok(_) => Err(BackupError::Exists(path.clone())),
            Err(_) => Ok(()),
        },
        Place::Postgres(config) => pg::require_empty(&Server::new(config)?).await,
    }
}

/// Moves the working copy `from` into the empty `database`, as a whole or not at all. No store may
/// have it open.
///
/// # Errors
///
/// [`BackupError`].
pub async fn put(from: &Path, database: &Database, now: Timestamp) -> Result<(), BackupError> {
    lite::settle(from)?;
    match &database.0 {
        Place::Sqlite(path) => publish(from, path),
        Place::Postgres(config) => pg::fill(&Server::new(config)?, from, now).await,
    }
}

/// Removes a working copy, and what SQLite keeps beside an open one.
pub fn discard(file: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        // What is not there need not be removed, and what can't be removed is in nobody's way but
        // the next working copy's, which says so.
        let _ = fs::remove_file(with_suffix(file, suffix));
    }
}

/// `path` with more at the end of its name.
#[must_use]
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn make(path: &Path) -> Result<File, BackupError> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| on(path, error))
}

/// Gives a whole file its name, unless another has it: a link does not write over, a rename would.
fn publish(whole: &Path, name: &Path) -> Result<(), BackupError> {
    fs::hard_link(whole, name).map_err(|error| on(name, error))?;
    fs::remove_file(whole).map_err(|error| on(whole, error))?;
    let folder = name.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| on(folder, error))
}

fn on(path: &Path, source: io::Error) -> BackupError {
    match source.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists(path.to_owned()),
        _ => BackupError::File { path: path.to_owned(), source },
    }
}
