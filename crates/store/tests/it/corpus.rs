//! Every statement is prepared on both engines, against the schema as it is.

use std::{
    fs,
    path::{Path, PathBuf},
};

use nightlatch_store::Engine;
use tokio_postgres::types::Type;

use crate::harness::{NOW, Place};

/// One statement as it stands in the sources.
struct Statement {
    place: String,
    sqlite: String,
    postgres: String,
}

/// The statements of all units and of the store itself, read from their sources: nothing has to be
/// registered, so nothing can be forgotten.
fn corpus() -> Vec<Statement> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = files_below(&sources.join("units"));
    files.push(sources.join("tx.rs"));
    files.sort();
    files.iter().flat_map(|file| statements(file)).collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn statements(file: &Path) -> Vec<Statement> {
    let text = fs::read_to_string(file).unwrap();
    let name = file.file_name().unwrap().to_string_lossy();
    text.match_indices("sql!(")
        .map(|(at, opening)| {
            let line = text[..at].lines().count();
            let place = format!("{name}:{line}");
            let (sqlite, rest) = literal(&text[at + opening.len()..], &place);
            let second = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
            let postgres = match second.strip_prefix("pg:") {
                Some(form) => literal(form, &place).0,
                None => sqlite.replace('?', "$"),
            };
            Statement { place, sqlite, postgres }
        })
        .collect()
}

/// The string literal that `source` begins with, and what follows it.
fn literal<'a>(source: &'a str, place: &str) -> (String, &'a str) {
    let start = source.trim_start().strip_prefix('"');
    let source = start.unwrap_or_else(|| panic!("{place}: a statement is written in its place"));
    let mut text = String::new();
    let mut rest = source.chars();
    loop {
        match rest.next().unwrap_or_else(|| panic!("{place}: the statement does not end")) {
            '"' => return (text, rest.as_str()),
            '\\' => match rest.next() {
                Some('\n') => rest = rest.as_str().trim_start().chars(),
                Some(escaped @ ('"' | '\\')) => text.push(escaped),
                other => panic!("{place}: an escape that statements do not need: {other:?}"),
            },
            plain => text.push(plain),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_is_prepared_on_sqlite() {
    let place = Place::new(Engine::Sqlite).await;
    place.open().await.close(NOW).await;
    let connection = rusqlite::Connection::open(place.file()).unwrap();
    let wrong: Vec<String> = corpus()
        .iter()
        .filter_map(|statement| match connection.prepare(&statement.sqlite) {
            Ok(_) => None,
            Err(error) => Some(format!("{}: {error}", statement.place)),
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_is_prepared_on_postgres_and_takes_our_types_alone() {
    let place = Place::new(Engine::Postgres).await;
    place.open().await.close(NOW).await;
    let client = place.client().await;
    let mut wrong = Vec::new();
    for statement in corpus() {
        match client.prepare(&statement.postgres).await {
            Err(error) => wrong.push(format!("{}: {error:?}", statement.place)),
            Ok(prepared) => {
                let types = prepared.params().iter().zip(1..);
                wrong.extend(types.filter_map(|(ty, number)| {
                    let ours = [Type::INT8, Type::TEXT, Type::BYTEA].contains(ty);
                    (!ours).then(|| format!("{}: ?{number} is {ty}", statement.place))
                }));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    place.remove().await;
}
