//! What commands print.

use std::io::{self, Write};

use nightlatch_core::Timestamp;
use serde::Serialize;

use super::failure::Failure;

/// In which form a command prints.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Form {
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Form {
    /// Prints `value` as one JSON object, or `text`.
    pub(super) fn print(
        self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if self.json {
            let json = serde_json::to_string_pretty(value);
            return say(&json.map_err(|error| Failure::new(error.to_string(), None))?);
        }
        say(&text())
    }
}

/// Prints `text` as a line or several. A reader who went away has seen enough.
pub(super) fn say(text: &str) -> Result<(), Failure> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("the answer can't be written: {error}"), None))
        }
        _ => Ok(()),
    }
}

/// A moment by RFC 3339.
pub(super) fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default().to_string()
}

/// Rows under a headline, each column as wide as its widest cell.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = head.map(|name| name.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; N]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let rows = rows.iter().map(|row| line(row.each_ref().map(String::as_str)));
    std::iter::once(line(head)).chain(rows).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a".to_owned(), "1".to_owned()], ["zoë".to_owned(), "22".to_owned()]];
        assert_eq!(table(["n", "count"], &rows), "n    count\na    1\nzoë  22");
    }

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(time(Timestamp::from_seconds(1_800_000_000)), "2027-01-15T08:00:00Z");
    }
}
