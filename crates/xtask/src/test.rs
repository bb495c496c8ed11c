//! `cargo xtask test`: everything that must hold before a change is merged, step by step.

use std::time::Instant;

use crate::command::{Failure, cargo, run as run_command};
use crate::postgres::Postgres;
use crate::{browser, fuzz, programs, tidy};

/// Each fuzz target runs this long.
const FUZZ_SECONDS: u32 = 20;

/// One step of the test command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// What the tests call that is not Rust.
    Programs,
    /// `cargo fmt --check`.
    Fmt,
    /// The rules of this repository.
    Tidy,
    /// Lints of all targets.
    Clippy,
    /// API documentation.
    Docs,
    /// All tests, documentation tests included.
    Tests,
    /// The pages in a browser.
    Browser,
    /// Every parser, for a short while.
    Fuzz,
}

impl Step {
    const ALL: [Self; 8] = [
        Self::Programs,
        Self::Fmt,
        Self::Tidy,
        Self::Clippy,
        Self::Docs,
        Self::Tests,
        Self::Browser,
        Self::Fuzz,
    ];

    /// The steps that `names`, an optional step's name, asks for; `None` if there is no such step.
    pub(crate) fn selected(names: &[&str]) -> Option<&'static [Self]> {
        match names {
            [] => Some(&Self::ALL),
            ["programs"] => Some(&[Self::Programs]),
            ["fmt"] => Some(&[Self::Fmt]),
            ["tidy"] => Some(&[Self::Tidy]),
            ["clippy"] => Some(&[Self::Clippy]),
            ["docs"] => Some(&[Self::Docs]),
            ["tests"] => Some(&[Self::Programs, Self::Tests]),
            ["browser"] => Some(&[Self::Programs, Self::Browser]),
            ["fuzz"] => Some(&[Self::Programs, Self::Fuzz]),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Programs => "programs",
            Self::Fmt => "fmt",
            Self::Tidy => "tidy",
            Self::Clippy => "clippy",
            Self::Docs => "docs",
            Self::Tests => "tests",
            Self::Browser => "browser",
            Self::Fuzz => "fuzz",
        }
    }

    fn run(self) -> Result<(), Failure> {
        match self {
            Self::Programs => programs::ensure(),
            Self::Fmt => {
                run_command(&mut cargo(&["fmt", "--all", "--check"]))?;
                run_command(&mut cargo(&["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"]))
            }
            Self::Tidy => tidy::run(),
            Self::Clippy => run_command(&mut cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--",
                "-D",
                "warnings",
            ])),
            Self::Docs => run_command(
                cargo(&["doc", "--workspace", "--no-deps", "--locked"])
                    .env("RUSTDOCFLAGS", "-D warnings"),
            ),
            Self::Tests => tests(),
            Self::Browser => browser::run_all(),
            Self::Fuzz => fuzz::run_all(FUZZ_SECONDS),
        }
    }
}

/// Runs `steps` in order.
///
/// # Errors
///
/// The first failure; later steps are not tried.
pub(crate) fn run(steps: &[Step]) -> Result<(), Failure> {
    let start = Instant::now();
    for step in steps {
        let name = step.name();
        println!("==> {name}");
        let start = Instant::now();
        let result = step.run();
        let seconds = start.elapsed().as_secs_f64();
        result.map_err(|failure| format!("{name} failed after {seconds:.1} s: {failure}"))?;
        println!("==> {name}: passed in {seconds:.1} s");
    }
    println!("==> all passed in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn tests() -> Result<(), Failure> {
    let postgres = Postgres::start()?;
    let result = run_command(
        cargo(&["test", "--workspace", "--locked"])
            .env(postgres.variable().0, postgres.variable().1)
            // A snapshot that differs is a failure; nothing is written beside it.
            .env("INSTA_UPDATE", "no"),
    );
    if result.is_err() {
        eprintln!("PostgreSQL's log ends with:\n{}", postgres.log());
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_can_be_run_alone_under_its_name() {
        for step in Step::ALL {
            let steps = Step::selected(&[step.name()]).unwrap();
            assert_eq!(steps.last(), Some(&step));
        }
    }

    #[test]
    fn no_name_means_every_step_and_a_wrong_one_means_none() {
        assert_eq!(Step::selected(&[]), Some(Step::ALL.as_slice()));
        assert_eq!(Step::selected(&["test"]), None);
        assert_eq!(Step::selected(&["fmt", "tidy"]), None);
    }
}
