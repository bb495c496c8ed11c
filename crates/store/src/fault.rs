//! Why a unit of work left nothing: never a refusal, which is a value of the unit's own.

use std::{error::Error, fmt, sync::Arc};

use rusqlite::ErrorCode;
use tokio_postgres::error::{DbError, SqlState};

/// What was behind a fault. Holds no parameter and no content of a row.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// A unit of work was not done and left nothing behind; only after [`Fault::Unavailable`] it may
/// still turn out to have been committed, when the connection broke while it was being confirmed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// The queue is full. The unit was not begun.
    #[error("the store has more work waiting than it takes on")]
    Busy,
    /// The unit lost against others again and again (deadlock, serialisation, a lock not granted).
    #[error("the unit of work lost against others")]
    Conflict(#[source] Cause),
    /// The database is not there, or does not take writes.
    #[error("the database is not available")]
    Unavailable(#[source] Cause),
    /// A bug or a corrupt row: trying again won't help.
    #[error("the unit of work is broken")]
    Broken(#[source] Cause),
}

impl Fault {
    /// A [`Fault::Broken`] that says `why`, for operators. Name columns and rules, never contents.
    pub fn broken(why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Broken(Arc::from(why.into()))
    }

    /// A [`Fault::Broken`]: the database holds something in `place` that was never written there.
    #[must_use]
    pub fn corrupt(place: &'static str) -> Self {
        Self::broken(format!("{place} holds what no Nightlatch writes"))
    }

    pub(crate) fn unavailable(why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(Arc::from(why.into()))
    }

    /// A guard did not take although what the unit had read says so: somebody was faster.
    pub(crate) fn overtaken() -> Self {
        Self::Conflict(Arc::from(Box::<dyn Error + Send + Sync>::from("a guard did not take")))
    }

    /// What an operator does about it, where something can be done.
    #[must_use]
    pub fn next(&self) -> &'static str {
        let Self::Unavailable(cause) = self else { return "report it with what the log says" };
        if let Some(error) = cause.downcast_ref::<rusqlite::Error>() {
            return match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => "make room on the disk that holds the database",
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    "end the other process that holds the database file"
                }
                Some(ErrorCode::SystemIoFailure) => {
                    "look for errors of the disk, and whether it takes writes, then start again"
                }
                _ => "let this user read and write the database file and its folder",
            };
        }
        match cause.downcast_ref::<Refusal>().map(|refusal| refusal.code.as_str()) {
            Some("53100") => "make room on PostgreSQL's disk",
            Some("53300") => "let PostgreSQL take more connections (max_connections)",
            Some("25006") => "let database.url name the primary; this server is read-only",
            _ => "see that PostgreSQL runs and can be reached as database.url says",
        }
    }

    /// The store was closed, or its writer stopped after a failed flush.
    pub(crate) fn closed() -> Self {
        Self::unavailable("the store is closed")
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(
                ErrorCode::CannotOpen
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::SystemIoFailure,
            ) => Self::Unavailable(Arc::new(error)),
            _ => Self::Broken(Arc::new(error)),
        }
    }
}

/// What PostgreSQL said, without its message and detail, which repeat values.
#[derive(Debug, thiserror::Error)]
struct Refusal {
    code: String,
    constraint: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgreSQL answered {}", self.code)?;
        match &self.constraint {
            Some(constraint) => write!(f, " ({constraint})"),
            None => Ok(()),
        }
    }
}

impl From<&DbError> for Refusal {
    fn from(error: &DbError) -> Self {
        let constraint = error.constraint().map(str::to_owned);
        Self { code: error.code().code().to_owned(), constraint }
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(answer) = error.as_db_error() else {
            // Without an answer either the connection broke or a value did not fit its column.
            let wrong = error.source().is_some_and(|cause| !cause.is::<std::io::Error>());
            return if wrong { Self::broken(error) } else { Self::unavailable(error) };
        };
        let cause = Refusal::from(answer);
        let retry = [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::LOCK_NOT_AVAILABLE,
        ];
        // Connection exceptions, resources, interventions, its disk; a primary that became a stand-by.
        let gone = ["08", "53", "57", "58"].iter().any(|class| cause.code.starts_with(class));
        if retry.contains(answer.code()) {
            Self::Conflict(Arc::new(cause))
        } else if gone || *answer.code() == SqlState::READ_ONLY_SQL_TRANSACTION {
            Self::unavailable(cause)
        } else {
            Self::broken(cause)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_operator_does_depends_on_what_is_in_the_way() {
        let postgres = |code: &str| {
            Fault::unavailable(Refusal { code: code.to_owned(), constraint: None }).next()
        };
        assert_eq!(postgres("53100"), "make room on PostgreSQL's disk");
        assert!(postgres("53300").contains("max_connections"));
        assert!(postgres("25006").contains("primary"));
        assert!(postgres("57P01").contains("see that PostgreSQL runs"));
        let sqlite = |code| {
            Fault::from(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None))
                .next()
        };
        assert!(sqlite(rusqlite::ffi::SQLITE_FULL).contains("make room"));
        assert!(sqlite(rusqlite::ffi::SQLITE_IOERR_FSYNC).contains("errors of the disk"));
        assert!(sqlite(rusqlite::ffi::SQLITE_BUSY).contains("other process"));
        assert!(sqlite(rusqlite::ffi::SQLITE_READONLY).contains("let this user"));
    }
}
