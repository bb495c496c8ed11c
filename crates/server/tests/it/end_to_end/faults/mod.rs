//! Faults: the process is killed, the database restarts, is silent or out of reach, the disk is full
//! or fails, clocks jump, and too many come at once. docs/faults.md tells what each means.
//!
//! Under most of them a [crowd] walks [journeys], each person keeping what they were told, and the
//! [ledger] counting what was granted; afterwards everything is asked for again. How many rounds there
//! are is told by `NIGHTLATCH_FAULT_ROUNDS`, which `cargo xtask soak faults` sets.

mod clocks;
mod crowd;
mod dice;
mod disk;
mod journeys;
mod kills;
mod ledger;
mod outages;
mod overload;
mod person;
mod postgres;
mod proxy;
mod world;

pub(crate) use self::dice::pass;
pub(super) use self::{
    postgres::Postgres,
    world::{READ_ONLY, World},
};
use crate::place::told;

/// How many rounds of each fault; without it there are few.
const VARIABLE: &str = "NIGHTLATCH_FAULT_ROUNDS";

/// The rounds that were asked for, or `few`.
fn rounds(few: u64) -> u64 {
    told(VARIABLE).map_or(few, |rounds| rounds.parse().unwrap())
}
