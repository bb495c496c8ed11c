//! Mutation testing: the code that verifies is broken in every small way that cargo-mutants knows,
//! and each time some test must notice.
//!
//! A mutant that no test can notice, because the program does the same, is listed in
//! `crates/webauthn/mutants.txt` with the reason. A survivor that is not listed is a missing test.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{Failure, cargo, root, run as run_command};

const VERSION: &str = "27.1.0";
const LIST: &str = "crates/webauthn/mutants.txt";

/// The files that decide what is accepted, as cargo-mutants names them.
const FILES: [&str; 12] = [
    "crates/webauthn/src/registration.rs",
    "crates/webauthn/src/authentication.rs",
    "crates/webauthn/src/response.rs",
    "crates/webauthn/src/client_data.rs",
    "crates/webauthn/src/authenticator_data.rs",
    "crates/webauthn/src/cose.rs",
    "crates/webauthn/src/cbor.rs",
    "crates/webauthn/src/json.rs",
    "crates/webauthn/src/base64url.rs",
    "crates/webauthn/src/attestation/**/*.rs",
    "crates/webauthn/src/x509/**/*.rs",
    "crates/webauthn/src/mds/**/*.rs",
];

/// Tests the mutants of `files`, paths or globs from the root; of every verifying file if there are
/// none.
///
/// # Errors
///
/// Names each survivor that is not listed and each listed mutant that does not survive.
pub(crate) fn run(files: &[&str]) -> Result<(), Failure> {
    let listed = parse(&read(&root().join(LIST))?)?;
    let tool = install()?;
    let output = root().join("target/mutants");
    fs::create_dir_all(&output).map_err(|error| error.to_string())?;
    let mut command = Command::new(tool);
    // Called by its own name, cargo's word for it comes first.
    command.args(["mutants", "--package=nightlatch-webauthn", "--no-shuffle", "--colors=never"]);
    command.arg("--output").arg(&output);
    for file in if files.is_empty() { &FILES } else { files } {
        command.args(["--file", file]);
    }
    // Documentation tests are slow, and the examples there are tested elsewhere.
    command.args(["--cargo-arg=--locked", "--", "--lib", "--tests"]).current_dir(root());
    let status = command.status().map_err(|error| format!("cargo-mutants: {error}"))?;
    // 2: some survived; 3: some ran into the time limit, which notices them, too.
    if !matches!(status.code(), Some(0 | 2 | 3)) {
        return Err(format!("cargo-mutants failed: {status}"));
    }
    let results = output.join("mutants.out");
    let survived = count(read(&results.join("missed.txt"))?.lines().map(unplaced));
    let tested = ["missed.txt", "caught.txt", "timeout.txt", "unviable.txt"];
    let tested: Result<Vec<_>, _> = tested.iter().map(|name| read(&results.join(name))).collect();
    let tested = count(tested?.iter().flat_map(|text| text.lines()).map(unplaced));
    compare(&survived, &listed, |mutant| files.is_empty() || tested.contains_key(mutant))
}

/// Where cargo-mutants is; it is installed for this repository alone if it is not there.
fn install() -> Result<PathBuf, Failure> {
    let tools = root().join("target/tools");
    let program = tools.join("bin/cargo-mutants");
    if !program.is_file() {
        let version = format!("cargo-mutants@{VERSION}");
        run_command(cargo(&["install", "--locked", &version, "--root"]).arg(&tools))?;
    }
    Ok(program)
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// A mutant as it is listed, without its line and column, which change with every edit above it.
fn unplaced(mutant: &str) -> String {
    match mutant.splitn(4, ':').collect::<Vec<_>>()[..] {
        [file, _, _, change] => format!("{file}:{change}"),
        _ => mutant.to_owned(),
    }
}

/// Several mutants of one function may read the same, and each of them counts.
type Mutants = BTreeMap<String, usize>;

fn count(mutants: impl Iterator<Item = String>) -> Mutants {
    let mut counted = Mutants::new();
    for mutant in mutants {
        *counted.entry(mutant).or_default() += 1;
    }
    counted
}

/// Reads the list: a mutant a line, and below it, indented, why no test can notice it.
fn parse(list: &str) -> Result<Mutants, Failure> {
    let lines = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut mutants = Vec::new();
    let mut explained = true;
    for line in lines {
        let is_reason = line.starts_with(' ');
        if (is_reason && mutants.is_empty()) || (!is_reason && !explained) {
            return Err(format!("{LIST}: a mutant and its reason take turns, but not at: {line}"));
        }
        if !is_reason {
            mutants.push(line.to_owned());
        }
        explained = is_reason;
    }
    if !explained {
        return Err(format!("{LIST}: the last mutant has no reason"));
    }
    Ok(count(mutants.into_iter()))
}

fn compare(
    survived: &Mutants,
    listed: &Mutants,
    was_tested: impl Fn(&str) -> bool,
) -> Result<(), Failure> {
    let mut findings = Vec::new();
    for (mutant, times) in survived {
        let allowed = listed.get(mutant).copied().unwrap_or_default();
        if *times > allowed {
            findings.push(format!("no test notices ({} of them): {mutant}", times - allowed));
        }
    }
    for (mutant, times) in listed.iter().filter(|(mutant, _)| was_tested(mutant)) {
        let there = survived.get(mutant).copied().unwrap_or_default();
        if *times > there {
            findings.push(format!("listed in {LIST}, but does not survive: {mutant}"));
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(findings.join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MISSED: &str = "src/a.rs:12:7: replace < with <= in f";

    fn mutants(list: &str) -> Mutants {
        parse(list).unwrap()
    }

    #[test]
    fn the_list_of_this_repository_is_well_formed() {
        parse(&read(&root().join(LIST)).unwrap()).unwrap();
    }

    #[test]
    fn a_survivor_passes_only_if_it_is_listed_as_often_as_it_survives() {
        let once = "# Why.\n\nsrc/a.rs: replace < with <= in f\n    Equal cannot be.\n";
        let survived = |times| count(std::iter::repeat_n(unplaced(MISSED), times));
        assert_eq!(compare(&survived(1), &mutants(once), |_| true), Ok(()));
        let failure = compare(&survived(2), &mutants(once), |_| true).unwrap_err();
        assert!(failure.starts_with("no test notices (1 of them): src/a.rs: replace"), "{failure}");
        assert!(compare(&survived(1), &mutants(""), |_| true).is_err());
    }

    #[test]
    fn a_listed_mutant_that_a_test_notices_is_stale_unless_its_file_was_left_out() {
        let list = mutants("src/a.rs: replace f with ()\n    Nothing hangs on it.\n");
        assert!(
            compare(&Mutants::new(), &list, |_| true).unwrap_err().contains("does not survive")
        );
        assert_eq!(compare(&Mutants::new(), &list, |_| false), Ok(()));
    }

    #[test]
    fn a_mutant_without_a_reason_and_a_reason_without_a_mutant_are_refused() {
        for wrong in ["src/a.rs: x\n", "src/a.rs: x\nsrc/b.rs: y\n  because\n", "  because\n"] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(parse("src/a.rs: x\n  because\n  of that\nsrc/a.rs: x\n  too\n").is_ok());
    }
}
