//! What the checks look at and what they say.

use std::fmt;
use std::fs;
use std::path::Path;

use crate::command::Failure;

/// Folders that hold nothing of ours.
const SKIPPED: [&str; 4] = [".git", "target", "nightlatch-data", "e2e/node_modules"];

/// The text files of the repository.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: Vec<File>,
}

/// One text file.
#[derive(Debug)]
pub(crate) struct File {
    /// From the root, with slashes: `crates/core/src/lib.rs`.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
}

/// Something that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Where: a file's path and perhaps a line, or a package.
    pub(crate) place: String,
    /// What is wrong and what to do.
    pub(crate) what: String,
}

impl Tree {
    /// Reads every text file below `root`; files that are not UTF-8 are no text.
    ///
    /// # Errors
    ///
    /// If a folder can't be read.
    pub(crate) fn read(root: &Path) -> Result<Self, Failure> {
        let mut tree = Self::default();
        tree.add(root, "").map_err(|error| format!("{} can't be read: {error}", root.display()))?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    /// All files, by path.
    pub(crate) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// The file at `path`.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files().find(|file| file.path == path)
    }

    /// The text of the file at `path`.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.file(path).map(|file| file.text.as_str())
    }

    /// The Rust files of all crates.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files().filter(|file| file.path.starts_with("crates/") && file.is("rs"))
    }

    /// The Rust files that end up in the product: no tests beside the code, nothing of xtask.
    pub(crate) fn product(&self) -> impl Iterator<Item = &File> {
        self.rust().filter(|file| {
            file.path.split('/').nth(2) == Some("src")
                && file.crate_name() != Some("xtask")
                && !file.path.ends_with("/tests.rs")
        })
    }

    fn add(&mut self, folder: &Path, prefix: &str) -> std::io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() && !SKIPPED.contains(&path.as_str()) {
                self.add(&entry.path(), &format!("{path}/"))?;
            } else if kind.is_file()
                && let Ok(text) = String::from_utf8(fs::read(entry.path())?)
            {
                self.files.push(File { path, text });
            }
        }
        Ok(())
    }

    /// A tree of `(path, text)`, for tests of checks.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        Self { files: files.iter().map(file).collect() }
    }
}

impl File {
    /// Whether the name ends in `.extension`.
    pub(crate) fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|own| own == extension)
    }

    /// The folder's name under `crates/`.
    pub(crate) fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// The lines with their numbers, from one.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.split_terminator('\n'))
    }

    /// The lines of Rust, with their numbers, that are neither comment nor part of the unit tests,
    /// which stand at the end of a file.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines()
            .take_while(|(_, line)| *line != "mod tests {")
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// A finding about the whole file.
    pub(crate) fn finding(&self, what: impl Into<String>) -> Finding {
        Finding { place: self.path.clone(), what: what.into() }
    }

    /// A finding about one line.
    pub(crate) fn finding_at(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding { place: format!("{}:{line}", self.path), what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {}: {}", self.place, self.what)
    }
}

/// Asserts that `check` finds something in exactly these `places`.
#[cfg(test)]
#[track_caller]
pub(crate) fn assert_places(
    check: fn(&Tree) -> Vec<Finding>,
    files: &[(&str, &str)],
    places: &[&str],
) {
    let findings = check(&Tree::of(files));
    let found: Vec<&str> = findings.iter().map(|finding| finding.place.as_str()).collect();
    assert_eq!(found, places, "{findings:#?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_read_without_what_is_built() {
        let tree = Tree::read(crate::command::root()).unwrap();
        assert!(tree.text("Cargo.toml").is_some());
        assert!(tree.text(".ci/run").is_some());
        assert!(tree.files().all(|file| !file.path.starts_with("target/")));
    }

    #[test]
    fn code_is_neither_a_comment_nor_a_unit_test() {
        let text = "/// Doubles.\nfn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn t() {}\n}\n";
        let file = File { path: "a.rs".to_owned(), text: text.to_owned() };
        let code: Vec<_> = file.code().collect();
        assert_eq!(code, [(2, "fn f() {}"), (3, ""), (4, "#[cfg(test)]")]);
    }

    #[test]
    fn product_code_is_neither_a_test_nor_xtask() {
        let tree = Tree::of(&[
            ("crates/core/src/a.rs", ""),
            ("crates/core/src/a/tests.rs", ""),
            ("crates/core/tests/it/main.rs", ""),
            ("crates/xtask/src/main.rs", ""),
            ("crates/core/Cargo.toml", ""),
        ]);
        let product: Vec<&str> = tree.product().map(|file| file.path.as_str()).collect();
        assert_eq!(product, ["crates/core/src/a.rs"]);
    }
}
