//! Takes settings one by one, and remembers everything that was wrong with them.

use std::{collections::BTreeMap, fs};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::config::{Issue, Issues, env::Environment};

/// The settings that are not taken yet, by dotted key.
#[derive(Debug)]
pub(super) struct Reader {
    found: BTreeMap<String, Found>,
    issues: Vec<Issue>,
}

#[derive(Debug)]
enum Found {
    InFile(Value),
    InEnvironment(String),
}

impl Reader {
    /// Reads a TOML `text`, overlaid by `environment`.
    pub(super) fn new(text: &str, environment: &Environment) -> Result<Self, Issues> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            // The error's own rendering quotes the line, which may hold a secret.
            let line = error.span().map_or(0, |span| text[..span.start].lines().count().max(1));
            let key = format!("line {line}");
            Issue::new(key, "This is not TOML.", format!("Correct it: {}.", error.message()))
        })?;
        let mut found = BTreeMap::new();
        flatten("", table, &mut found);
        for (key, value) in environment.iter() {
            found.insert(key.clone(), Found::InEnvironment(value.clone()));
        }
        Ok(Self { found, issues: Vec::new() })
    }

    /// Takes the setting `key`, if it is there and can be understood.
    ///
    /// `next` says how a good value looks.
    pub(super) fn take<T: DeserializeOwned>(&mut self, key: &str, next: &str) -> Option<T> {
        let value = match self.found.remove(key)? {
            Found::InFile(value) => T::deserialize(value).ok(),
            Found::InEnvironment(text) => from_text(&text),
        };
        if value.is_none() {
            self.complain(key, "The value can't be understood.", next);
        }
        value
    }

    /// Takes the secret setting `key`, which the environment may also name a file for.
    pub(super) fn take_secret(&mut self, key: &str, next: &str) -> Option<String> {
        let file_key = format!("{key}_file");
        if !matches!(self.found.get(&file_key), Some(Found::InEnvironment(_))) {
            return self.take(key, next);
        }
        let path: String = self.take(&file_key, next)?;
        if self.found.remove(key).is_some() {
            let both =
                format!("It is set both itself and by {}.", Environment::variable(&file_key));
            self.complain(key, &both, "Keep one of them.");
        }
        match fs::read_to_string(path) {
            Ok(secret) => Some(secret.trim().to_owned()),
            Err(error) => {
                let problem = format!("Its file can't be read ({}).", error.kind());
                let next = format!("Correct {}.", Environment::variable(&file_key));
                self.complain(key, &problem, &next);
                None
            }
        }
    }

    /// Remembers that something is wrong with `key`.
    pub(super) fn complain(&mut self, key: &str, problem: &str, next: &str) {
        self.issues.push(Issue::new(key, problem, next));
    }

    /// Remembers that something is wrong with `key`, unless `good`.
    pub(super) fn require(&mut self, good: bool, key: &str, problem: &str, next: &str) {
        if !good {
            self.complain(key, problem, next);
        }
    }

    /// Remembers that `key` is missing, unless it is there and was found wrong.
    pub(super) fn missing(&mut self, key: &str, next: &str) {
        if !self.issues.iter().any(|issue| issue.key == key) {
            self.complain(key, "It is missing.", next);
        }
    }

    /// Everything that was wrong, settings that nobody took included.
    pub(super) fn finish(mut self) -> Issues {
        for key in std::mem::take(&mut self.found).into_keys() {
            self.complain(&key, "There is no such setting.", "Correct its name or remove it.");
        }
        Issues(self.issues)
    }
}

fn flatten(prefix: &str, table: Table, found: &mut BTreeMap<String, Found>) {
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        match value {
            Value::Table(inner) => flatten(&format!("{key}."), inner, found),
            value => drop(found.insert(key, Found::InFile(value))),
        }
    }
}

/// The environment has text only: what is no text is a number, a switch, or a list with commas.
fn from_text<T: DeserializeOwned>(text: &str) -> Option<T> {
    let list = || {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
    };
    T::deserialize(Value::String(text.to_owned()))
        .ok()
        .or_else(|| T::deserialize(Value::Integer(text.parse().ok()?)).ok())
        .or_else(|| T::deserialize(Value::Boolean(text.parse().ok()?)).ok())
        .or_else(|| T::deserialize(list()).ok())
}
