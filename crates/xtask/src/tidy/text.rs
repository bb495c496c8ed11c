//! Plain hygiene of text files.

use crate::tidy::tree::{Finding, Tree};

/// Written in two parts, so that this file passes its own check.
const PRIVATE: [&str; 3] = [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/")];

/// No tabs and no spaces at the end of a line in Rust, Markdown and TOML.
pub(super) fn whitespace(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files().filter(|file| ["rs", "md", "toml"].iter().any(|ext| file.is(ext))) {
        for (number, line) in file.lines() {
            if line.contains('\t') {
                findings.push(file.finding_at(number, "has a tab"));
            } else if line.ends_with([' ', '\r']) {
                findings.push(file.finding_at(number, "has white space at its end"));
            }
        }
        if !file.text.is_empty() && !file.text.ends_with('\n') {
            findings.push(file.finding("ends without a line break"));
        }
    }
    findings
}

/// No file names a place on somebody's own machine.
pub(super) fn private_paths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files() {
        for (number, line) in file.lines() {
            if let Some(path) = PRIVATE.iter().find(|path| names_path(line, path)) {
                findings.push(file.finding_at(number, format!("names a private path, `{path}`")));
            }
        }
    }
    findings
}

/// Whether `line` has `path` at the start of a path, not in the middle of one.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        !line[..at].ends_with(|before: char| before.is_alphanumeric() || "./}_-".contains(before))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::assert_places;

    #[test]
    fn stray_white_space_is_found() {
        assert_places(
            whitespace,
            &[("a.md", "one \ntwo\n\tthree\n"), ("b.rs", "four"), ("c.txt", "five \n")],
            &["a.md:1", "a.md:3", "b.rs"],
        );
    }

    #[test]
    fn a_path_of_one_machine_is_found_and_part_of_another_path_is_not() {
        let text = format!("see `{}a`\nGET example.org{}a\n", PRIVATE[1], PRIVATE[2]);
        assert_places(private_paths, &[("docs/a.md", &text)], &["docs/a.md:1"]);
    }
}
