//! What Nightlatch remembers: one corpus of SQL on SQLite and PostgreSQL.
//!
//! A [`Unit`] is one transaction: plain data in, an answer out, written once for both engines over
//! the few verbs of [`Tx`]. [`Store::write`] hands it to a writer through a bounded queue and
//! returns when it is durable; [`Store::read`] runs one that only looks. A refusal is a value of the
//! unit and commits; a [`Fault`] leaves nothing.
//!
//! On SQLite one thread writes, and what waits in its queue shares a commit. On PostgreSQL every
//! lane is a task with a connection of its own. Either way the unit belongs to its writer once it
//! was taken, so that a caller who leaves cancels nothing; and every writer adds the audit events of
//! its units to a hash chain of its own. The store reads no clock and makes no randomness: `now` and
//! ids come in.

pub mod backup;
mod chain;
mod changes;
mod fault;
mod lite;
mod migrate;
mod options;
mod outage;
mod pg;
mod row;
pub mod scan;
#[doc(hidden)]
pub mod sql;
mod store;
mod tx;
mod unit;
pub mod units;
mod value;

pub use changes::Mark;
pub use fault::{Cause, Fault};
pub use migrate::OpenError;
pub use options::{BadDatabase, ChainIds, Database, Engine, Options};
pub use row::{Column, FromRow, Row};
pub use sql::Sql;
pub use store::Store;
pub use tx::{Question, Tx};
pub use unit::Unit;
pub use value::Value;
