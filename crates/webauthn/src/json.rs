//! JSON as strangers send it: unknown members are ignored, duplicate ones refused, at any depth.

use std::{collections::BTreeSet, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

/// Reads one object from the whole of `text`.
pub(crate) fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, &'static str> {
    serde_json::from_slice::<Unambiguous>(text).map_err(|_| "not JSON without duplicates")?;
    // The walk has seen that nothing follows the value.
    object(&mut serde_json::Deserializer::from_slice(text))
        .map_err(|_| "a member is missing or of the wrong type")
}

/// A member that may be left out, and is not `null` if it is there.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A member that is an object: a derived `Deserialize` would also take an array of its values.
pub(crate) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    struct Object<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(members))
        }
    }

    deserializer.deserialize_map(Object(PhantomData))
}

/// Any value in which no object names a member twice; its content is dropped.
struct Unambiguous;

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Walk)
    }
}

struct Walk;

impl<'de> Visitor<'de> for Walk {
    type Value = Unambiguous;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON in which no object names a member twice")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_str<E>(self, _: &str) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_unit<E>(self) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Unambiguous, A::Error> {
        while items.next_element::<Unambiguous>()?.is_some() {}
        Ok(Unambiguous)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Unambiguous, A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if !seen.insert(name) {
                return Err(serde::de::Error::custom("a member is named twice"));
            }
            members.next_value::<Unambiguous>()?;
        }
        Ok(Unambiguous)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, accepted: bool) {
        assert_eq!(read::<serde_json::Value>(text.as_bytes()).is_ok(), accepted, "{text}");
    }

    #[test]
    fn duplicates_are_refused_at_any_depth_and_however_they_are_written() {
        check(r#"{"a":1,"b":[{"a":1}],"c":{"a":-1,"b":1.5,"c":null,"d":true,"e":""}}"#, true);
        check(r#"{"a":1,"a":1}"#, false);
        check(r#"{"a":1,"\u0061":2}"#, false);
        check(r#"{"x":{"y":[{"a":1,"a":2}]}}"#, false);
        check(r#"{"a":1} "#, true);
        check(r#"{"a":1}x"#, false);
        check("", false);
        check(&"[".repeat(100_000), false);
    }

    /// Text of any JSON value without floating-point numbers, and whether an object in it names a
    /// member twice.
    fn value() -> impl Strategy<Value = (String, bool)> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            any::<bool>().prop_map(|truth| truth.to_string()),
            any::<i64>().prop_map(|number| number.to_string()),
            any::<u64>().prop_map(|number| number.to_string()),
            any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
        ];
        leaf.prop_map(|text| (text, false)).prop_recursive(4, 32, 4, |inner| {
            let array = prop::collection::vec(inner.clone(), 0..4).prop_map(|items| {
                let twice = items.iter().any(|(_, twice)| *twice);
                let items: Vec<_> = items.into_iter().map(|(text, _)| text).collect();
                (format!("[{}]", items.join(", ")), twice)
            });
            prop_oneof![array, members(inner)]
        })
    }

    fn members(
        values: impl Strategy<Value = (String, bool)>,
    ) -> impl Strategy<Value = (String, bool)> {
        prop::collection::vec(("[a-e]", values), 0..4).prop_map(|members| {
            let names: BTreeSet<_> = members.iter().map(|(name, _)| name).collect();
            let twice = names.len() < members.len() || members.iter().any(|(_, (_, twice))| *twice);
            let members: Vec<_> =
                members.iter().map(|(name, (text, _))| format!("\"{name}\":{text}")).collect();
            (format!("{{{}}}", members.join(",")), twice)
        })
    }

    proptest! {
        #[test]
        fn an_object_is_read_unless_a_member_is_named_twice((text, twice) in members(value())) {
            prop_assert_eq!(read::<serde_json::Value>(text.as_bytes()).is_err(), twice);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = read::<serde_json::Value>(&bytes);
        }
    }
}
