//! Secrets are read in known places only.

use std::collections::BTreeMap;

use crate::tidy::tree::{File, Finding, Tree};

/// The list, one `path  reason` a line; a new entry is a decision for a reviewer.
const LIST: &str = "crates/xtask/src/tidy/expose.txt";

/// Every product file that calls `.expose()` is on the [`LIST`] with its reason, and no other is.
pub(super) fn listed(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut allowed = BTreeMap::new();
    for (number, line) in (1..).zip(tree.text(LIST).unwrap_or_default().lines()) {
        match line.split_once("  ") {
            Some((path, reason)) if !reason.trim().is_empty() => {
                allowed.insert(path, number);
            }
            _ => findings.push(Finding {
                place: format!("{LIST}:{number}"),
                what: "is no `path  reason`".to_owned(),
            }),
        }
    }
    for file in tree.product() {
        if let Some(line) = first_exposure(file)
            && allowed.remove(file.path.as_str()).is_none()
        {
            findings.push(file.finding_at(line, format!("exposes a secret, but is not in {LIST}")));
        }
    }
    findings.extend(allowed.into_iter().map(|(path, number)| Finding {
        place: format!("{LIST}:{number}"),
        what: format!("{path} exposes no secret (any more)"),
    }));
    findings
}

fn first_exposure(file: &File) -> Option<usize> {
    file.code().find(|(_, line)| line.contains(".expose()")).map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::assert_places;

    const FILE: (&str, &str) = ("crates/core/src/a.rs", "\nlet key = secret.expose();\n");

    #[test]
    fn an_exposure_needs_an_entry_with_a_reason() {
        assert_places(listed, &[FILE], &["crates/core/src/a.rs:2"]);
        assert_places(listed, &[FILE, (LIST, "crates/core/src/a.rs  seals the key\n")], &[]);
        let without_reason = (LIST, "crates/core/src/a.rs  \n");
        let places = [&format!("{LIST}:1"), "crates/core/src/a.rs:2"];
        assert_places(listed, &[FILE, without_reason], &places);
    }

    #[test]
    fn an_entry_that_nothing_needs_is_found() {
        let stale = (LIST, "crates/core/src/a.rs  seals the key\ncrates/core/src/b.rs  old\n");
        assert_places(listed, &[FILE, stale], &[&format!("{LIST}:2")]);
    }
}
