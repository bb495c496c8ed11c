//! Nightlatch's own commands, for the people who work on it; `cargo xtask help` lists them.

#![expect(
    clippy::disallowed_methods,
    reason = "the bans keep the product's time, waiting and settings in one place each; this is no \
              part of the product"
)]

mod bench;
mod browser;
mod command;
mod fuzz;
mod mutants;
mod postgres;
mod programs;
mod soak;
mod test;
mod tidy;

use std::process::ExitCode;

use crate::test::Step;

const USAGE: &str = "\
Usage: cargo xtask <COMMAND>

Commands:
  test              Runs every step below, in this order, and stops at the first failure
  test programs     Installs the programs that tests need, if any is missing (Debian packages)
  test fmt          Formatting
  test tidy         Layers, sizes, dependencies and other rules of this repository
  test clippy       Lints, warnings denied
  test docs         API documentation, warnings denied
  test tests        All tests, on SQLite and on a private PostgreSQL; runs `programs` first
  test browser      The pages in Chromium, with virtual authenticators; runs `programs` first
  test fuzz         Fuzzing of every parser, 20 seconds each; runs `programs` first
  soak              Runs every part below; takes hours
  soak fuzz         Fuzzing of every parser, 10 minutes each
  soak faults       Kills, restarts, full disks and the like: 200 kills on each engine and 50
                    restarts of PostgreSQL under load, with what callers were told checked after each
  soak mutants [FILE]..
                    Breaks the code that verifies (or some files of it) in every small way, and
                    fails if no test notices
  bench [--json] [--users N,..] [--connections N,..] [--rounds N] [--seconds N] [--engine E]
        [--only NAME]
                    Measures the server against its floors, on SQLite and on a private PostgreSQL
  postgres <CMD>..  Runs a command beside a private PostgreSQL (NIGHTLATCH_TEST_POSTGRES)
  help              Prints this
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        ["test", names @ ..] => match Step::selected(names) {
            Some(steps) => test::run(steps),
            None => return misused(),
        },
        ["soak", names @ ..] => match soak::run(names) {
            Some(result) => result,
            None => return misused(),
        },
        ["bench", args @ ..] => bench::run(args),
        ["postgres", program, args @ ..] => postgres::beside(program, args),
        _ => return misused(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Tells how it is used; exit code 2, so that a typing error is never taken for a failed test.
fn misused() -> ExitCode {
    eprint!("{USAGE}");
    ExitCode::from(2)
}
