//! The schema: numbered steps, each with a text for either engine, applied once and under a lock.
//!
//! A step that was applied is never edited: its checksum is kept in the database and compared at
//! every start. A database with a step that is not known here was made by a newer version and is
//! not touched.

use std::io;

use aws_lc_rs::digest::{SHA256, digest};

use crate::Fault;

/// One step of the schema.
pub(crate) struct Migration {
    pub(crate) number: i64,
    pub(crate) name: &'static str,
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

macro_rules! migrations {
    ($($number:literal $name:literal),* $(,)?) => {
        &[$(Migration {
            number: $number,
            name: $name,
            sqlite: include_str!(concat!("../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../migrations/postgres/", $name, ".sql")),
        }),*]
    };
}

/// All steps, in order and without gaps.
static MIGRATIONS: &[Migration] = migrations![1 "0001_spine", 2 "0002_webauthn", 3 "0003_keys"];

/// Why a database was not opened. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It can't be reached, read or made.
    #[error("the database can't be opened")]
    Database(#[from] Fault),
    /// Its file or a thread for it can't be made.
    #[error("the database can't be opened")]
    Io(#[from] io::Error),
    /// Its schema is older than this program.
    #[error("the database's schema is at step {found} of {needed}")]
    Behind {
        /// Steps that were applied.
        found: usize,
        /// Steps that there are.
        needed: usize,
    },
    /// Its schema is newer than this program.
    #[error("this database was made by a newer Nightlatch (step {number} of its schema)")]
    Newer {
        /// The first step that is not known.
        number: i64,
    },
    /// A step that was applied to it reads differently here.
    #[error("step {number} of this database's schema is not the one that this Nightlatch has")]
    Changed {
        /// The step.
        number: i64,
    },
}

/// The table of applied steps. Part of no step, because it must be there before the first.
pub(crate) const TABLE: &str = "CREATE TABLE IF NOT EXISTS migration (\
    number BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, \
    checksum {bytes} NOT NULL, applied_at BIGINT NOT NULL)";

/// Both texts go into the checksum, so that a pair cannot drift apart unseen.
pub(crate) fn checksum(migration: &Migration) -> Vec<u8> {
    digest(&SHA256, format!("{}\0{}", migration.sqlite, migration.postgres).as_bytes())
        .as_ref()
        .to_vec()
}

/// The steps that are still to be applied to a database with these (number, checksum) pairs, which
/// are in order.
pub(crate) fn pending(applied: &[(i64, Vec<u8>)]) -> Result<&'static [Migration], OpenError> {
    for (place, (number, sum)) in applied.iter().enumerate() {
        match MIGRATIONS.get(place) {
            Some(known) if known.number == *number && checksum(known) == *sum => {}
            Some(known) if known.number >= *number => {
                return Err(OpenError::Changed { number: *number });
            }
            _ => return Err(OpenError::Newer { number: *number }),
        }
    }
    Ok(&MIGRATIONS[applied.len()..])
}

/// Refuses a database to which steps are still to be applied.
pub(crate) fn require_current(applied: &[(i64, Vec<u8>)]) -> Result<(), OpenError> {
    if pending(applied)?.is_empty() {
        return Ok(());
    }
    Err(OpenError::Behind { found: applied.len(), needed: MIGRATIONS.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_numbered_without_gaps_and_named_by_their_number() {
        for (number, migration) in (1..).zip(MIGRATIONS) {
            assert_eq!(migration.number, number);
            assert!(migration.name.starts_with(&format!("{number:04}_")), "{}", migration.name);
        }
    }

    #[test]
    fn only_the_known_steps_are_accepted() {
        let applied: Vec<_> = MIGRATIONS.iter().map(|step| (step.number, checksum(step))).collect();
        assert!(require_current(&applied).is_ok());
        assert_eq!(pending(&[]).unwrap().len(), MIGRATIONS.len());
        assert!(matches!(require_current(&[]), Err(OpenError::Behind { found: 0, .. })));

        let mut newer = applied.clone();
        newer.push((9_999, vec![0; 32]));
        assert!(matches!(pending(&newer), Err(OpenError::Newer { number: 9_999 })));

        let mut changed = applied;
        changed[0].1[0] ^= 1;
        assert!(matches!(pending(&changed), Err(OpenError::Changed { number: 1 })));
    }
}
