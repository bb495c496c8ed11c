//! Dependencies: their licences, their sources, and the ones that are banned.
//!
//! The rules are those of `deny.toml`, which `cargo deny` reads too. They are checked here as well, on
//! what `cargo metadata` tells of the lock file, so that they hold in every run without another tool.

use serde_json::Value;
use toml::Table;

use crate::command::{Failure, cargo, read};
use crate::tidy::tree::{Finding, Tree};

const RULES: &str = "deny.toml";

/// What `deny.toml` says, as far as it is checked here.
struct Rules {
    licences: Vec<String>,
    banned: Vec<String>,
    registries: Vec<String>,
}

/// Checks every package of the lock file against `deny.toml`.
///
/// # Errors
///
/// If `deny.toml` or the output of `cargo metadata` is not what is expected.
pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>, Failure> {
    let rules = Rules::parse(tree.text(RULES).ok_or("there is no deny.toml")?)?;
    let metadata =
        read(&mut cargo(&["metadata", "--format-version=1", "--locked", "--all-features"]))?;
    let built = read(&mut cargo(&[
        "tree",
        "--workspace",
        "--locked",
        "--all-features",
        "--target=all",
        "--edges=all",
        "--prefix=none",
        "--format={p}",
    ]))?;
    packages(&rules, &metadata, &built)
}

impl Rules {
    fn parse(text: &str) -> Result<Self, Failure> {
        let table: Table = text.parse().map_err(|error| format!("{RULES}: {error}"))?;
        let list = |section: &str, key: &str| {
            let list = table.get(section).and_then(|section| section.get(key)?.as_array());
            list.ok_or_else(|| format!("{RULES}: `{section}.{key}` is no list"))
        };
        let strings = |list: &[toml::Value]| {
            list.iter().filter_map(|entry| entry.as_str().map(str::to_owned)).collect()
        };
        let crates = |list: &[toml::Value]| {
            list.iter()
                .filter_map(|entry| entry.get("crate")?.as_str().map(str::to_owned))
                .collect()
        };
        Ok(Self {
            licences: strings(list("licenses", "allow")?),
            banned: crates(list("bans", "deny")?),
            registries: strings(list("sources", "allow-registry")?),
        })
    }

    /// What is wrong with one package, if anything.
    fn objection(&self, name: &str, licence: Option<&str>, source: Option<&str>) -> Option<String> {
        if self.banned.iter().any(|banned| banned == name) {
            return Some("is banned".to_owned());
        }
        // A package without a source is a member of this workspace.
        let registry = source?.strip_prefix("registry+").unwrap_or_default();
        if !self.registries.iter().any(|allowed| allowed == registry) {
            return Some(format!("comes from {}", source?));
        }
        match licence {
            None => Some("names no licence".to_owned()),
            Some(licence) if !allows(licence, &self.licences) => {
                Some(format!("has the licence {licence}"))
            }
            Some(_) => None,
        }
    }
}

/// `built` names, a line each, what some feature of this workspace really builds: the lock file holds
/// optional dependencies that none does.
fn packages(rules: &Rules, metadata: &str, built: &str) -> Result<Vec<Finding>, Failure> {
    let metadata: Value = serde_json::from_str(metadata).map_err(|error| error.to_string())?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let mut findings = Vec::new();
    for package in packages {
        let [name, version, licence, source] =
            ["name", "version", "license", "source"].map(|key| package[key].as_str());
        let name = name.ok_or("cargo metadata has a package without a name")?;
        let line = format!("{name} v{}", version.unwrap_or_default());
        if !built.lines().any(|other| other.starts_with(&line)) {
            continue;
        }
        if let Some(objection) = rules.objection(name, licence, source) {
            let place = format!("package {name} {}", version.unwrap_or_default());
            findings.push(Finding { place, what: format!("{objection}, which {RULES} refuses") });
        }
    }
    Ok(findings)
}

/// Whether the SPDX expression `licence` can be met with `allowed` licences alone.
///
/// Old manifests write `/` for `OR`. What is no expression is not allowed.
fn allows(licence: &str, allowed: &[String]) -> bool {
    let spaced = licence.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut expression = Expression { words: &words, allowed };
    expression.any() == Some(true) && expression.words.is_empty()
}

/// What is still to read of an expression; `None` from its methods means that it is none.
struct Expression<'a> {
    words: &'a [&'a str],
    allowed: &'a [String],
}

impl Expression<'_> {
    /// `all OR all ..`
    fn any(&mut self) -> Option<bool> {
        let mut met = self.all()?;
        while self.takes("OR") {
            met |= self.all()?;
        }
        Some(met)
    }

    /// `one AND one ..`
    fn all(&mut self) -> Option<bool> {
        let mut met = self.one()?;
        while self.takes("AND") {
            met &= self.one()?;
        }
        Some(met)
    }

    /// `( any )`, `licence` or `licence WITH exception`
    fn one(&mut self) -> Option<bool> {
        if self.takes("(") {
            let met = self.any()?;
            return self.takes(")").then_some(met);
        }
        let mut licence = self.next()?.to_owned();
        if self.takes("WITH") {
            licence = format!("{licence} WITH {}", self.next()?);
        }
        Some(self.allowed.contains(&licence))
    }

    fn next(&mut self) -> Option<&str> {
        let (word, rest) = self.words.split_first()?;
        self.words = rest;
        Some(word)
    }

    fn takes(&mut self, word: &str) -> bool {
        let found = self.words.first() == Some(&word);
        if found {
            self.words = &self.words[1..];
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENY: &str = "
        [licenses]
        allow = ['MIT', 'Apache-2.0', 'Apache-2.0 WITH LLVM-exception']
        [bans]
        deny = [{ crate = 'openssl', reason = 'one TLS' }]
        [sources]
        allow-registry = ['https://registry.example']
    ";

    #[track_caller]
    fn check_licence(licence: &str, expected: bool) {
        assert_eq!(allows(licence, &Rules::parse(DENY).unwrap().licences), expected, "{licence}");
    }

    #[test]
    fn a_licence_is_allowed_if_the_list_is_enough_to_meet_it() {
        check_licence("MIT", true);
        check_licence("GPL-3.0-only OR MIT", true);
        check_licence("Unlicense/MIT", true);
        check_licence("(MIT OR GPL-3.0-only) AND Apache-2.0", true);
        check_licence("Apache-2.0 WITH LLVM-exception", true);

        check_licence("GPL-3.0-only", false);
        check_licence("MIT AND GPL-3.0-only", false);
        check_licence("MIT WITH LLVM-exception", false);
        check_licence("MIT OR", false);
        check_licence("(MIT", false);
        check_licence("MIT MIT", false);
        check_licence("", false);
    }

    #[track_caller]
    fn check_package(package: &str, objection: Option<&str>) {
        let rules = Rules::parse(DENY).unwrap();
        let built = "serde v1.0.0\nours v1.0.0 (/ours)\nopenssl v1.0.0 (*)\n";
        let metadata = format!("{{\"packages\": [{package}]}}");
        let findings = packages(&rules, &metadata, built).unwrap();
        match objection {
            None => assert_eq!(findings, []),
            Some(text) => assert!(findings[0].what.starts_with(text), "{findings:?}"),
        }
    }

    #[test]
    fn a_package_is_refused_for_its_name_its_source_or_its_licence() {
        let registry = "registry+https://registry.example";
        let package = |name: &str, licence: &str, source: &str| {
            format!(
                r#"{{"name": "{name}", "version": "1.0.0", "license": {licence}, "source": {source}}}"#
            )
        };
        let quoted = format!("\"{registry}\"");
        check_package(&package("serde", "\"MIT\"", &quoted), None);
        check_package(&package("ours", "null", "null"), None);
        check_package(&package("openssl", "\"MIT\"", &quoted), Some("is banned"));
        check_package(&package("serde", "\"MIT\"", "\"git+https://x\""), Some("comes from"));
        check_package(&package("serde", "null", &quoted), Some("names no licence"));
        check_package(&package("never-built", "null", &quoted), None);
        check_package(&package("serde", "\"AGPL-3.0\"", &quoted), Some("has the licence"));
    }

    #[test]
    fn rules_without_a_list_are_an_error_and_not_an_empty_list() {
        assert!(Rules::parse(&DENY.replace("allow =", "allowed =")).is_err());
    }
}
