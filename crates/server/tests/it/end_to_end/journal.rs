//! What went over the wire, to be looked for where it must not be.

use std::sync::Mutex;

use serde_json::Value;

/// Members of requests and answers whose values never reach a log: secrets, and addresses.
const UNSPEAKABLE: [&str; 13] = [
    "access_token",
    "backup_codes",
    "device_token",
    "email",
    "invite",
    "mfa_token",
    "otpauth_uri",
    "password",
    "recovery_codes",
    "refresh_token",
    "secret",
    "temp_token",
    "token",
];

/// Shorter texts are part of everything.
const SHORTEST: usize = 6;

/// Up to this length a text is looked for as a word: any six digits are part of some longer number.
const WORD: usize = 8;

/// All that is unspeakable of what was sent and received.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Vec<String>>);

impl Journal {
    /// Notes what `body` holds.
    pub(crate) fn note(&self, body: &Value) {
        match body {
            Value::Object(members) => {
                for (name, value) in members {
                    if UNSPEAKABLE.contains(&name.as_str()) {
                        self.keep(value);
                    }
                    self.note(value);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| self.note(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn keep(&self, value: &Value) {
        match value {
            Value::String(text) if text.len() >= SHORTEST => {
                self.0.lock().unwrap().push(text.clone());
            }
            Value::Array(values) => values.iter().for_each(|value| self.keep(value)),
            _ => {}
        }
    }

    /// Insists that `log` tells nothing of it, and of no panic.
    #[track_caller]
    pub(crate) fn assert_absent(&self, log: &str) {
        assert!(!log.to_lowercase().contains("panicked"), "{log}");
        for text in self.0.lock().unwrap().iter() {
            assert!(!tells(log, text), "{text:?} is in the log:\n{log}");
        }
    }
}

fn tells(log: &str, text: &str) -> bool {
    log.match_indices(text).any(|(at, _)| {
        let before = log[..at].chars().next_back();
        let after = log[at + text.len()..].chars().next();
        let part = |neighbour: Option<char>| neighbour.is_some_and(char::is_alphanumeric);
        text.len() > WORD || (!part(before) && !part(after))
    })
}

#[test]
fn a_code_is_found_as_a_word_and_a_token_anywhere() {
    let log =
        r#"{"timestamp":"2027-01-15T08:00:00.123456Z","code":"654321","id":"xnlt_abcdefghx"}"#;
    assert!(!tells(log, "123456"));
    assert!(tells(log, "654321"));
    assert!(tells(log, "nlt_abcdefgh"));
}
