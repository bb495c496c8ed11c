//! Base64url as WebAuthn's JSON has it (RFC 4648 §5): no padding, no white space, no spare bits.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The bytes of `text`; `None` if it is not strict base64url.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()
}

/// The text of `bytes`.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

/// Bytes that are base64url in JSON.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(&self.0))
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64url without padding")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Bytes, E> {
                decode(text).map(Bytes).ok_or_else(|| E::custom("not base64url without padding"))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_right_form_is_read() {
        assert_eq!(decode("-_8"), Some(vec![0xfb, 0xff]));
        for wrong in ["-_8=", "+/8", "-_9", "-_8 ", " -_8", "-_\n8", "-", "\u{ff0d}_8"] {
            assert_eq!(decode(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn bytes_are_their_text_in_json_and_in_logs() {
        let bytes = Bytes::from(&[0xfb, 0xff][..]);
        assert_eq!(bytes.as_ref(), [0xfb, 0xff]);
        assert_eq!(format!("{bytes:?}"), "-_8");
        assert_eq!(serde_json::to_string(&bytes).ok().as_deref(), Some(r#""-_8""#));
        assert_eq!(serde_json::from_str(r#""-_8""#).ok(), Some(bytes));
        let refused = |json| serde_json::from_str::<Bytes>(json).map_err(|why| why.to_string());
        let why = "not base64url without padding at line 1 column 6";
        assert_eq!(refused(r#""-_8=""#), Err(why.to_owned()));
        let why =
            "invalid type: integer `1`, expected base64url without padding at line 1 column 1";
        assert_eq!(refused("1"), Err(why.to_owned()));
    }
}
