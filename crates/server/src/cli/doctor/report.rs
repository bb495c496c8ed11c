//! What was found, and how it is told.

use std::{error::Error, fmt::Write as _};

use serde::{Serialize, Serializer};

use crate::telemetry::line::causes;

/// What is looked at, in the order it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Check {
    Settings,
    Proxies,
    Database,
    Schema,
    Clock,
    Disk,
    Keys,
    Plaintext,
    Audit,
    Delivery,
    Server,
}

impl Check {
    const ALL: [Self; 11] = [
        Self::Settings,
        Self::Proxies,
        Self::Database,
        Self::Schema,
        Self::Clock,
        Self::Disk,
        Self::Keys,
        Self::Plaintext,
        Self::Audit,
        Self::Delivery,
        Self::Server,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Proxies => "proxies",
            Self::Database => "database",
            Self::Schema => "schema",
            Self::Clock => "clock",
            Self::Disk => "disk",
            Self::Keys => "keys",
            Self::Plaintext => "plaintext",
            Self::Audit => "audit",
            Self::Delivery => "delivery",
            Self::Server => "server",
        }
    }
}

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Ok,
    Warning,
    Failed,
    NotChecked,
}

impl State {
    const fn mark(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warn",
            Self::Failed => "FAIL",
            Self::NotChecked => "-",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Serialize)]
struct Finding {
    check: Check,
    state: State,
    text: String,
    next: Option<String>,
}

/// Everything that was found.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Finding>);

impl Report {
    /// It is as it should be.
    pub(super) fn ok(&mut self, check: Check, text: impl Into<String>) {
        self.0.push(Finding { check, state: State::Ok, text: text.into(), next: None });
    }

    /// It works, and something about it is not good.
    pub(super) fn warn(&mut self, check: Check, text: impl Into<String>, next: impl Into<String>) {
        let (text, next) = (text.into(), Some(next.into()));
        self.0.push(Finding { check, state: State::Warning, text, next });
    }

    /// It does not work, or must not stay so.
    pub(super) fn fail(&mut self, check: Check, text: impl Into<String>, next: impl Into<String>) {
        let (text, next) = (text.into(), Some(next.into()));
        self.0.push(Finding { check, state: State::Failed, text, next });
    }

    /// The same, by the error that says so.
    pub(super) fn fail_by(&mut self, check: Check, error: &dyn Error, next: impl Into<String>) {
        self.fail(check, causes(error), next);
    }

    /// It can't be looked at, because of something else.
    pub(super) fn skip(&mut self, check: Check, because: &str) {
        let text = format!("not checked: {because}");
        self.0.push(Finding { check, state: State::NotChecked, text, next: None });
    }

    /// The same of everything of which nothing was found yet.
    pub(super) fn skip_rest(&mut self, because: &str) {
        for check in Check::ALL {
            if !self.tells_of(check) {
                self.skip(check, because);
            }
        }
    }

    /// Whether something was found about this already.
    pub(super) fn tells_of(&self, check: Check) -> bool {
        self.count_of(check) > 0
    }

    /// How many findings there are about this.
    pub(super) fn count_of(&self, check: Check) -> usize {
        self.0.iter().filter(|finding| finding.check == check).count()
    }

    /// How many findings are so.
    pub(super) fn count(&self, state: State) -> usize {
        self.0.iter().filter(|finding| finding.state == state).count()
    }

    /// Puts the findings into the order in which they are told.
    pub(super) fn sort(&mut self) {
        self.0.sort_by_key(|finding| finding.check);
    }

    /// All of it for people.
    pub(super) fn text(&self) -> String {
        let (mut text, mut last) = (String::new(), None);
        for Finding { check, state, text: found, next } in &self.0 {
            // A check with several findings is named once.
            let name = if last == Some(*check) { "" } else { check.as_str() };
            last = Some(*check);
            let mut lines = wrapped(&printable(found));
            let next = next.as_deref().map(printable);
            lines.extend(next.iter().flat_map(|next| wrapped(&format!("next: {next}"))));
            let marks = std::iter::once((state.mark(), name)).chain(std::iter::repeat(("", "")));
            for ((mark, name), line) in marks.zip(lines) {
                let line = format!("{mark:<4}  {name:<9}  {line}");
                // Writing to a string does not fail.
                let _ = writeln!(text, "{}", line.trim_end());
            }
        }
        format!("{text}\n{}", self.summary())
    }

    fn summary(&self) -> String {
        let count = |state| self.count(state);
        let warnings = match count(State::Warning) {
            0 => "no warnings".to_owned(),
            1 => "1 warning".to_owned(),
            some => format!("{some} warnings"),
        };
        let unknown = match count(State::NotChecked) {
            0 => String::new(),
            some => format!(", {some} not checked"),
        };
        match count(State::Failed) {
            0 => format!("Nothing failed, {warnings}{unknown}."),
            failed => format!("{failed} FAILED, {warnings}{unknown}."),
        }
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View<'a> {
            findings: &'a [Finding],
            failed: usize,
            warnings: usize,
            not_checked: usize,
        }
        View {
            findings: &self.0,
            failed: self.count(State::Failed),
            warnings: self.count(State::Warning),
            not_checked: self.count(State::NotChecked),
        }
        .serialize(serializer)
    }
}

/// Columns for what is said of a finding: with mark and name, lines have at most 80.
const WIDTH: usize = 63;

/// `text` as a terminal may have it: names in a database are written by whoever can write there.
fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for symbol in text.chars() {
        match symbol {
            symbol if symbol.is_control() => printable.extend(symbol.escape_default()),
            symbol => printable.push(symbol),
        }
    }
    printable
}

/// `text` in lines; a word that is longer than a line gets one of its own.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A number of things, with its digits in groups.
pub(super) fn counted(number: u64, one: &str, several: &str) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    format!("{grouped} {}", if number == 1 { one } else { several })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_aligned_and_ends_with_what_it_comes_to() {
        let mut report = Report::default();
        report.fail(Check::Clock, "it is 3.0 s off", "set it");
        report.warn(Check::Settings, "a word ".repeat(12), "mend it");
        report.warn(Check::Settings, "another", "mend that too");
        report.skip(Check::Audit, "the database is not there");
        report.ok(Check::Disk, "room");
        report.sort();
        assert_eq!(
            report.text(),
            "\
warn  settings   a word a word a word a word a word a word a word a word a word
                 a word a word a word
                 next: mend it
warn             another
                 next: mend that too
FAIL  clock      it is 3.0 s off
                 next: set it
ok    disk       room
-     audit      not checked: the database is not there

1 FAILED, 2 warnings, 1 not checked."
        );
        assert_eq!(report.text().lines().map(|line| line.chars().count()).max(), Some(79));
    }

    #[test]
    fn what_would_command_a_terminal_is_shown_and_not_obeyed() {
        let mut report = Report::default();
        report.warn(Check::Keys, "north\u{1b}[2J\nok", "copy\rit");
        let text = report.text();
        assert!(text.contains(r"north\u{1b}[2J\nok") && text.contains(r"next: copy\rit"), "{text}");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(counted(1, "row", "rows"), "1 row");
        assert_eq!(counted(999, "row", "rows"), "999 rows");
        assert_eq!(counted(1_234_567, "row", "rows"), "1 234 567 rows");
    }
}
