//! What the store promises, on both engines: every test runs on a fresh SQLite file and on a fresh
//! PostgreSQL database.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, which is what is wanted")]

mod audit;
mod changes;
mod corpus;
#[path = "../../../server/tests/it/device/mod.rs"]
mod device;
mod full;
mod harness;
mod lost;
mod migrations;
mod probe;
mod race;
mod reads;
mod units;
mod write;
