//! How single values are written: secrets, times and the names of factors.
//!
//! [`Shown`] is the one way of a secret into an answer. Answers are `no-store` unless their handler
//! says otherwise, and none with a secret does.

use jiff::fmt::temporal::DateTimePrinter;
use nightlatch_core::{SecretText, Timestamp, proof::Factor};
use schemars::JsonSchema;
use serde::{Serialize, Serializer, ser};

/// A secret on its way to its owner.
#[derive(JsonSchema)]
#[schemars(inline)]
pub(super) struct Shown(#[schemars(with = "String")] SecretText);

impl From<SecretText> for Shown {
    fn from(secret: SecretText) -> Self {
        Self(secret)
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

/// A moment: RFC 3339 in UTC, with milliseconds where there are any.
#[derive(JsonSchema)]
#[schemars(inline)]
pub(super) struct Time(#[schemars(with = "String", extend("format" = "date-time"))] Timestamp);

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

static SECONDS: DateTimePrinter = DateTimePrinter::new().precision(Some(0));
static MILLISECONDS: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let millis = self.0.millis();
        let at = jiff::Timestamp::from_millisecond(millis).map_err(ser::Error::custom)?;
        let printer = if millis % 1_000 == 0 { &SECONDS } else { &MILLISECONDS };
        serializer.serialize_str(&printer.timestamp_to_string(&at))
    }
}

/// The names of factors, as method types.
pub(super) fn names(factors: &[Factor]) -> Vec<&'static str> {
    factors.iter().map(|factor| factor.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_with_milliseconds_where_there_are_any() {
        let time = |millis| serde_json::to_value(Time(Timestamp::from_millis(millis)));
        assert_eq!(time(0).unwrap(), "1970-01-01T00:00:00Z");
        assert_eq!(time(1_700_000_000_000).unwrap(), "2023-11-14T22:13:20Z");
        assert_eq!(time(1_700_000_000_070).unwrap(), "2023-11-14T22:13:20.070Z");
        assert!(time(i64::MAX).is_err());
    }
}
