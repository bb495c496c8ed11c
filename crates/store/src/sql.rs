//! One statement for two engines.
//!
//! Statements are written with SQLite's numbered parameters (`?1`); PostgreSQL's text (`$1`) has
//! the same length and is made while compiling. `$1` must never reach SQLite: there it is a *named*
//! parameter and binds to the wrong position.

/// A statement in the words of both engines. Made by [`sql!`](crate::sql!) and by nothing else.
#[derive(Debug)]
pub struct Sql {
    sqlite: &'static str,
    postgres: &'static str,
    changes: bool,
}

impl Sql {
    /// The statement with these two texts. Use [`sql!`](crate::sql!).
    #[doc(hidden)]
    #[must_use]
    pub const fn new(sqlite: &'static str, postgres: &'static str) -> Self {
        // What callers keep of accounts and sessions; a row that is new nobody can have kept.
        let changes = begins(sqlite, "UPDATE users ")
            || begins(sqlite, "UPDATE sessions ")
            || begins(sqlite, "DELETE FROM users ")
            || begins(sqlite, "DELETE FROM sessions ");
        Self { sqlite, postgres, changes }
    }

    /// Whether it changes an account or a session: then its unit has to say whose.
    pub(crate) const fn changes(&self) -> bool {
        self.changes
    }

    /// The text for SQLite, with parameters `?1`, `?2`, ...
    #[must_use]
    pub const fn sqlite(&self) -> &'static str {
        self.sqlite
    }

    /// The text for PostgreSQL, with parameters `$1`, `$2`, ...
    #[must_use]
    pub const fn postgres(&self) -> &'static str {
        self.postgres
    }
}

const fn begins(text: &str, words: &str) -> bool {
    matches!(text.as_bytes().split_at_checked(words.len()), Some((head, _)) if equal(head, words))
}

const fn equal(head: &[u8], words: &str) -> bool {
    let words = words.as_bytes();
    let mut at = 0;
    while at < words.len() {
        if head[at] != words[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Renders `?1` as `$1`. Use [`sql!`](crate::sql!).
///
/// # Panics
///
/// While compiling, for a `?` without a number and for any `$`.
#[doc(hidden)]
#[must_use]
pub const fn dollars<const N: usize>(text: &str) -> [u8; N] {
    let bytes = text.as_bytes();
    let mut out = [0; N];
    let mut at = 0;
    while at < N {
        assert!(bytes[at] != b'$', "SQLite takes `$` for a named parameter: write `?1`");
        out[at] = if bytes[at] == b'?' {
            let numbered = at + 1 < N && bytes[at + 1].is_ascii_digit();
            assert!(numbered, "a parameter carries its number: `?1`");
            b'$'
        } else {
            bytes[at]
        };
        at += 1;
    }
    out
}

/// A statement, as a `&'static` [`Sql`](crate::Sql) whose address stands for what was prepared.
///
/// `sql!("... ?1 ...")` serves both engines. `sql!("... ?1 ...", pg: "... $1 ...")` writes a second
/// form where PostgreSQL needs other words. PostgreSQL infers the type of a parameter from its
/// place, and it has to come out as `BIGINT`, `TEXT` or `BYTEA`: where a number meets only a literal,
/// write `CAST(?1 AS BIGINT)`, which both engines understand.
#[macro_export]
macro_rules! sql {
    ($text:expr) => {{
        const DOLLARS: [u8; $text.len()] = $crate::sql::dollars($text);
        const POSTGRES: &str = match ::core::str::from_utf8(&DOLLARS) {
            Ok(text) => text,
            Err(_) => panic!("one ASCII byte was put in the place of another"),
        };
        static SQL: $crate::Sql = $crate::Sql::new($text, POSTGRES);
        &SQL
    }};
    ($sqlite:expr, pg: $postgres:expr) => {{
        static SQL: $crate::Sql = $crate::Sql::new($sqlite, $postgres);
        &SQL
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn question_marks_become_dollars() {
        let guard = sql!("UPDATE t SET n = ?2 WHERE id = ?1 AND name = 'é' AND k = ?12");
        assert_eq!(guard.sqlite().replace('?', "$"), guard.postgres());
        assert_eq!(guard.postgres().matches('$').count(), 3);
    }

    #[test]
    fn the_second_form_is_taken_as_it_is() {
        let two = sql!("SELECT ?1", pg: "SELECT $1::BYTEA");
        assert_eq!((two.sqlite(), two.postgres()), ("SELECT ?1", "SELECT $1::BYTEA"));
    }

    #[test]
    #[should_panic(expected = "carries its number")]
    fn a_bare_question_mark_is_refused() {
        let _: [u8; 8] = dollars("SELECT ?");
    }

    #[test]
    #[should_panic(expected = "named parameter")]
    fn a_dollar_is_refused() {
        let _: [u8; 9] = dollars("SELECT $1");
    }
}
