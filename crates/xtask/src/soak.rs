//! `cargo xtask soak`: what shows more the longer it runs, and runs too long for every change.

use crate::command::{Failure, cargo, run as run_command};
use crate::postgres::Postgres;
use crate::{fuzz, mutants, programs};

/// Each fuzz target runs this long.
const FUZZ_SECONDS: u32 = 600;

/// Rounds of faults: kills on each engine, and a fourth of it restarts of PostgreSQL.
const FAULT_ROUNDS: &str = "200";

/// Runs the parts that `names` asks for, all of them if it is empty; `None` if there is no such part.
pub(crate) fn run(names: &[&str]) -> Option<Result<(), Failure>> {
    Some(match names {
        [] => fuzz().and_then(|()| faults()).and_then(|()| mutants::run(&[])),
        ["faults"] => faults(),
        ["fuzz"] => fuzz(),
        ["mutants", files @ ..] => mutants::run(files),
        _ => return None,
    })
}

fn fuzz() -> Result<(), Failure> {
    programs::ensure()?;
    fuzz::run_all(FUZZ_SECONDS)
}

/// Runs the tests of faults, one after the other, so often that chance meets what is rare.
fn faults() -> Result<(), Failure> {
    programs::ensure()?;
    let postgres = Postgres::start()?;
    let (name, url) = postgres.variable();
    let tests = ["test", "--locked", "-p", "nightlatch", "--test", "it", "faults", "--"];
    run_command(
        cargo(&tests)
            .args(["--nocapture", "--test-threads=1"])
            .env(name, url)
            .env("NIGHTLATCH_FAULT_ROUNDS", FAULT_ROUNDS),
    )
}
