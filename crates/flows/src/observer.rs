//! What is counted beside the audit trail, also of strangers: for an operator's numbers.

use nightlatch_core::proof::Factor;

/// What came of presenting a factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was right.
    Accepted,
    /// It was wrong, stale or used.
    Refused,
    /// It was not looked at, because there were too many before it.
    Limited,
}

/// What told who is behind an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It was presented before, and nothing changed since.
    Memory,
    /// The session was read.
    Database,
}

/// Whoever counts. Told in the middle of journeys, so it must not wait.
pub trait Observer: Send + Sync {
    /// A factor was presented.
    fn presented(&self, factor: Factor, outcome: Outcome);

    /// A slow hash was made.
    fn hashed(&self);

    /// An access token was presented, good or not.
    fn recognized(&self, source: Source);
}

/// Counts nothing.
#[derive(Debug)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn presented(&self, _: Factor, _: Outcome) {}

    fn hashed(&self) {}

    fn recognized(&self, _: Source) {}
}
