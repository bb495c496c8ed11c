//! `cargo xtask soak`: what shows more the longer it runs, and runs too long for every change.

use crate::command::Failure;
use crate::{fuzz, mutants, programs};

/// Each fuzz target runs this long.
const FUZZ_SECONDS: u32 = 600;

/// Runs the parts that `names` asks for, all of them if it is empty; `None` if there is no such part.
pub(crate) fn run(names: &[&str]) -> Option<Result<(), Failure>> {
    Some(match names {
        [] => fuzz().and_then(|()| mutants::run(&[])),
        ["fuzz"] => fuzz(),
        ["mutants", files @ ..] => mutants::run(files),
        _ => return None,
    })
}

fn fuzz() -> Result<(), Failure> {
    programs::ensure()?;
    fuzz::run_all(FUZZ_SECONDS)
}
