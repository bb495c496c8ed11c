//! Strict JSON: one object, of bounded depth, in which no member occurs twice at any level.
//!
//! [`read`] looks over the text once before serde sees it, without recursion, for what serde lets
//! pass or meets by recursing. Grammar, types and unknown members are serde's.

use std::{borrow::Cow, collections::HashSet};

use serde::de::DeserializeOwned;

/// Objects and arrays may be nested this deep, the body itself counted.
pub(crate) const MAX_DEPTH: usize = 32;

/// Why a body was not understood. Nothing in it repeats a value of the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("The body is not valid UTF-8.")]
    NotUtf8,
    #[error("The body is not one JSON object.")]
    NotObject,
    #[error("The body is nested deeper than {MAX_DEPTH} levels.")]
    TooDeep,
    #[error("A member occurs twice in the same object.")]
    Duplicate,
    #[error("The body is not valid JSON (line {line}, column {column}).")]
    Syntax { line: usize, column: usize },
    #[error("The member `{0}` is missing.")]
    Missing(String),
    #[error("There is a member that this call does not know.")]
    Unknown,
    #[error("The member `{0}` has the wrong type.")]
    Type(String),
    #[error("The members do not fit together.")]
    Shape,
}

/// Reads `body` as one `T`.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| Fault::NotUtf8)?;
    check(text)?;
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        fault(error.inner(), &path)
    })?;
    json.end().map_err(|error| fault(&error, "."))?;
    Ok(value)
}

/// Sorts an error of serde. Its own words may repeat what the caller sent, so they are not used,
/// except for the name of a missing member, which is ours.
fn fault(error: &serde_json::Error, path: &str) -> Fault {
    if !error.is_data() {
        return Fault::Syntax { line: error.line(), column: error.column() };
    }
    let words = error.to_string();
    if let Some((name, _)) =
        words.strip_prefix("missing field `").and_then(|rest| rest.split_once('`'))
    {
        return Fault::Missing(if path == "." { name.into() } else { format!("{path}.{name}") });
    }
    let ours = |byte: u8| byte.is_ascii_alphanumeric() || b"_.[]".contains(&byte);
    if words.starts_with("unknown field") {
        Fault::Unknown
    } else if words.starts_with("duplicate field") {
        Fault::Duplicate
    } else if path == "." || path.len() > 64 || !path.bytes().all(ours) {
        Fault::Shape
    } else {
        Fault::Type(path.into())
    }
}

/// Refuses what is not one object, is too deep or has a member twice.
fn check(text: &str) -> Result<(), Fault> {
    let bytes = text.as_bytes();
    if bytes.iter().find(|byte| !is_space(**byte)) != Some(&b'{') {
        return Err(Fault::NotObject);
    }
    // The names seen so far in each open object; `None` for an array.
    let mut open: Vec<Option<HashSet<Cow<'_, str>>>> = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' if open.len() == MAX_DEPTH => return Err(Fault::TooDeep),
            b'{' => open.push(Some(HashSet::new())),
            b'[' => open.push(None),
            b'}' | b']' => drop(open.pop()),
            b'"' => {
                let end = string_end(bytes, at);
                let is_name = bytes[end..].iter().find(|byte| !is_space(**byte)) == Some(&b':');
                if is_name && let Some(Some(names)) = open.last_mut() {
                    // What does not unescape is refused by serde.
                    let new = unescaped(&text[at..end]).is_none_or(|name| names.insert(name));
                    if !new {
                        return Err(Fault::Duplicate);
                    }
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The place after the string that starts at `start`, or the end of an unfinished one.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The text of a string literal, quotes included in `literal`.
fn unescaped(literal: &str) -> Option<Cow<'_, str>> {
    if literal.contains('\\') {
        return serde_json::from_str(literal).ok().map(Cow::Owned);
    }
    literal.strip_prefix('"')?.strip_suffix('"').map(Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        code: String,
    }

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        email: String,
        age: Option<u8>,
        proof: Option<Inner>,
    }

    #[track_caller]
    fn refused(body: impl AsRef<[u8]>, fault: Fault) {
        assert_eq!(read::<Outer>(body.as_ref()), Err(fault));
    }

    #[test]
    fn a_good_body_is_read() {
        let body = " {\"email\": \"a\\u00e9\", \"proof\": {\"code\": \"1\"}, \"age\": null}\n";
        let proof = Some(Inner { code: "1".into() });
        assert_eq!(read(body.as_bytes()), Ok(Outer { email: "aé".into(), age: None, proof }));
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        for body in ["", " ", "[]", "[\"a\", 1, null]", "\"a\"", "1", "null", "\u{feff}{}"] {
            refused(body, Fault::NotObject);
        }
        for body in ["{", "{}}", "{} {}", "{\"email\":\"a\"}x", "{\"email\":\"a\",}", "{'email':1}"]
        {
            let fault = read::<Outer>(body.as_bytes()).unwrap_err();
            assert!(matches!(fault, Fault::Syntax { .. } | Fault::Missing(_)), "{body}: {fault:?}");
        }
        refused(b"{\"email\":\"\xff\"}", Fault::NotUtf8);
    }

    #[test]
    fn members_must_be_known_present_and_of_their_type() {
        refused("{}", Fault::Missing("email".into()));
        refused("{\"email\":\"a\",\"proof\":{}}", Fault::Missing("proof.code".into()));
        refused("{\"email\":\"a\",\"admin\":true}", Fault::Unknown);
        refused("{\"email\":\"a\",\"proof\":{\"code\":\"1\",\"x\":1}}", Fault::Unknown);
        refused("{\"email\":1}", Fault::Type("email".into()));
        refused("{\"email\":\"a\",\"age\":256}", Fault::Type("age".into()));
        refused("{\"email\":\"a\",\"proof\":{\"code\":[\"1\"]}}", Fault::Type("proof.code".into()));
    }

    #[test]
    fn no_refusal_repeats_a_value() {
        for body in [
            "{\"email\":\"a\",\"age\":\"hunter2\"}",
            "{\"email\":\"a\",\"hunter2\":1}",
            "{\"email\":\"a\",\"proof\":\"hunter2\"}",
            "{\"hunter2\":1,\"hunter2\":1}",
        ] {
            let fault = read::<Outer>(body.as_bytes()).unwrap_err();
            assert!(!fault.to_string().contains("hunter2"), "{fault}");
        }
    }

    #[test]
    fn a_member_may_not_occur_twice_at_any_level() {
        for body in [
            "{\"a\":1,\"a\":1}",
            "{\"a\":1,\"\\u0061\":1}",
            "{\"\\\"\":1,\"\\u0022\":1}",
            "{\"a\":[{\"b\":{\"c\":1 , \"c\" : 2}}]}",
        ] {
            assert_eq!(read::<Value>(body.as_bytes()), Err(Fault::Duplicate), "{body}");
        }
        assert!(
            read::<Value>(b"{\"a\":{\"a\":[{\"a\":\"a\"},{\"a\":\"a\"}]},\"b\":\"a\"}").is_ok()
        );
    }

    #[test]
    fn depth_is_bounded_before_anything_recurses() {
        let nested =
            |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(read::<Value>(nested(MAX_DEPTH).as_bytes()).is_ok());
        for depth in [MAX_DEPTH + 1, 10_000] {
            assert_eq!(read::<Value>(nested(depth).as_bytes()), Err(Fault::TooDeep));
        }
        let objects = "{\"a\":".repeat(10_000);
        assert_eq!(read::<Value>(objects.as_bytes()), Err(Fault::TooDeep));
        assert!(read::<Value>(format!("{{\"a\":\"{}\"}}", "[{".repeat(100)).as_bytes()).is_ok());
    }

    #[test]
    fn lone_surrogates_and_control_characters_are_refused() {
        for text in ["\\ud800", "\\udc00\\ud800", "\\u12", "\\x", "\n", "\0"] {
            let body = format!("{{\"email\":\"{text}\"}}");
            assert!(matches!(read::<Outer>(body.as_bytes()), Err(Fault::Syntax { .. })), "{text}");
            let name = format!("{{\"{text}\":1,\"{text}\":1}}");
            assert!(read::<Value>(name.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_body_cut_anywhere_is_refused() {
        let body = "{\"email\":\"\\u00e9\\\"é\",\"age\":12,\"proof\":{\"code\":\"1\"}}".as_bytes();
        assert!(read::<Outer>(body).is_ok());
        for end in 0..body.len() {
            assert!(read::<Outer>(&body[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn long_strings_are_read_in_one_go() {
        let body = format!("{{\"email\":\"{}\"}}", "\\n".repeat(500_000));
        assert_eq!(read::<Outer>(body.as_bytes()).unwrap().email.len(), 500_000);
    }

    proptest! {
        /// Nothing makes it panic, and what it takes serde takes too.
        #[test]
        fn any_bytes_are_answered(bytes: Vec<u8>) {
            if read::<Value>(&bytes).is_ok() {
                prop_assert!(serde_json::from_slice::<Value>(&bytes).is_ok());
            }
        }

        /// The same for what nearly is JSON.
        #[test]
        fn near_json_is_answered(text in r#"\{[\{\}\[\]":,a0\\u \n]{0,60}"#) {
            if read::<Value>(text.as_bytes()).is_ok() {
                prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
            }
        }

        /// Every object with distinct members is read as serde reads it.
        #[test]
        fn distinct_members_are_read(members: BTreeMap<String, String>) {
            let text = serde_json::to_string(&members).unwrap();
            prop_assert_eq!(read::<BTreeMap<String, String>>(text.as_bytes()), Ok(members));
        }
    }
}
