//! Files that only their owner can read.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use nightlatch_core::Secret;

/// Makes an empty file that only its owner can read. One that is there already is left alone.
///
/// # Errors
///
/// [`io::ErrorKind::AlreadyExists`], or what the system says.
pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Writes `secret` and a line end to a file of [`create`], to stay there if the machine fails.
///
/// # Errors
///
/// What the system says.
pub fn fill(mut file: File, secret: &Secret) -> io::Result<()> {
    file.write_all(secret.expose())?;
    file.write_all(b"\n")?;
    file.sync_all()
}
