//! The environment as settings: the only place that reads it.

use std::collections::BTreeMap;

const PREFIX: &str = "NIGHTLATCH__";

/// Settings from the environment: `NIGHTLATCH__HTTP__LISTEN` is `http.listen`.
#[derive(Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// What the process was started with.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn of_process() -> Self {
        let pairs = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::new(pairs)
    }

    /// These variables; those of others are left out.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let keys = variables.into_iter().filter_map(|(name, value)| {
            let key = name.strip_prefix(PREFIX)?.replace("__", ".").to_ascii_lowercase();
            Some((key, value))
        });
        Self(keys.collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter()
    }

    /// The name of the variable that sets `key`.
    pub(super) fn variable(key: &str) -> String {
        format!("{PREFIX}{}", key.replace('.', "__").to_ascii_uppercase())
    }
}
