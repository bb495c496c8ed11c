//! Identities: one type per kind of thing, so that a wrong one does not compile.
//!
//! An id is a `UUIDv7` (RFC 9562): 48 bits of milliseconds, then randomness, so that rows are
//! inserted at the right edge of their table. On the wire it is its kind's prefix and 26 symbols of
//! Crockford base32. An id names a thing; it is never a secret.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Timestamp;

const SYMBOLS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Lower-case Crockford base32 of 128 bits, most significant first: 26 symbols, the first below 8.
/// Every answer and every event has some, so without the formatter.
fn encode(bytes: [u8; 16], symbols: &mut [u8]) {
    let mut value = u128::from_be_bytes(bytes);
    for symbol in symbols.iter_mut().rev() {
        *symbol = SYMBOLS[usize::from(value.to_le_bytes()[0] & 31)];
        value >>= 5;
    }
}

fn decode(text: &str) -> Option<[u8; 16]> {
    if text.len() != 26 || !matches!(text.as_bytes().first(), Some(b'0'..=b'7')) {
        return None;
    }
    let mut value = 0_u128;
    for byte in text.bytes() {
        let place = SYMBOLS.iter().position(|symbol| *symbol == byte)?;
        value = (value << 5) | u128::try_from(place).ok()?;
    }
    Some(value.to_be_bytes())
}

/// A time-ordered 16-byte identity (`UUIDv7`) at `now`; the 74 random bits come from `entropy`.
pub(crate) fn time_ordered(now: Timestamp, entropy: [u8; 10]) -> [u8; 16] {
    let millis = u64::try_from(now.millis()).unwrap_or(0).to_be_bytes();
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis[2..]);
    bytes[6..].copy_from_slice(&entropy);
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    bytes
}

/// This text is not an id of the kind that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind")]
pub struct BadId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// What every such id starts with on the wire.
            pub const PREFIX: &str = concat!($prefix, "_");

            /// A fresh id, ordered by `now`.
            #[must_use]
            pub fn new(now: Timestamp, entropy: [u8; 10]) -> Self {
                Self(time_ordered(now, entropy))
            }

            /// The id with these bytes, as the store keeps them.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The bytes, as the store keeps them.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// Hands what it is on the wire to `then`.
            fn text<T>(self, then: impl FnOnce(&str) -> T) -> T {
                const PREFIX: usize = $name::PREFIX.len();
                let mut text = [0; PREFIX + 26];
                let (prefix, symbols) = text.split_at_mut(PREFIX);
                prefix.copy_from_slice(Self::PREFIX.as_bytes());
                encode(self.0, symbols);
                then(str::from_utf8(&text).unwrap_or_default())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.text(|text| f.write_str(text))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                text.strip_prefix(Self::PREFIX).and_then(decode).map(Self).ok_or(BadId)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.text(|text| serializer.serialize_str(text))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// An account.
    UserId, "usr"
);
id!(
    /// One enrolled method of one user.
    MethodId, "mth"
);
id!(
    /// A session; stable for its life while its secrets rotate.
    SessionId, "ses"
);
id!(
    /// One entry of the audit trail.
    EventId, "evt"
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What is printed is read back, and only under its own prefix.
        #[test]
        fn printing_and_reading_is_the_identity(bytes: [u8; 16]) {
            let id = UserId::from_bytes(bytes);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert_eq!(id.to_string().parse::<SessionId>(), Err(BadId));
        }
    }

    #[test]
    fn ids_are_ordered_by_their_time() {
        let early = MethodId::new(Timestamp::from_millis(1_000), [0xff; 10]);
        let late = MethodId::new(Timestamp::from_millis(1_001), [0; 10]);
        assert!(early < late);
        assert_eq!(early.as_bytes()[6] >> 4, 7, "version 7");
    }

    #[test]
    fn look_alikes_and_overflow_are_refused() {
        let good = UserId::from_bytes([7; 16]).to_string();
        for bad in [
            good.to_uppercase(),
            good.replace("usr_0", "usr_8"),
            good.replace("usr_0", "usr_o"),
            format!("{good}0"),
            String::new(),
        ] {
            assert_eq!(bad.parse::<UserId>(), Err(BadId), "{bad}");
        }
    }
}
