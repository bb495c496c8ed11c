//! Sealing: AES-256-GCM under a purpose's subkey, bound to where the secret belongs.

use aws_lc_rs::aead::{self, NONCE_LEN};

use super::{KeyRing, KeyTag, Purpose};
use crate::{Secret, wire::Writer};

/// Fresh randomness for one seal; never used twice.
pub type Nonce = [u8; NONCE_LEN];

const FORMAT: u8 = 1;
const HEADER: usize = 1 + 4 + NONCE_LEN;

/// Associated data: what a seal is bound to, as length-prefixed fields.
pub(crate) struct Aad(Writer);

impl Aad {
    /// Bound to a column of a table; the row's keys follow as fields.
    pub(crate) fn row(table: &str, column: &str) -> Self {
        Self(Writer::default().text(table).text(column))
    }

    /// Bound to its purpose and the era of `ring`: for tokens that carry all they are about.
    pub(crate) fn token(ring: &KeyRing) -> Self {
        Self(Writer::default().bytes(&ring.era))
    }

    pub(crate) fn field(self, bytes: &[u8]) -> Self {
        Self(self.0.bytes(bytes))
    }

    pub(crate) fn int(self, value: i64) -> Self {
        Self(self.0.int(value))
    }
}

/// Where a seal belongs: its purpose, and what it is bound to.
pub struct Place {
    purpose: Purpose,
    aad: Aad,
}

impl Place {
    pub(crate) const fn new(purpose: Purpose, aad: Aad) -> Self {
        Self { purpose, aad }
    }
}

impl KeyRing {
    pub(crate) fn seal_at(&self, place: &Place, nonce: Nonce, plain: &[u8]) -> Vec<u8> {
        self.seal(place.purpose, nonce, &place.aad, plain)
    }

    pub(crate) fn open_at(&self, place: &Place, sealed: &[u8]) -> Option<Secret> {
        self.open(place.purpose, &place.aad, sealed)
    }

    /// Whether `sealed` was sealed at `place` with a key of this ring.
    #[must_use]
    pub fn opens(&self, place: &Place, sealed: &[u8]) -> bool {
        self.open_at(place, sealed).is_some()
    }

    /// Opens what was sealed at `place` and seals it there again, under the key that seals now;
    /// `None` if it does not open there.
    #[must_use]
    pub fn reseal(&self, place: &Place, sealed: &[u8], nonce: Nonce) -> Option<Vec<u8>> {
        let plain = self.open_at(place, sealed)?;
        Some(self.seal_at(place, nonce, plain.expose()))
    }

    /// `format ‖ key tag ‖ nonce ‖ ciphertext ‖ tag` under the sealing key.
    pub(crate) fn seal(&self, purpose: Purpose, nonce: Nonce, aad: &Aad, plain: &[u8]) -> Vec<u8> {
        let key = self.making(purpose);
        let mut sealed = Vec::with_capacity(HEADER + plain.len() + 16);
        sealed.push(FORMAT);
        sealed.extend_from_slice(&key.tag.0);
        sealed.extend_from_slice(&nonce);
        let mut body = plain.to_vec();
        key.aead(purpose)
            .seal_in_place_append_tag(
                aead::Nonce::assume_unique_for_key(nonce),
                aead::Aad::from(aad.bytes()),
                &mut body,
            )
            .expect("a short text is within AES-GCM's limit");
        sealed.extend_from_slice(&body);
        sealed
    }

    /// Opens a seal under whichever key of the ring made it; `None` for anything that was not sealed
    /// for this purpose and this associated data.
    pub(crate) fn open(&self, purpose: Purpose, aad: &Aad, sealed: &[u8]) -> Option<Secret> {
        let (header, body) = sealed.split_at_checked(HEADER)?;
        let (format, rest) = header.split_first()?;
        let (tag, nonce) = rest.split_at_checked(4)?;
        if *format != FORMAT {
            return None;
        }
        let tag = KeyTag(tag.try_into().ok()?);
        let key = self.made(purpose, tag)?;
        let mut body = body.to_vec();
        let length = key
            .aead(purpose)
            .open_in_place(
                aead::Nonce::try_assume_unique_for_key(nonce).ok()?,
                aead::Aad::from(aad.bytes()),
                &mut body,
            )
            .ok()?
            .len();
        body.truncate(length);
        Some(Secret::new(body))
    }

    /// Which key sealed this.
    #[must_use]
    pub fn tag_of(sealed: &[u8]) -> Option<KeyTag> {
        let (format, rest) = sealed.split_first()?;
        let tag = rest.get(..4)?.try_into().ok()?;
        (*format == FORMAT).then_some(KeyTag(tag))
    }

    /// A seal that tells later whether a ring is the one that a database was made with.
    #[must_use]
    pub fn mark(&self, nonce: Nonce) -> Vec<u8> {
        self.seal_at(&Self::mark_place(), nonce, b"nightlatch")
    }

    /// Whether this ring opens `mark`.
    #[must_use]
    pub fn knows(&self, mark: &[u8]) -> bool {
        self.opens(&Self::mark_place(), mark)
    }

    /// Where the mark is sealed.
    #[must_use]
    pub fn mark_place() -> Place {
        Place::new(Purpose::Row, Aad::row("meta", "ring"))
    }
}

impl Aad {
    fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_seal_opens_only_where_it_belongs() {
        let ring = KeyRing::single(&[1; 32]);
        let here = Aad::row("totp", "secret").field(b"a");
        let sealed = ring.seal(Purpose::Row, [9; 12], &here, b"seed");
        assert_eq!(ring.open(Purpose::Row, &here, &sealed).unwrap().expose(), b"seed");

        let there = Aad::row("totp", "secret").field(b"b");
        assert!(ring.open(Purpose::Row, &there, &sealed).is_none(), "another row");
        assert!(ring.open(Purpose::Outbox, &here, &sealed).is_none(), "another purpose");
        let other = KeyRing::single(&[2; 32]);
        assert!(other.open(Purpose::Row, &here, &sealed).is_none(), "another ring");
    }

    #[test]
    fn an_old_key_still_opens() {
        let old = KeyRing::single(&[1; 32]);
        let sealed = old.mark([0; 12]);
        let line = |byte| String::from_utf8(KeyRing::line(&[byte; 32]).expose().to_vec()).unwrap();
        let both = KeyRing::parse(&format!("{}\n{}", line(2), line(1))).unwrap();
        assert!(both.knows(&sealed));
        assert_ne!(KeyRing::tag_of(&both.mark([0; 12])), KeyRing::tag_of(&sealed));
    }

    proptest! {
        /// Whatever is changed in a seal, it no longer opens.
        #[test]
        fn a_changed_seal_does_not_open(at: prop::sample::Index, flip in 1_u8..) {
            let ring = KeyRing::single(&[1; 32]);
            let mut sealed = ring.mark([3; 12]);
            let at = at.index(sealed.len());
            sealed[at] ^= flip;
            prop_assert!(!ring.knows(&sealed));
        }

        /// Arbitrary bytes are refused quietly.
        #[test]
        fn noise_does_not_open(noise: Vec<u8>) {
            prop_assert!(!KeyRing::single(&[1; 32]).knows(&noise));
        }
    }
}
