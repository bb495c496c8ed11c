//! The ring and its subkeys.

use std::{fmt, str::FromStr};

use aws_lc_rs::{aead, hkdf, hmac};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde::{Serialize, Serializer};

use super::Purpose;
use crate::Secret;

/// Names a key of the ring in sealed rows, tokens and key sets. Derived from the key itself, so that
/// a key cannot be filed under another's name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyTag(pub(super) [u8; 4]);

impl KeyTag {
    /// The tag with these bytes, as rows keep it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// The bytes, as rows keep them.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 4] {
        self.0
    }
}

impl fmt::Display for KeyTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for KeyTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Not the name of a key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is named by eight hexadecimal digits")]
pub struct BadTag;

impl FromStr for KeyTag {
    type Err = BadTag;

    fn from_str(text: &str) -> Result<Self, BadTag> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| BadTag)?;
        bytes.try_into().map(Self).map_err(|_| BadTag)
    }
}

impl Serialize for KeyTag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why a text is not a key ring. Says which line, never what is on it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRing {
    /// No key at all.
    #[error("the key ring holds no key")]
    Empty,
    /// A line that is not a key.
    #[error("line {0} of the key ring is not 32 bytes in base64url without padding")]
    Line(usize),
    /// The same key twice.
    #[error("line {0} of the key ring repeats a key")]
    Repeated(usize),
}

pub(super) struct Key {
    pub(super) tag: KeyTag,
    subkeys: Vec<Subkey>,
}

struct Subkey {
    raw: Secret,
    aead: aead::LessSafeKey,
    mac: hmac::Key,
}

struct Length32;

impl hkdf::KeyType for Length32 {
    fn len(&self) -> usize {
        32
    }
}

fn derive(key: &[u8], info: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    hkdf::Salt::new(hkdf::HKDF_SHA256, &[])
        .extract(key)
        .expand(&[info.as_bytes()], Length32)
        .and_then(|okm| okm.fill(&mut bytes))
        .expect("32 bytes are within HKDF's limit");
    bytes
}

impl Key {
    fn new(bytes: &[u8; 32]) -> Self {
        let [a, b, c, d, ..] = derive(bytes, "nightlatch/v1/key-tag");
        let raws = Purpose::ALL.iter().map(|purpose| derive(bytes, purpose.info()));
        Self::of(KeyTag([a, b, c, d]), raws)
    }

    /// The key `tag` with these subkeys, in the order of [`Purpose::ALL`].
    pub(super) fn of(tag: KeyTag, raws: impl Iterator<Item = [u8; 32]>) -> Self {
        let subkey = |raw: [u8; 32]| {
            let unbound = aead::UnboundKey::new(&aead::AES_256_GCM, &raw)
                .expect("the key has AES-256's length");
            Subkey {
                aead: aead::LessSafeKey::new(unbound),
                mac: hmac::Key::new(hmac::HMAC_SHA256, &raw),
                raw: Secret::new(raw.to_vec()),
            }
        };
        Self { tag, subkeys: raws.map(subkey).collect() }
    }

    pub(super) fn raw(&self, purpose: Purpose) -> &Secret {
        &self.subkeys[purpose.index()].raw
    }

    pub(super) fn aead(&self, purpose: Purpose) -> &aead::LessSafeKey {
        &self.subkeys[purpose.index()].aead
    }

    fn mac(&self, purpose: Purpose, data: &[u8]) -> [u8; 32] {
        let mut tag = [0; 32];
        tag.copy_from_slice(hmac::sign(&self.subkeys[purpose.index()].mac, data).as_ref());
        tag
    }
}

/// The keys of an installation, the sealing one first.
pub struct KeyRing {
    pub(super) keys: Vec<Key>,
    /// What lasts: made of the first key until [`KeyRing::adopt`] puts the installation's own there.
    pub(super) lasting: Key,
    /// What sealed tokens are bound to besides: see [`KeyRing::in_era`].
    pub(super) era: [u8; 16],
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.tags()).finish()
    }
}

impl KeyRing {
    /// Reads a ring: one key a line, 32 bytes in base64url without padding, the sealing key first;
    /// empty lines and lines that start with `#` are skipped.
    ///
    /// # Errors
    ///
    /// [`BadRing`] says which line is wrong.
    pub fn parse(text: &str) -> Result<Self, BadRing> {
        let mut keys: Vec<Key> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let number = index + 1;
            let bytes = BASE64URL_NOPAD
                .decode(line.as_bytes())
                .ok()
                .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
                .ok_or(BadRing::Line(number))?;
            let key = Key::new(&bytes);
            if keys.iter().any(|known| known.tag == key.tag) {
                return Err(BadRing::Repeated(number));
            }
            keys.push(key);
        }
        let lasting = keys.first().ok_or(BadRing::Empty)?.lasting();
        Ok(Self { keys, lasting, era: [0; 16] })
    }

    /// A ring of one key.
    #[must_use]
    pub fn single(key: &[u8; 32]) -> Self {
        let key = Key::new(key);
        Self { lasting: key.lasting(), keys: vec![key], era: [0; 16] }
    }

    /// The ring for a database in this era. A restored database begins another, in which no token
    /// opens that was sealed before, whatever its purpose.
    #[must_use]
    pub fn in_era(self, era: [u8; 16]) -> Self {
        Self { era, ..self }
    }

    /// One line of a ring's text for a fresh key made of `entropy`.
    #[must_use]
    pub fn line(entropy: &[u8; 32]) -> Secret {
        Secret::new(BASE64URL_NOPAD.encode(entropy).into_bytes())
    }

    /// The keys' names, the sealing one first.
    pub fn tags(&self) -> impl Iterator<Item = KeyTag> {
        self.keys.iter().map(|key| key.tag)
    }

    pub(super) fn primary(&self) -> &Key {
        self.keys.first().expect("a ring holds at least one key")
    }

    pub(super) fn named(&self, tag: KeyTag) -> Option<&Key> {
        self.keys.iter().find(|key| key.tag == tag)
    }

    /// The key that what is new is made with.
    pub(super) fn making(&self, purpose: Purpose) -> &Key {
        if purpose.lasts() { &self.lasting } else { self.primary() }
    }

    /// The key `tag`, if it may have made something for `purpose`.
    pub(super) fn made(&self, purpose: Purpose, tag: KeyTag) -> Option<&Key> {
        if purpose.lasts() {
            return Some(&self.lasting).filter(|key| key.tag == tag);
        }
        self.named(tag)
    }

    /// The name of the sealing key.
    #[must_use]
    pub fn primary_tag(&self) -> KeyTag {
        self.primary().tag
    }

    /// The name of the keys that last.
    pub(crate) fn lasting_tag(&self) -> KeyTag {
        self.lasting.tag
    }

    /// The tag of `data` under the key in use.
    pub(crate) fn mac(&self, purpose: Purpose, data: &[u8]) -> [u8; 32] {
        self.making(purpose).mac(purpose, data)
    }

    /// The tag of `data` under the key with this name; `None` if there is none.
    pub(crate) fn mac_under(&self, tag: KeyTag, purpose: Purpose, data: &[u8]) -> Option<[u8; 32]> {
        self.made(purpose, tag).map(|key| key.mac(purpose, data))
    }

    /// The tags of `data` under every key of the ring, the one in use first: for what does not last.
    pub(crate) fn macs(&self, purpose: Purpose, data: &[u8]) -> impl Iterator<Item = [u8; 32]> {
        debug_assert!(!purpose.lasts(), "there is one key for what lasts");
        self.keys.iter().map(move |key| key.mac(purpose, data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_read_line_by_line() {
        let (a, b) = (BASE64URL_NOPAD.encode(&[1; 32]), BASE64URL_NOPAD.encode(&[2; 32]));
        let ring = KeyRing::parse(&format!("# two keys\n{b}\n\n{a}\n")).unwrap();
        let single = KeyRing::single(&[2; 32]);
        assert_eq!(ring.tags().next(), single.tags().next(), "the first line seals");
        assert_eq!(ring.tags().count(), 2);

        assert_eq!(KeyRing::parse("# none").unwrap_err(), BadRing::Empty);
        assert_eq!(KeyRing::parse(&format!("{a}\nshort")).unwrap_err(), BadRing::Line(2));
        assert_eq!(KeyRing::parse(&format!("{a}\n{a}")).unwrap_err(), BadRing::Repeated(2));
    }

    #[test]
    fn every_purpose_has_a_key_of_its_own() {
        let ring = KeyRing::single(&[1; 32]);
        let mut seen = std::collections::HashSet::new();
        for purpose in Purpose::ALL {
            assert!(seen.insert(ring.primary().raw(purpose).expose().to_vec()), "{purpose:?}");
        }
    }
}
