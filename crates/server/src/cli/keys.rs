//! `nightlatch keys`: what every secret in the database is sealed with.

use std::path::PathBuf;

use nightlatch_flows::env::OsEntropy;

use super::{failure::Failure, output::say};
use crate::wiring::keys;

/// Keys are made once and kept apart from the database.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a file with a fresh key, readable for its owner only; never writes over another
    New {
        /// The file to make; `keys.file` in the settings
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

pub(super) fn run(Command::New { out }: &Command) -> Result<(), Failure> {
    keys::make(out, &OsEntropy)?;
    say(&format!(
        "A fresh key is in {}. Keep a copy apart from the database and its backups: without it \
         every second factor is unreadable.",
        out.display()
    ))
}
