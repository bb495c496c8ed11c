//! CBOR (RFC 8949) as CTAP2 allows it, read strictly.
//!
//! Lengths are definite and written in the shortest form, no key stands twice in a map, nothing
//! follows the value, and there are no tags and no floating-point numbers. The order of a map's keys
//! is the one rule of CTAP2's canonical form that is not asked for: no decision hangs on it, and
//! honest software gets it wrong. Depth and size are bounded, and what is read borrows from what was
//! sent: an array costs memory only for items that are really there.

/// The longest input.
pub const MAX_BYTES: usize = 64 * 1024;

/// How deep arrays and maps may be nested: a compound attestation takes five levels.
pub const MAX_DEPTH: usize = 8;

/// How many items an array, or entries a map, may have.
pub const MAX_ITEMS: u64 = 256;

/// One data item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// An integer, positive or negative.
    Int(i64),
    /// A byte string.
    Bytes(&'a [u8]),
    /// A text string.
    Text(&'a str),
    /// An array.
    Array(Vec<Value<'a>>),
    /// A map.
    Map(Map<'a>),
    /// A truth value.
    Bool(bool),
    /// Null.
    Null,
}

impl<'a> Value<'a> {
    /// The integer that this is.
    #[must_use]
    pub const fn as_int(&self) -> Option<i64> {
        if let Self::Int(int) = self { Some(*int) } else { None }
    }

    /// The byte string that this is.
    #[must_use]
    pub const fn as_bytes(&self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// The text that this is.
    #[must_use]
    pub const fn as_text(&self) -> Option<&'a str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The array that this is.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    /// The map that this is.
    #[must_use]
    pub const fn as_map(&self) -> Option<&Map<'a>> {
        if let Self::Map(map) = self { Some(map) } else { None }
    }
}

/// A key of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    /// A number, as COSE has them.
    Int(i64),
    /// A name, as WebAuthn has them.
    Text(&'a str),
}

impl From<i64> for Key<'_> {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

impl<'a> From<&'a str> for Key<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

/// A map, its entries in the order in which they were sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Map<'a>(Vec<(Key<'a>, Value<'a>)>);

impl<'a> Map<'a> {
    /// The value under `key`.
    #[must_use]
    pub fn get<'k>(&self, key: impl Into<Key<'k>>) -> Option<&Value<'a>> {
        let key = key.into();
        self.0.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// The integer under `key`.
    #[must_use]
    pub fn int<'k>(&self, key: impl Into<Key<'k>>) -> Option<i64> {
        self.get(key).and_then(Value::as_int)
    }

    /// The byte string under `key`.
    #[must_use]
    pub fn bytes<'k>(&self, key: impl Into<Key<'k>>) -> Option<&'a [u8]> {
        self.get(key).and_then(Value::as_bytes)
    }

    /// The text under `key`.
    #[must_use]
    pub fn text<'k>(&self, key: impl Into<Key<'k>>) -> Option<&'a str> {
        self.get(key).and_then(Value::as_text)
    }

    /// Whether the map has exactly these keys, in any order.
    #[must_use]
    pub fn has_only(&self, keys: &[Key<'_>]) -> bool {
        self.0.len() == keys.len() && keys.iter().all(|key| self.get(*key).is_some())
    }

    /// How many entries there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries.
    pub fn iter(&self) -> impl Iterator<Item = &(Key<'a>, Value<'a>)> {
        self.0.iter()
    }
}

/// Reads the one value that `bytes` are, to the last of them.
///
/// # Errors
///
/// A few words on what is wrong.
pub fn read(bytes: &[u8]) -> Result<Value<'_>, &'static str> {
    let (value, rest) = read_first(bytes)?;
    if rest.is_empty() { Ok(value) } else { Err("bytes follow the CBOR value") }
}

/// Reads the first value of `bytes`, and returns what follows it.
///
/// # Errors
///
/// A few words on what is wrong.
pub fn read_first(bytes: &[u8]) -> Result<(Value<'_>, &[u8]), &'static str> {
    if bytes.len() > MAX_BYTES {
        return Err("more CBOR than is ever needed");
    }
    let mut reader = Reader { rest: bytes };
    let value = reader.value(0)?;
    Ok((value, reader.rest))
}

const TRUNCATED: &str = "the CBOR ends too early";

/// The rest of what was sent.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: u64) -> Result<&'a [u8], &'static str> {
        let count = usize::try_from(count).map_err(|_| TRUNCATED)?;
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(taken)
    }

    fn number<const N: usize>(&mut self) -> Result<u64, &'static str> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(taken.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// The major type of the next item, and its argument (RFC 8949 §3), in the shortest form.
    fn head(&mut self) -> Result<(u8, u64), &'static str> {
        let (first, rest) = self.rest.split_first().ok_or(TRUNCATED)?;
        self.rest = rest;
        let major = first >> 5;
        let (argument, shortest) = match first & 0x1f {
            small @ 0..24 => return Ok((major, u64::from(small))),
            24 => (self.number::<1>()?, 24),
            25 => (self.number::<2>()?, 1 << 8),
            26 => (self.number::<4>()?, 1 << 16),
            27 => (self.number::<8>()?, 1 << 32),
            28..=30 => return Err("a reserved CBOR length"),
            _ => return Err("an indefinite CBOR length"),
        };
        if major == 7 {
            return Err("a floating-point number or an unknown simple value");
        }
        if argument < shortest {
            return Err("a CBOR length that is longer than needed");
        }
        Ok((major, argument))
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, &'static str> {
        let (major, argument) = self.head()?;
        match major {
            0 | 1 => {
                let int = i64::try_from(argument).map_err(|_| "an integer beyond 64 bits")?;
                // A negative integer is -1 - n, which is what inverting all bits gives.
                Ok(Value::Int(if major == 0 { int } else { !int }))
            }
            2 => Ok(Value::Bytes(self.take(argument)?)),
            3 => {
                let text = std::str::from_utf8(self.take(argument)?);
                Ok(Value::Text(text.map_err(|_| "CBOR text that is not UTF-8")?))
            }
            4 => self.array(argument, deeper(depth)?),
            5 => self.map(argument, deeper(depth)?),
            6 => Err("a CBOR tag"),
            _ => match argument {
                20 => Ok(Value::Bool(false)),
                21 => Ok(Value::Bool(true)),
                22 => Ok(Value::Null),
                _ => Err("an unknown CBOR simple value"),
            },
        }
    }

    fn array(&mut self, count: u64, depth: usize) -> Result<Value<'a>, &'static str> {
        plausible(count)?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(self.value(depth)?);
        }
        Ok(Value::Array(items))
    }

    fn map(&mut self, count: u64, depth: usize) -> Result<Value<'a>, &'static str> {
        plausible(count)?;
        let mut map = Map::default();
        for _ in 0..count {
            let key = match self.value(depth)? {
                Value::Int(int) => Key::Int(int),
                Value::Text(text) => Key::Text(text),
                Value::Bytes(_)
                | Value::Array(_)
                | Value::Map(_)
                | Value::Bool(_)
                | Value::Null => return Err("a map's key is neither a number nor text"),
            };
            if map.get(key).is_some() {
                return Err("a key stands twice in a map");
            }
            let value = self.value(depth)?;
            map.0.push((key, value));
        }
        Ok(Value::Map(map))
    }
}

const fn plausible(count: u64) -> Result<(), &'static str> {
    if count > MAX_ITEMS { Err("more items than are ever needed") } else { Ok(()) }
}

const fn deeper(depth: usize) -> Result<usize, &'static str> {
    if depth >= MAX_DEPTH {
        return Err("CBOR that is nested too deeply");
    }
    Ok(depth.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;

    #[track_caller]
    fn check(hex: &str, expected: &Result<Value<'_>, &str>) {
        let bytes = HEXLOWER.decode(hex.as_bytes());
        assert_eq!(read(&bytes.unwrap_or_default()), *expected, "{hex}");
    }

    /// Rows of RFC 8949 Appendix A.
    #[test]
    fn values_are_read() {
        check("00", &Ok(Value::Int(0)));
        check("17", &Ok(Value::Int(23)));
        check("1818", &Ok(Value::Int(24)));
        check("1903e8", &Ok(Value::Int(1000)));
        check("1a000f4240", &Ok(Value::Int(1_000_000)));
        check("1b000000e8d4a51000", &Ok(Value::Int(1_000_000_000_000)));
        check("1b7fffffffffffffff", &Ok(Value::Int(i64::MAX)));
        check("20", &Ok(Value::Int(-1)));
        check("3903e7", &Ok(Value::Int(-1000)));
        check("3b7fffffffffffffff", &Ok(Value::Int(i64::MIN)));
        check("4401020304", &Ok(Value::Bytes(&[1, 2, 3, 4])));
        check("62c3bc", &Ok(Value::Text("\u{fc}")));
        check("f4", &Ok(Value::Bool(false)));
        check("f5", &Ok(Value::Bool(true)));
        check("f6", &Ok(Value::Null));
        check("820102", &Ok(Value::Array(vec![Value::Int(1), Value::Int(2)])));
        let map = Map(vec![(Key::Text("a"), Value::Int(1)), (Key::Int(-2), Value::Array(vec![]))]);
        check("a26161012180", &Ok(Value::Map(map)));
    }

    #[test]
    fn what_is_not_strict_is_refused() {
        const LONG: &str = "a CBOR length that is longer than needed";
        for hex in ["", "18", "19ff", "41", "62c3", "81", "a1", "a101", "5b0000000100000000"] {
            check(hex, &Err(TRUNCATED));
        }
        for hex in
            ["1817", "190017", "1900ff", "1a0000ffff", "1b00000000ffffffff", "5800", "b80101"]
        {
            check(hex, &Err(LONG));
        }
        for hex in ["5f4101ff", "7f6161ff", "9f01ff", "bf0101ff", "ff"] {
            check(hex, &Err("an indefinite CBOR length"));
        }
        check("1c", &Err("a reserved CBOR length"));
        check("0000", &Err("bytes follow the CBOR value"));
        check("a2010101f6", &Err("a key stands twice in a map"));
        check("a2616101616101", &Err("a key stands twice in a map"));
        check("a14101f6", &Err("a map's key is neither a number nor text"));
        check("61ff", &Err("CBOR text that is not UTF-8"));
        check("c001", &Err("a CBOR tag"));
        check("1b8000000000000000", &Err("an integer beyond 64 bits"));
        check("3b8000000000000000", &Err("an integer beyond 64 bits"));
        for hex in ["f93c00", "fa47c35000", "fb3ff199999999999a", "f818"] {
            check(hex, &Err("a floating-point number or an unknown simple value"));
        }
        for hex in ["f7", "e0", "f3"] {
            check(hex, &Err("an unknown CBOR simple value"));
        }
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let nested = |depth: usize| format!("{}00", "81".repeat(depth));
        assert!(read(&HEXLOWER.decode(nested(8).as_bytes()).unwrap_or_default()).is_ok());
        check(&nested(9), &Err("CBOR that is nested too deeply"));
        check(&nested(30_000), &Err("CBOR that is nested too deeply"));
        check("9901010000", &Err("more items than are ever needed"));
        check("9b7fffffffffffffff00", &Err("more items than are ever needed"));
        check("ba00010000", &Err("more items than are ever needed"));
        let full = format!("990100{}", "00".repeat(256));
        assert!(read(&HEXLOWER.decode(full.as_bytes()).unwrap_or_default()).is_ok());
        assert_eq!(
            read(&vec![0; MAX_BYTES.saturating_add(1)]),
            Err("more CBOR than is ever needed")
        );
    }

    #[test]
    fn what_follows_the_first_value_is_returned() {
        assert_eq!(read_first(&[1, 2, 3]), Ok((Value::Int(1), &[2, 3][..])));
    }

    #[test]
    fn a_map_has_only_its_keys() {
        let map = Map(vec![(Key::Int(1), Value::Null), (Key::Text("a"), Value::Null)]);
        assert!(map.has_only(&["a".into(), 1.into()]));
        assert!(!map.has_only(&["a".into()]));
        assert!(!map.has_only(&["a".into(), 2.into()]));
    }

    #[test]
    fn a_value_is_of_one_kind() {
        let (items, map) = ([Value::Null], Map(vec![(Key::Int(1), Value::Null)]));
        let values = [
            Value::Int(2),
            Value::Bytes(b"b"),
            Value::Text("t"),
            Value::Array(items.to_vec()),
            Value::Map(map.clone()),
            Value::Bool(true),
            Value::Null,
        ];
        for (kind, value) in values.iter().enumerate() {
            assert_eq!(value.as_int(), (kind == 0).then_some(2));
            assert_eq!(value.as_bytes(), (kind == 1).then_some(&b"b"[..]));
            assert_eq!(value.as_text(), (kind == 2).then_some("t"));
            assert_eq!(value.as_array(), (kind == 3).then_some(&items[..]));
            assert_eq!(value.as_map(), (kind == 4).then_some(&map));
        }
        assert_eq!((map.len(), map.is_empty()), (1, false));
        assert_eq!((Map::default().len(), Map::default().is_empty()), (0, true));
        assert_eq!(map.iter().collect::<Vec<_>>(), [&(Key::Int(1), Value::Null)]);
    }
}
