//! One event of the log as one line.

use std::{
    error::Error,
    fmt::{self, Write as _},
    io::Write as _,
};

use nightlatch_core::Timestamp;
use serde::Serialize;
use tracing::{
    Event,
    field::{Field, Visit},
};

use crate::{config::LogFormat, http::request_id::RequestId};

/// Longer than most lines.
const USUAL: usize = 320;

/// The line that tells of `event`, which happened at `at`. What is logged while a request is served
/// carries the request's id.
pub(super) fn line(format: LogFormat, event: &Event<'_>, at: Timestamp) -> Vec<u8> {
    let (level, target) = (event.metadata().level(), event.metadata().target());
    let request = RequestId::current();
    // Out of range only by a clock that is thousands of years off.
    let at = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
    let mut line = Vec::with_capacity(USUAL);
    // Writing into memory does not fail.
    let _ = match format {
        LogFormat::Json => {
            let begun = write!(line, r#"{{"timestamp":"{at:.3}","level":"{level}""#);
            let mut members = Members(line);
            event.record(&mut members);
            if let Some(request) = request {
                members.add("request_id", &request);
            }
            members.add("target", target);
            line = members.0;
            begun.and_then(|()| writeln!(line, "}}"))
        }
        LogFormat::Text => {
            let begun = write!(line, "{at:.3} {level:>5} ");
            let mut words = Words { message: String::new(), rest: String::new() };
            event.record(&mut words);
            if let Some(request) = request {
                let _ = write!(words.rest, " request_id={request}");
            }
            begun.and_then(|()| writeln!(line, "{}{}", words.message, words.rest))
        }
    };
    line
}

/// `error` and its causes, in one line.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let told = inner.to_string();
        // Some errors repeat their cause.
        if !text.ends_with(&told) {
            let _ = write!(text, ": {told}");
        }
        cause = inner.source();
    }
    text
}

/// Members of a JSON object that was begun.
struct Members(Vec<u8>);

impl Members {
    fn add(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        // Names are those of fields in the source, which need no escapes.
        for part in [",\"", name, "\":"] {
            self.0.extend_from_slice(part.as_bytes());
        }
        let _ = serde_json::to_writer(&mut self.0, value);
    }
}

impl Visit for Members {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field.name(), &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field.name(), &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field.name(), &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field.name(), &value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.add(field.name(), &causes(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field.name(), &format!("{value:?}"));
    }
}

/// A message, and whatever else is told as `name=value`.
struct Words {
    message: String,
    rest: String,
}

impl Words {
    fn add(&mut self, field: &Field, value: &dyn fmt::Display) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value}"),
            name => write!(self.rest, " {name}={value}"),
        };
    }
}

impl Visit for Words {
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.add(field, &format_args!("{:?}", causes(value)));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, &format_args!("{value:?}"));
    }
}
