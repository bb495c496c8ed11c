//! The rules of this repository that neither the compiler nor clippy knows.
//!
//! A check is a function from the [`Tree`] to its [`Finding`]s. Each has tests that show it failing,
//! since a check that finds nothing looks just like one that does nothing.

mod exposures;
mod layers;
mod layout;
mod supply;
mod text;
mod tree;

use crate::command::Failure;
use crate::tidy::tree::{Finding, Tree};

const CHECKS: [fn(&Tree) -> Vec<Finding>; 8] = [
    layers::edges,
    layers::sql,
    layout::sizes,
    layout::module_docs,
    layout::migration_pairs,
    exposures::listed,
    text::whitespace,
    text::private_paths,
];

/// Runs all checks on the repository.
///
/// # Errors
///
/// Lists every finding, not only the first.
pub(crate) fn run() -> Result<(), Failure> {
    let tree = Tree::read(crate::command::root())?;
    let mut findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(&tree)).collect();
    findings.extend(supply::check(&tree)?);
    if findings.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = findings.iter().map(ToString::to_string).collect();
    Err(format!("{} findings\n{}", list.len(), list.join("\n")))
}
