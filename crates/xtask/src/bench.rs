//! `cargo xtask bench`: measurements that compare two things in one run, and the targets for them.

use crate::command::{Failure, cargo, run as run_command};

/// The benchmarks, as package and name. Each fails if it misses its targets.
const BENCHES: [(&str, &str); 1] = [("nightlatch-webauthn", "assertion")];

/// Runs every benchmark; what they print is for people, or JSON, an object a line.
///
/// # Errors
///
/// If a benchmark can't be built or misses a target.
pub(crate) fn run(json: bool) -> Result<(), Failure> {
    for (package, name) in BENCHES {
        let mut command = cargo(&["bench", "--locked", "-q", "-p", package, "--bench", name]);
        if json {
            command.args(["--", "--json"]);
        }
        run_command(&mut command)?;
    }
    Ok(())
}
