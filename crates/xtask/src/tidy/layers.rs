//! The layers: who may use whom, by the manifests, and where SQL may be written.

use toml::{Table, Value};

use crate::tidy::tree::{File, Finding, Tree};

/// What a crate may use of ours, and which packages of others it must do without.
struct Layer {
    folder: &'static str,
    may_use: &'static [&'static str],
    never: &'static [&'static str],
}

const HTTP: [&str; 5] = ["axum", "http", "hyper", "reqwest", "tower"];

const LAYERS: [Layer; 8] = [
    Layer { folder: "webauthn", may_use: &[], never: &["getrandom", "jiff", "rand", "tokio"] },
    Layer {
        folder: "core",
        may_use: &["webauthn"],
        never: &["async-channel", "getrandom", "jiff", "rand", "rusqlite", "tokio"],
    },
    Layer { folder: "store", may_use: &["core"], never: &["getrandom", "jiff", "rand"] },
    Layer { folder: "flows", may_use: &["core", "store"], never: &["rusqlite", "tokio-postgres"] },
    Layer {
        folder: "server",
        may_use: &["core", "flows", "store"],
        never: &["rusqlite", "tokio-postgres"],
    },
    Layer { folder: "gate", may_use: &[], never: &["rusqlite", "tokio-postgres"] },
    // Makes people for the databases that it measures.
    Layer { folder: "bench", may_use: &["core", "store"], never: &[] },
    Layer { folder: "xtask", may_use: &[], never: &[] },
];

/// Crates below `server` that speak no HTTP.
const WITHOUT_HTTP: [&str; 4] = ["webauthn", "core", "store", "flows"];

/// Every edge between crates, as the manifests have it, is one that the layers allow.
pub(super) fn edges(tree: &Tree) -> Vec<Finding> {
    let manifests = tree
        .files()
        .filter(|file| file.path.starts_with("crates/") && file.path.ends_with("/Cargo.toml"));
    manifests.flat_map(edges_of).collect()
}

fn edges_of(manifest: &File) -> Vec<Finding> {
    let Some(layer) = LAYERS.iter().find(|layer| Some(layer.folder) == manifest.crate_name())
    else {
        return vec![manifest.finding("is no layer; give it its place in tidy/layers.rs")];
    };
    let table = match manifest.text.parse::<Table>() {
        Ok(table) => table,
        Err(error) => return vec![manifest.finding(error.to_string())],
    };
    let mut findings = Vec::new();
    for (name, for_tests) in dependencies(&table) {
        if let Some(ours) = folder_of(&name) {
            if !layer.may_use.contains(&ours) {
                findings.push(manifest.finding(format!("may not use the crate `{ours}`")));
            }
        } else if !for_tests && is_banned(layer, &name) {
            findings.push(manifest.finding(format!("may not use `{name}` at its layer")));
        }
    }
    findings
}

fn is_banned(layer: &Layer, name: &str) -> bool {
    layer.never.contains(&name) || (WITHOUT_HTTP.contains(&layer.folder) && HTTP.contains(&name))
}

/// The folder of one of our own packages.
fn folder_of(package: &str) -> Option<&str> {
    match package {
        "nightlatch" => Some("server"),
        "xtask" => Some("xtask"),
        _ => package.strip_prefix("nightlatch-"),
    }
}

/// The packages that a manifest, or one `target` of it, names, and whether for tests alone.
fn dependencies(table: &Table) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    for (section, value) in table {
        let Value::Table(entries) = value else { continue };
        match section.as_str() {
            "dependencies" | "build-dependencies" | "dev-dependencies" => {
                for (key, entry) in entries {
                    let renamed = entry.get("package").and_then(Value::as_str);
                    let name = renamed.unwrap_or(key).to_owned();
                    found.push((name, section == "dev-dependencies"));
                }
            }
            "target" => {
                let targets = entries.values().filter_map(Value::as_table);
                found.extend(targets.flat_map(dependencies));
            }
            _ => {}
        }
    }
    found
}

/// The crates that write SQL: what remembers, and what it is measured against.
const WITH_SQL: [&str; 2] = ["store", "bench"];

/// SQL is written in `store` and, of what is no product, in `bench`.
pub(super) fn sql(tree: &Tree) -> Vec<Finding> {
    const SIGNS: [&str; 8] = [
        "sql!(",
        "SELECT ",
        "INSERT INTO ",
        "DELETE FROM ",
        "CREATE TABLE ",
        "ALTER TABLE ",
        "PRAGMA ",
        " RETURNING ",
    ];
    let mut findings = Vec::new();
    let writes = |file: &&File| file.crate_name().is_some_and(|name| WITH_SQL.contains(&name));
    for file in tree.product().filter(|file| !writes(file)) {
        for (number, line) in file.code() {
            let update = line.contains("UPDATE ") && line.contains(" SET ");
            if update || SIGNS.iter().any(|sign| line.contains(sign)) {
                findings.push(file.finding_at(number, "SQL belongs in the crate `store`"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::assert_places;

    fn check(folder: &str, manifest: &str, allowed: bool) {
        let path = format!("crates/{folder}/Cargo.toml");
        let places: &[&str] = if allowed { &[] } else { &[&path] };
        assert_places(edges, &[(&path, manifest)], places);
    }

    #[test]
    fn a_layer_uses_the_layers_below_and_none_above() {
        check("server", "[dependencies]\nnightlatch-flows.workspace = true", true);
        check("flows", "[dependencies]\nnightlatch-store.workspace = true", true);
        check("core", "[dependencies]\nnightlatch-store.workspace = true", false);
        check("store", "[dependencies]\nnightlatch = { path = '../server' }", false);
        check("gate", "[dependencies]\nnightlatch-core.workspace = true", false);
    }

    #[test]
    fn an_edge_is_seen_in_every_section_and_under_every_name() {
        check("core", "[dev-dependencies]\nnightlatch-flows.workspace = true", false);
        check("core", "[build-dependencies]\nnightlatch-flows.workspace = true", false);
        check("core", "[target.'cfg(unix)'.dependencies]\nnightlatch-flows = '*'", false);
        check("core", "[dependencies]\nother = { package = 'nightlatch-flows' }", false);
    }

    #[test]
    fn a_layer_does_without_the_outside_world_except_in_its_tests() {
        check("core", "[dependencies]\ngetrandom.workspace = true", false);
        check("store", "[dependencies]\naxum.workspace = true", false);
        check("server", "[dependencies]\ntokio-postgres.workspace = true", false);
        check("core", "[dev-dependencies]\ntokio.workspace = true", true);
    }

    #[test]
    fn a_crate_without_a_place_is_found() {
        check("helpers", "", false);
    }

    #[test]
    fn sql_is_found_outside_the_store_but_not_in_comments() {
        let code = "// SELECT is for the store\nlet q = \"SELECT id FROM users\";\n";
        assert_places(
            sql,
            &[("crates/flows/src/a.rs", code), ("crates/store/src/a.rs", code)],
            &["crates/flows/src/a.rs:2"],
        );
        let update = "let q = \"UPDATE users SET name = ?1\";\n";
        assert_places(sql, &[("crates/server/src/a.rs", update)], &["crates/server/src/a.rs:1"]);
    }
}
