//! Laws of the CBOR reader and of what reads authenticator data with it.

use nightlatch_webauthn::{
    AuthenticatorData, PublicKey,
    cbor::{Key, MAX_BYTES, MAX_DEPTH, Value, read, read_first},
};
use proptest::prelude::*;

use crate::authenticator::{AT, AuthDataParts, Cbor, ED, UP};

/// What the reader made of it, as the writer takes it.
fn rewritten(value: &Value<'_>) -> Cbor {
    match value {
        Value::Int(int) => Cbor::Int(*int),
        Value::Bytes(bytes) => Cbor::bytes(bytes),
        Value::Text(text) => Cbor::text(text),
        Value::Array(items) => Cbor::Array(items.iter().map(rewritten).collect()),
        Value::Map(map) => Cbor::Map(
            map.iter()
                .map(|(key, value)| {
                    let key = match key {
                        Key::Int(int) => Cbor::Int(*int),
                        Key::Text(text) => Cbor::text(text),
                    };
                    (key, rewritten(value))
                })
                .collect(),
        ),
        Value::Bool(bool) => Cbor::Bool(*bool),
        Value::Null => Cbor::Null,
    }
}

fn leaf() -> impl Strategy<Value = Cbor> {
    prop_oneof![
        any::<i64>().prop_map(Cbor::Int),
        (-300_i64..300).prop_map(Cbor::Int),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Cbor::Bytes),
        ".{0,40}".prop_map(Cbor::Text),
        any::<bool>().prop_map(Cbor::Bool),
        Just(Cbor::Null),
    ]
}

fn map(values: impl Strategy<Value = Cbor>) -> impl Strategy<Value = Cbor> {
    entries(values).prop_map(Cbor::Map)
}

fn entries(values: impl Strategy<Value = Cbor>) -> impl Strategy<Value = Vec<(Cbor, Cbor)>> {
    let key = prop_oneof![any::<i64>().prop_map(Cbor::Int), ".{0,8}".prop_map(Cbor::Text)];
    prop::collection::vec((key, values), 0..6).prop_map(|entries| {
        let mut unique: Vec<(Cbor, Cbor)> = vec![];
        for (key, value) in entries {
            if unique.iter().all(|(known, _)| *known != key) {
                unique.push((key, value));
            }
        }
        unique
    })
}

/// Values that the reader accepts.
fn value() -> impl Strategy<Value = Cbor> {
    let depth = MAX_DEPTH.try_into().unwrap();
    leaf().prop_recursive(depth, 64, 6, |inner| {
        let array = prop::collection::vec(inner.clone(), 0..6).prop_map(Cbor::Array);
        prop_oneof![array, map(inner)]
    })
}

proptest! {
    #[test]
    fn what_was_written_is_read(value in value()) {
        prop_assert_eq!(read(&value.write()).map(|read| rewritten(&read)), Ok(value));
    }

    /// A value is written in one way only, but for the order of a map's entries, which is kept.
    #[test]
    fn what_is_read_writes_as_it_was(bytes: Vec<u8>) {
        if let Ok((value, rest)) = read_first(&bytes) {
            prop_assert_eq!([&rewritten(&value).write(), rest].concat(), bytes);
        }
    }

    /// The same for bytes that are nearly right, which is where a lax reader would show.
    #[test]
    fn a_changed_byte_is_refused_or_read(
        value in value(),
        at: prop::sample::Index,
        change in 1..=u8::MAX,
    ) {
        let mut bytes = value.write();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        if let Ok(read) = read(&bytes) {
            let read = rewritten(&read);
            prop_assert_ne!(&read, &value);
            prop_assert_eq!(read.write(), bytes);
        }
    }

    #[test]
    fn no_part_of_a_value_is_one(value in value(), tail: u8) {
        let mut bytes = value.write();
        for length in 0..bytes.len() {
            prop_assert!(read(&bytes[..length]).is_err());
        }
        bytes.push(tail);
        prop_assert!(read(&bytes).is_err());
        let (first, rest) = read_first(&bytes).unwrap();
        prop_assert_eq!((rewritten(&first), rest), (value, &[tail][..]));
    }

    #[test]
    fn a_key_is_no_key_twice(entries in entries(leaf()), at: prop::sample::Index) {
        if !entries.is_empty() {
            let again = entries[at.index(entries.len())].clone();
            let twice = [entries, vec![again]].concat();
            prop_assert!(read(&Cbor::Map(twice).write()).is_err());
        }
    }

    #[test]
    fn authenticator_data_and_keys_of_any_bytes_are_read_or_refused(bytes: Vec<u8>, flags: u8) {
        let _ = PublicKey::from_cose(&bytes);
        let _ = AuthenticatorData::read(&bytes);
        let head = [&[0; 32][..], &[flags], &[0; 4]].concat();
        let _ = AuthenticatorData::read(&[head, bytes].concat());
    }

    #[test]
    fn authenticator_data_are_what_was_written(
        rp_id_hash: [u8; 32],
        reserved in prop::bits::u8::masked(0x3f),
        counter: u32,
        attested in prop::option::of((
            any::<[u8; 16]>(),
            prop::collection::vec(any::<u8>(), 0..1100),
            map(leaf()),
        )),
        extensions in prop::option::of(map(leaf())),
    ) {
        let at = if attested.is_some() { AT } else { 0 };
        let ed = if extensions.is_some() { ED } else { 0 };
        let tail = extensions.as_ref().map(Cbor::write);
        let parts = AuthDataParts {
            rp_id_hash,
            flags: reserved | at | ed,
            counter,
            attested: attested.clone(),
            tail: tail.clone().unwrap_or_default(),
        };
        let bytes = parts.write();
        let data = AuthenticatorData::read(&bytes).unwrap();
        prop_assert_eq!(data.rp_id_hash, &rp_id_hash);
        prop_assert_eq!(data.flags.byte(), parts.flags);
        prop_assert_eq!(data.sign_count, counter);
        prop_assert_eq!(data.extensions, tail.as_deref());
        let read = data.attested.map(|credential| {
            (credential.aaguid.0, credential.id.to_vec(), credential.public_key.to_vec())
        });
        prop_assert_eq!(read, attested.map(|(aaguid, id, key)| (aaguid, id, key.write())));
        for length in 0..bytes.len() {
            prop_assert!(AuthenticatorData::read(&bytes[..length]).is_err());
        }
    }
}

#[test]
fn the_longest_input_is_the_longest() {
    let bytes = |length: usize| Cbor::Bytes(vec![0; length]).write();
    assert!(read(&bytes(MAX_BYTES - 3)).is_ok());
    assert!(read(&bytes(MAX_BYTES - 2)).is_err());
    assert_eq!(read(&[UP]), Ok(Value::Int(1)));
}
