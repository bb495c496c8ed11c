//! How a command fails: one line that says what is wrong, one that says what to do.

use std::{
    error::Error,
    fmt::Write as _,
    io::{self, Write as _},
    process::ExitCode,
    sync::mpsc,
    thread,
    time::Duration,
};

use nightlatch_flows::Refused;
use nightlatch_store::{BadDatabase, OpenError, backup::BackupError};

use crate::{
    config::{Issue, Issues},
    telemetry::line::causes,
    wiring::{
        backup::Unsaved,
        installation::Unopened,
        keys::BadKeys,
        server::{GaveUp, Unbound},
    },
};

/// How long standard error may take to take why: a process that can't go on ends all the same.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Why a command did not do what it was asked for. Holds no secret.
#[derive(Debug)]
pub(super) struct Failure {
    /// What is wrong, and what to do about it.
    lines: Vec<(String, Option<String>)>,
    status: u8,
}

impl Failure {
    /// The command failed because of `problem`; `next` is what to do.
    pub(super) fn new(problem: impl Into<String>, next: Option<String>) -> Self {
        Self { lines: vec![(problem.into(), next)], status: 1 }
    }

    /// The command was given what it can't use.
    pub(super) fn misuse(problem: impl Into<String>, next: impl Into<String>) -> Self {
        Self { lines: vec![(problem.into(), Some(next.into()))], status: 2 }
    }

    /// The command said all there is to say, and what it found is bad.
    pub(super) const fn told() -> Self {
        Self { lines: Vec::new(), status: 1 }
    }

    /// `error` and its causes in one line.
    fn because(error: &dyn Error, next: Option<String>) -> Self {
        Self::new(causes(error), next)
    }

    /// Tells standard error, unless nobody takes it within a second; the status to end the process
    /// with.
    pub(super) fn report(&self) -> ExitCode {
        let mut text = String::new();
        for (problem, next) in &self.lines {
            let _ = writeln!(text, "error: {problem}");
            if let Some(next) = next {
                let _ = writeln!(text, "next: {next}");
            }
        }
        let (written, done) = mpsc::channel();
        thread::spawn(move || {
            // There is nobody left to tell if this can't be written.
            let _ = io::stderr().write_all(text.as_bytes());
            let _ = written.send(());
        });
        let _ = done.recv_timeout(LAST_WORDS);
        ExitCode::from(self.status)
    }
}

impl From<Issues> for Failure {
    fn from(Issues(issues): Issues) -> Self {
        let line = |Issue { key, problem, next }| (format!("{key}: {problem}"), Some(next));
        Self { lines: issues.into_iter().map(line).collect(), status: 1 }
    }
}

impl From<Unopened> for Failure {
    fn from(error: Unopened) -> Self {
        Self::because(&error, Some(error.next()))
    }
}

impl From<Unsaved> for Failure {
    fn from(error: Unsaved) -> Self {
        match error {
            Unsaved::Unopened(error) => error.into(),
            Unsaved::Refused(refused) => refused.into(),
            Unsaved::Backup(BackupError::Open(error)) => error.into(),
            Unsaved::Backup(_) => {
                let next = error.next();
                Self::because(&error, Some(next))
            }
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Unopened::from(error).into()
    }
}

impl From<BadDatabase> for Failure {
    fn from(error: BadDatabase) -> Self {
        Unopened::from(error).into()
    }
}

impl From<BadKeys> for Failure {
    fn from(error: BadKeys) -> Self {
        Self::because(&error, Some(error.next().to_owned()))
    }
}

impl From<Unbound> for Failure {
    fn from(error: Unbound) -> Self {
        let next = "stop what listens there, or choose another address".to_owned();
        Self::because(&error, Some(next))
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let next = match &refused {
            Refused::Invalid(fields) => {
                let details: Vec<_> = fields.iter().map(|field| field.detail.as_str()).collect();
                return Self::misuse(details.join(" "), "correct it and try again");
            }
            Refused::NotFound => {
                let next = "see `nightlatch user list`".to_owned();
                return Self::new("there is no such account", Some(next));
            }
            Refused::Conflict | Refused::Busy => "try again",
            Refused::Store(_) => "check that the database is there and takes writes",
            _ => return Self::because(&refused, None),
        };
        Self::because(&refused, Some(next.to_owned()))
    }
}

impl From<Box<dyn Error>> for Failure {
    fn from(error: Box<dyn Error>) -> Self {
        let next = error.is::<GaveUp>().then(|| {
            "look for errors of the disk, and whether it takes writes, then start again; what was \
             confirmed is there"
                .to_owned()
        });
        Self::because(&*error, next)
    }
}
