//! Writes that leave as one statement.
//!
//! PostgreSQL answers every statement by itself, which wakes both sides up each time: writes that nobody
//! looks at in between cost less together. Each is a part of one `WITH`, in which every part sees the
//! tables as they were before all of them. So only those join that name no table but the one they write,
//! and no two that write the same. They run in no particular order: a lock that is to be taken before
//! another is taken by a verb that has an answer, or by `Tx::lock`.

use std::{
    hash::{Hash, Hasher},
    ptr,
};

use crate::{Sql, Value};

/// A statement in a bundle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) sql: &'static Sql,
    /// Whether it has to take a row, or else nothing is committed.
    pub(super) guards: bool,
}

impl Part {
    /// A statement by itself, whatever it takes.
    pub(super) const fn alone(sql: &'static Sql) -> Self {
        Self { sql, guards: false }
    }
}

/// By the address of their `static`.
impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.sql, other.sql) && self.guards == other.guards
    }
}

impl Eq for Part {}

impl Hash for Part {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (ptr::from_ref(self.sql).addr(), self.guards).hash(state);
    }
}

/// Writes that wait for the next request; they outlive the calls that made them.
#[derive(Default)]
pub(super) struct Bundle {
    parts: Vec<Part>,
    args: Vec<Owned>,
}

impl Bundle {
    /// Adds a write to the last of `bundles`, or to a new one if it can't join that.
    pub(super) fn add(bundles: &mut Vec<Self>, part: Part, args: &[Value<'_>]) {
        if !bundles.last().is_some_and(|last| last.admits(part.sql)) {
            bundles.push(Self::default());
        }
        if let Some(last) = bundles.last_mut() {
            last.parts.push(part);
            last.args.extend(args.iter().map(Owned::from));
        }
    }

    fn admits(&self, sql: &Sql) -> bool {
        table(sql.postgres()).is_some_and(|new| {
            self.parts.iter().all(|part| table(part.sql.postgres()).is_some_and(|old| old != new))
        })
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    pub(super) fn args(&self) -> impl ExactSizeIterator<Item = Value<'_>> + Clone {
        self.args.iter().map(Owned::value)
    }

    /// Whether one of them guards.
    pub(super) fn guards(&self) -> bool {
        self.parts.iter().any(|part| part.guards)
    }
}

enum Owned {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl From<&Value<'_>> for Owned {
    fn from(value: &Value<'_>) -> Self {
        match *value {
            Value::Null => Self::Null,
            Value::Int(int) => Self::Int(int),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Blob(bytes) => Self::Blob(bytes.to_vec()),
            Value::Id(id) => Self::Blob(id.to_vec()),
        }
    }
}

impl Owned {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Int(int) => Value::Int(*int),
            Self::Text(text) => Value::Text(text),
            Self::Blob(bytes) => Value::Blob(bytes),
        }
    }
}

/// The table that a statement writes, if it names no other. A `DELETE` reaches what refers to its rows.
fn table(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("INSERT INTO ").or_else(|| text.strip_prefix("UPDATE "))?;
    let alone = !rest.contains("FROM ") && !rest.contains("JOIN ");
    rest.split([' ', '(']).next().filter(|_| alone)
}

/// The text of one statement that does what `parts` do. A guard that takes no row divides by zero, so
/// that the server rolls back whatever it is told after it, and nobody has to look in between.
pub(super) fn text(parts: &[Part]) -> String {
    if let [Part { sql, guards: false }] = parts {
        return sql.postgres().to_owned();
    }
    let mut withs = Vec::with_capacity(parts.len());
    let mut guards = Vec::new();
    let mut before = 0;
    for (at, part) in parts.iter().enumerate() {
        let (text, parameters) = renumbered(part.sql.postgres(), before);
        before += parameters;
        if part.guards {
            withs.push(format!("taken{at} AS ({text} RETURNING 1)"));
            guards.push(format!("1 / (SELECT count(*) FROM taken{at})"));
        } else {
            withs.push(format!("put{at} AS ({text})"));
        }
    }
    let selected = if guards.is_empty() { "1".to_owned() } else { guards.join(", ") };
    format!("WITH {} SELECT {selected}", withs.join(", "))
}

/// `text` with its parameters counted on from `before`, and how many it has.
fn renumbered(text: &str, before: usize) -> (String, usize) {
    let mut parameters = 0;
    let pieces = text.split('$').enumerate().map(|(at, piece)| {
        let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
        match piece.split_at(digits) {
            // Nothing before the first `$` is a parameter.
            (number, rest) if at > 0 => {
                let number: usize = number.parse().unwrap_or_default();
                parameters = parameters.max(number);
                format!("${}{rest}", before + number)
            }
            _ => piece.to_owned(),
        }
    });
    (pieces.collect(), parameters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{args, sql};

    static SPEND: &Sql = sql!("UPDATE totp SET step = ?2 WHERE id = ?1 AND step < ?2");
    static OPEN: &Sql = sql!("INSERT INTO sessions (id, at) VALUES (?1, ?2)");
    static CLEAR: &Sql = sql!("UPDATE attempts SET failures = 0 WHERE id = ?1");

    fn bundles(statements: &[&'static Sql]) -> Vec<usize> {
        let mut bundles = Vec::new();
        for sql in statements {
            Bundle::add(&mut bundles, Part::alone(sql), args![1_i64]);
        }
        bundles.iter().map(|bundle| bundle.parts().len()).collect()
    }

    #[test]
    fn writes_of_different_tables_leave_as_one() {
        assert_eq!(bundles(&[SPEND, OPEN, CLEAR]), [3]);
        assert_eq!(bundles(&[SPEND, OPEN, SPEND, CLEAR]), [2, 2]);
    }

    #[test]
    fn what_reads_or_reaches_other_tables_leaves_by_itself() {
        let reads = sql!("INSERT INTO kept (id) SELECT id FROM totp WHERE id = ?1");
        let asks = sql!("UPDATE kept SET n = 1 WHERE EXISTS (SELECT 1 FROM totp WHERE id = ?1)");
        let deletes = sql!("DELETE FROM kept WHERE id = ?1");
        let locks = sql!("SELECT 1", pg: "SELECT epoch FROM users WHERE id = $1 FOR NO KEY UPDATE");
        for alone in [reads, asks, deletes, locks] {
            assert_eq!(bundles(&[SPEND, alone, OPEN]), [1, 1, 1], "{}", alone.postgres());
        }
    }

    #[test]
    fn a_bundle_counts_parameters_on_and_divides_by_what_a_guard_took() {
        let parts = [Part { sql: SPEND, guards: true }, Part::alone(OPEN)];
        let expected = "WITH taken0 AS (UPDATE totp SET step = $2 WHERE id = $1 AND step < $2 \
            RETURNING 1), put1 AS (INSERT INTO sessions (id, at) VALUES ($3, $4)) \
            SELECT 1 / (SELECT count(*) FROM taken0)";
        assert_eq!(text(&parts), expected);
        assert_eq!(text(&parts[1..]), OPEN.postgres());
        assert!(text(&[Part::alone(OPEN), Part::alone(CLEAR)]).ends_with(
            "($1, $2)), \
            put1 AS (UPDATE attempts SET failures = 0 WHERE id = $3) SELECT 1"
        ));
    }
}
