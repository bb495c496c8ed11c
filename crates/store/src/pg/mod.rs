//! PostgreSQL: lanes, each a task with a connection of its own; all pull from one queue.

mod backoff;
mod bundle;
mod lane;
mod link;
mod listen;
mod pipeline;
mod schema;
mod server;
mod tx;

pub(crate) use lane::{read_lanes, write_lanes};
pub(crate) use link::Link;
pub(crate) use listen::listen;
pub(crate) use schema::{check, migrate};
pub(crate) use server::Server;
pub(crate) use tx::PgTx;
