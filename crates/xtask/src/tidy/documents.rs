//! Reference pages that must agree with the code: problem codes and settings.

use std::collections::BTreeSet;

use crate::tidy::tree::{File, Finding, Tree};

const PROBLEMS: &str = "docs/reference/problems.md";
const PROBLEMS_CODE: &str = "crates/server/src/api/code.rs";

const SETTINGS: &str = "docs/reference/configuration.md";
const SETTINGS_CODE: &str = "crates/server/src/config/";

/// Every problem code of the API has its row in the reference, and every row its code.
pub(super) fn problems(tree: &Tree) -> Vec<Finding> {
    let declared: BTreeSet<&str> = tree
        .file(PROBLEMS_CODE)
        .map(|file| file.code().filter_map(|(_, line)| declared_code(line)).collect())
        .unwrap_or_default();
    let listed: BTreeSet<&str> =
        tree.text(PROBLEMS).unwrap_or_default().lines().filter_map(listed_code).collect();

    let finding = |place: &str, what: String| Finding { place: place.to_owned(), what };
    if declared.is_empty() {
        return vec![finding(PROBLEMS_CODE, "declares no problem; has the list moved?".to_owned())];
    }
    let undocumented = declared
        .difference(&listed)
        .map(|code| finding(PROBLEMS_CODE, format!("`{code}` has no row in {PROBLEMS}")));
    let unknown = listed
        .difference(&declared)
        .map(|code| finding(PROBLEMS, format!("`{code}` is not in {PROBLEMS_CODE}")));
    undocumented.chain(unknown).collect()
}

/// The code of a line such as `Self::NotFound => ("not-found", ..`.
fn declared_code(line: &str) -> Option<&str> {
    line.split_once("=> (\"")?.1.split_once('"').map(|(code, _)| code)
}

/// The code of a table's row such as ``| `not-found` | 404 |``.
fn listed_code(line: &str) -> Option<&str> {
    line.strip_prefix("| `")?.split_once('`').map(|(code, _)| code)
}

/// Every key that the configuration reads is named in its reference.
///
/// The keys are the fields of the structs in [`SETTINGS_CODE`] that derive `Deserialize`.
pub(super) fn settings(tree: &Tree) -> Vec<Finding> {
    let reference = tree.text(SETTINGS).unwrap_or_default();
    let files = tree.product().filter(|file| file.path.starts_with(SETTINGS_CODE));
    let keys: Vec<_> =
        files.flat_map(|file| keys(file).map(move |(line, key)| (file, line, key))).collect();
    if keys.is_empty() {
        let what = "has no settings; have they moved?".to_owned();
        return vec![Finding { place: SETTINGS_CODE.to_owned(), what }];
    }
    keys.into_iter()
        .filter(|(_, _, key)| !names(reference, key))
        .map(|(file, line, key)| file.finding_at(line, format!("`{key}` is not in {SETTINGS}")))
        .collect()
}

/// The fields, with their lines, of the structs that derive `Deserialize`.
fn keys(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut derived = false;
    let mut inside = false;
    file.code().filter_map(move |(number, line)| {
        if line.starts_with("#[derive(") {
            derived = line.contains("Deserialize");
        } else if line.ends_with('{') && !line.starts_with(' ') {
            inside = derived && line.contains("struct ");
            derived = false;
        } else if line.starts_with('}') {
            inside = false;
        }
        let (name, _) = line.strip_prefix("    ").filter(|_| inside)?.split_once(": ")?;
        let name = name.rsplit(' ').next()?;
        let is_name =
            name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        is_name.then_some((number, name))
    })
}

/// Whether `reference` has `key` in code quotes, alone or at the end of a dotted name.
fn names(reference: &str, key: &str) -> bool {
    [format!("`{key}`"), format!(".{key}`"), format!("`[{key}]`")]
        .iter()
        .any(|form| reference.contains(form))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::assert_places;

    const CODES: (&str, &str) = (
        PROBLEMS_CODE,
        "Self::Busy => (\"busy\", S::X, \"Busy\"),\nSelf::Stale => (\"stale\",\n\"Stale\"),\n",
    );

    #[test]
    fn codes_and_their_reference_must_name_the_same_problems() {
        let both = (PROBLEMS, "| code | status |\n| `busy` | 503 |\n| `stale` | 412 |\n");
        assert_places(problems, &[CODES, both], &[]);
        assert_places(problems, &[CODES, (PROBLEMS, "| `busy` | 503 |\n")], &[PROBLEMS_CODE]);
        let more = (PROBLEMS, "| `busy` | 503 |\n| `stale` | 412 |\n| `gone` | 410 |\n");
        assert_places(problems, &[CODES, more], &[PROBLEMS]);
    }

    #[test]
    fn a_list_of_codes_that_moved_away_is_found() {
        assert_places(problems, &[], &[PROBLEMS_CODE]);
    }

    #[test]
    fn a_setting_that_the_reference_does_not_name_is_found() {
        let code = "\
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Where to listen.
    pub listen: String,
    pub(crate) allowed_origins: Vec<String>,
}

#[derive(Debug)]
pub struct Loaded {
    file: String,
}
";
        let path = "crates/server/src/config/http.rs";
        let reference = (SETTINGS, "| `http.listen` | where |\n");
        assert_places(settings, &[(path, code), reference], &[&format!("{path}:6")]);
        let reference = (SETTINGS, "`http.listen`, `http.allowed_origins`\n");
        assert_places(settings, &[(path, code), reference], &[]);
    }

    #[test]
    fn settings_that_moved_away_are_found() {
        assert_places(settings, &[], &[SETTINGS_CODE]);
    }
}
