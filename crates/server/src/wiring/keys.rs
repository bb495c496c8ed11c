//! The key ring: read from where the settings say, made only where nothing can depend on another.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use nightlatch_core::{
    Secret,
    keys::{BadRing, KeyRing},
};
use nightlatch_flows::Entropy;

use crate::{config::Keys, wiring::private_file};

/// Why there is no key ring. Never repeats a key.
#[derive(Debug, thiserror::Error)]
pub enum BadKeys {
    /// Its file can't be read.
    #[error("the key file {} can't be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Its file can be read by others.
    #[error("others than its owner can read the key file {}", .0.display())]
    Open(PathBuf),
    /// Its file can't be made.
    #[error("the key file {} can't be made", path.display())]
    NotMade {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What was read is no key ring.
    #[error("the keys can't be used")]
    Ring(#[from] BadRing),
    /// Its file can't be changed.
    #[error("the key file {} can't be changed", path.display())]
    NotChanged {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody else changes its file; this one is in the way.
    #[error("somebody else is changing the key file: {} is there", .0.display())]
    Busy(PathBuf),
    /// Its file is not what it was a moment ago.
    #[error("somebody else changed the key file {}", .0.display())]
    Moved(PathBuf),
    /// The database was made with keys whose file is gone.
    #[error("the database was made with keys, but their file {} is gone", .0.display())]
    Gone(PathBuf),
}

impl BadKeys {
    /// What to do about it.
    #[must_use]
    pub fn next(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "correct the path or its permissions",
            Self::Open(_) => "take that right away with chmod 600",
            Self::NotChanged { .. } => "run the command as the owner of the file, or as root",
            Self::Busy(_) => "wait for the other command; if there is none, remove that file",
            Self::Moved(_) => "try again",
            Self::NotMade { .. } => "choose a new file in a folder that you can write to",
            Self::Ring(_) => "restore the keys, or make new ones with `nightlatch keys new`",
            Self::Gone(_) => {
                "restore the file; without it every second factor in the database is unreadable"
            }
        }
    }
}

/// Reads the ring.
///
/// # Errors
///
/// [`BadKeys`] says what to do.
pub fn read(keys: &Keys) -> Result<KeyRing, BadKeys> {
    match keys {
        Keys::File(path) => read_file(path),
        Keys::Ring(text) => Ok(KeyRing::parse(text.expose())?),
    }
}

/// Reads the ring in a file.
///
/// # Errors
///
/// [`BadKeys`] says what to do.
pub fn read_file(path: &Path) -> Result<KeyRing, BadKeys> {
    Ok(KeyRing::parse(text(&read_bytes(path)?)?)?)
}

/// What is in a key file.
pub(super) fn read_bytes(path: &Path) -> Result<Secret, BadKeys> {
    let unreadable = |source| BadKeys::Unreadable { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(unreadable)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(BadKeys::Open(path.to_owned()));
    }
    fs::read(path).map(Secret::new).map_err(unreadable)
}

pub(super) fn text(bytes: &Secret) -> Result<&str, BadRing> {
    std::str::from_utf8(bytes.expose()).map_err(|_| BadRing::Line(1))
}

/// Makes a file with one fresh key; never writes over another.
///
/// # Errors
///
/// [`BadKeys`] says what to do.
pub fn make(path: &Path, entropy: &dyn Entropy) -> Result<(), BadKeys> {
    let mut key = [0; 32];
    entropy.fill(&mut key);
    private_file::create(path)
        .and_then(|file| private_file::fill(file, &KeyRing::line(&key)))
        .map_err(|source| BadKeys::NotMade { path: path.to_owned(), source })
}
