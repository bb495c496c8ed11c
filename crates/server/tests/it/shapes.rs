//! Answers held against their shape in the contract, to the letter: no member more, none less.

use serde_json::Value;

use crate::app::Reply;

impl Reply {
    /// Insists that the body is `shape`, in which `<time>`, `<jwt>` and the like stand for some
    /// text of that form, and `<usr_>` or any other prefix for some text that begins so.
    #[track_caller]
    pub(crate) fn looks_like(self, shape: &Value) -> Self {
        if let Err(difference) = compare(&self.json, shape, "") {
            panic!("{difference} in {}", self.text);
        }
        self
    }
}

fn compare(found: &Value, shape: &Value, place: &str) -> Result<(), String> {
    match (found, shape) {
        (Value::Object(found), Value::Object(shape)) => {
            let (names, expected): (Vec<_>, Vec<_>) =
                (found.keys().collect(), shape.keys().collect());
            let more = names.iter().find(|name| !shape.contains_key(**name));
            let less = expected.iter().find(|name| !found.contains_key(**name));
            if let Some(name) = more.or(less) {
                return Err(format!("{place}/{name} is there, or lacks, against the contract"));
            }
            found.iter().try_for_each(|(name, value)| {
                compare(value, &shape[name], &format!("{place}/{name}"))
            })
        }
        (Value::Array(found), Value::Array(shape)) if found.len() == shape.len() => {
            found.iter().zip(shape).enumerate().try_for_each(|(number, (value, shape))| {
                compare(value, shape, &format!("{place}/{number}"))
            })
        }
        (Value::String(found), Value::String(shape)) if shape.starts_with('<') => {
            if fits(found, shape.trim_matches(['<', '>'])) {
                Ok(())
            } else {
                Err(format!("{place} is {found:?}, no {shape}"))
            }
        }
        _ if found == shape => Ok(()),
        _ => Err(format!("{place} is {found}, not {shape}")),
    }
}

fn fits(found: &str, form: &str) -> bool {
    match form {
        "time" => found.ends_with('Z') && found.parse::<jiff::Timestamp>().is_ok(),
        "jwt" => found.split('.').count() == 3 && found.split('.').all(|part| !part.is_empty()),
        "base32" => {
            !found.is_empty() && found.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
        }
        "lookup" => found.len() == 19 && found.split('-').all(|group| group.len() == 4),
        "svg" => found.starts_with("<svg ") && found.ends_with("</svg>"),
        prefix => found.strip_prefix(prefix).is_some_and(|rest| rest.len() >= 16),
    }
}
