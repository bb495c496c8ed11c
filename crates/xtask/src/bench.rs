//! `cargo xtask bench`: measurements that compare two things in one run, and the targets for them.

use std::process::Command;

use crate::command::{Failure, cargo, root, run as run_command};
use crate::postgres::Postgres;

/// The benchmarks of a crate by itself, as package and name. Each fails if it misses its targets.
const BENCHES: [(&str, &str); 1] = [("nightlatch-webauthn", "assertion")];

/// Runs every benchmark, the load last; what they print is for people. With `--json`, standard output is
/// the load's object alone. `args` are the load's: how many users, connections, rounds and seconds.
///
/// # Errors
///
/// If a benchmark can't be built, one of a crate misses its targets, or an answer under load is not
/// what it should be; what load misses is printed.
pub(crate) fn run(args: &[&str]) -> Result<(), Failure> {
    let json = args.contains(&"--json");
    for (package, name) in BENCHES {
        let mut command = cargo(&["bench", "--locked", "-q", "-p", package, "--bench", name]);
        if json {
            command.stdout(std::io::stderr());
        }
        run_command(&mut command)?;
    }
    load(args)
}

/// Loads the server and its floors.
fn load(args: &[&str]) -> Result<(), Failure> {
    let packages = ["-p", "nightlatch", "-p", "nightlatch-bench"];
    run_command(cargo(&["build", "--release", "--locked", "-q"]).args(packages))?;
    let postgres = Postgres::start()?;
    let (name, url) = postgres.variable();
    let program = root().join("target/release/nightlatch-bench");
    run_command(Command::new(program).arg("run").args(args).env(name, url))
}
