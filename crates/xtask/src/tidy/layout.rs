//! The shape of files: how long, how they begin, which come in pairs.

use std::collections::BTreeSet;

use crate::tidy::tree::{Finding, Tree};

/// More lines than this, and a file does more than one thing.
const MAX_LINES: usize = 400;

/// One folder for each engine.
const MIGRATIONS: [&str; 2] =
    ["crates/store/migrations/postgres/", "crates/store/migrations/sqlite/"];

/// No Rust file is longer than [`MAX_LINES`]. (Functions are clippy's: `too-many-lines-threshold`.)
pub(super) fn sizes(tree: &Tree) -> Vec<Finding> {
    let long = tree.rust().filter(|file| file.lines().count() > MAX_LINES);
    long.map(|file| {
        let lines = file.lines().count();
        file.finding(format!("has {lines} lines; a file has at most {MAX_LINES}"))
    })
    .collect()
}

/// Every crate and every module with a folder tells first what it is.
pub(super) fn module_docs(tree: &Tree) -> Vec<Finding> {
    let roots = tree.rust().filter(|file| {
        let name = file.path.rsplit('/').next();
        name.is_some_and(|name| ["lib.rs", "main.rs", "mod.rs"].contains(&name))
    });
    roots
        .filter(|file| !file.text.starts_with("//! "))
        .map(|file| file.finding("starts without a `//!` that says what it is"))
        .collect()
}

/// A migration is a pair of files of one name, one for each engine.
pub(super) fn migration_pairs(tree: &Tree) -> Vec<Finding> {
    let [postgres, sqlite] = MIGRATIONS.map(|folder| {
        let files = tree.files().filter_map(move |file| file.path.strip_prefix(folder));
        files.map(str::to_owned).collect::<BTreeSet<String>>()
    });
    if postgres.is_empty() && sqlite.is_empty() {
        let what = "has no migrations; have they moved?".to_owned();
        return vec![Finding { place: MIGRATIONS[0].to_owned(), what }];
    }
    postgres
        .symmetric_difference(&sqlite)
        .map(|name| Finding {
            place: name.clone(),
            what: "this migration is there for one engine only".to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::assert_places;

    #[test]
    fn a_file_of_one_line_too_many_is_found() {
        let most = "//\n".repeat(MAX_LINES);
        let more = "//\n".repeat(MAX_LINES + 1);
        assert_places(
            sizes,
            &[("crates/core/src/most.rs", &most), ("crates/core/src/more.rs", &more)],
            &["crates/core/src/more.rs"],
        );
    }

    #[test]
    fn a_module_that_does_not_say_what_it_is_is_found() {
        assert_places(
            module_docs,
            &[
                ("crates/core/src/lib.rs", "//! Rules.\n"),
                ("crates/core/src/policy/mod.rs", "use std::fmt;\n"),
                ("crates/core/src/policy/parse.rs", "use std::fmt;\n"),
                ("crates/core/tests/it/main.rs", "mod policy;\n"),
            ],
            &["crates/core/src/policy/mod.rs", "crates/core/tests/it/main.rs"],
        );
    }

    #[test]
    fn a_migration_without_its_twin_is_found() {
        let [postgres, sqlite] = MIGRATIONS;
        assert_places(
            migration_pairs,
            &[
                (&format!("{postgres}0001_users.sql"), ""),
                (&format!("{sqlite}0001_users.sql"), ""),
                (&format!("{sqlite}0002_methods.sql"), ""),
            ],
            &["0002_methods.sql"],
        );
    }

    #[test]
    fn migrations_that_moved_away_are_found() {
        assert_places(migration_pairs, &[], &[MIGRATIONS[0]]);
    }
}
