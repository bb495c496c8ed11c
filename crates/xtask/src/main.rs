//! Nightlatch's own commands, for the people who work on it; `cargo xtask help` lists them.

#![expect(
    clippy::disallowed_methods,
    reason = "the bans keep the product's time, waiting and settings in one place each; this is no \
              part of the product"
)]

mod command;
mod postgres;
mod programs;
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
