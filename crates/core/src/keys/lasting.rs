//! The keys that last: of what is looked up or counted by a keyed hash.
//!
//! An address is found by a keyed hash, a budget is counted in a slot that one chooses, recovery codes
//! are peppered with one. Under another key all of them would be lost, and nobody can make them again
//! without knowing the address or the code. So these keys are drawn once, from the key that the
//! database was made with, and kept in it under a seal like everything else.

use super::{Aad, KeyRing, KeyTag, Nonce, Place, Purpose, ring::Key};
use crate::wire::{Reader, Writer};

impl Key {
    /// Those of its subkeys that last.
    pub(super) fn lasting(&self) -> Self {
        Self::of(self.tag, Purpose::LASTING.iter().map(|purpose| self.raw32(*purpose)))
    }

    fn raw32(&self, purpose: Purpose) -> [u8; 32] {
        self.raw(purpose).expose().try_into().expect("a subkey has 32 bytes")
    }
}

impl KeyRing {
    /// Where the keys that last are sealed.
    #[must_use]
    pub fn lasting_place() -> Place {
        Place::new(Purpose::Row, Aad::row("meta", "lasting"))
    }

    /// Seals the keys that last of a database that was made with the key `made_with`; `None` if that
    /// key is not in the ring.
    #[must_use]
    pub fn seal_lasting(&self, made_with: KeyTag, nonce: Nonce) -> Option<Vec<u8>> {
        let lasting = self.named(made_with)?.lasting();
        let plain = Purpose::LASTING
            .iter()
            .fold(Writer::default().bytes(&lasting.tag.0), |plain, purpose| {
                plain.bytes(&lasting.raw32(*purpose))
            });
        Some(self.seal_at(&Self::lasting_place(), nonce, plain.as_slice()))
    }

    /// The ring with the keys that [`KeyRing::seal_lasting`] sealed; `None` if it can't open them.
    #[must_use]
    pub fn adopt(mut self, sealed: &[u8]) -> Option<Self> {
        let plain = self.open_at(&Self::lasting_place(), sealed)?;
        let mut reader = Reader(plain.expose());
        let tag = KeyTag(reader.array()?);
        let mut raws = Vec::with_capacity(Purpose::LASTING.len());
        for _ in Purpose::LASTING {
            raws.push(reader.array::<32>()?);
        }
        reader.end()?;
        self.lasting = Key::of(tag, raws.into_iter());
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        SessionId, Timestamp, UserId,
        email::Email,
        lockout::Budget,
        token::{Device, Refresh},
    };

    fn ring(keys: &[u8]) -> KeyRing {
        let line =
            |key: &u8| String::from_utf8(KeyRing::line(&[*key; 32]).expose().to_vec()).unwrap();
        KeyRing::parse(&keys.iter().map(line).collect::<Vec<_>>().join("\n")).unwrap()
    }

    #[test]
    fn what_is_looked_up_or_counted_outlives_every_key_of_the_ring() {
        let old = ring(&[1]);
        let email = Email::parse("ada@example.org").unwrap();
        let refresh = Refresh::new(SessionId::from_bytes([1; 16]), 1, [2; 32]).issue(&old);
        let issued_at = Timestamp::from_seconds(1_700_000_000);
        let device = Device { user: UserId::from_bytes([3; 16]), id: [4; 16], issued_at };
        let device = device.seal(&old, [5; 12]);
        let everything = |ring: &KeyRing| {
            let slot = Budget::Network.slot(ring, &[6; 32], b"net");
            let known =
                (Refresh::parse(ring, &refresh).is_some(), Device::open(ring, &device).is_some());
            (email.lookup_key(ring), slot, known)
        };
        let before = everything(&old);
        assert_eq!(before.2, (true, true));

        let sealed = old.seal_lasting(old.primary_tag(), [0; 12]).unwrap();
        let both = ring(&[2, 1]);
        let promoted = both.adopt(&sealed).unwrap();
        assert_eq!(everything(&promoted), before);
        let resealed = promoted.reseal(&KeyRing::lasting_place(), &sealed, [1; 12]).unwrap();
        let retired = ring(&[2]).adopt(&resealed).unwrap();
        assert_eq!(everything(&retired), before);
        assert_ne!(everything(&ring(&[2])), before, "without them all would be lost");
        assert!(ring(&[2]).adopt(&sealed).is_none(), "not without the key that sealed them");
        assert!(ring(&[2]).seal_lasting(old.primary_tag(), [0; 12]).is_none());
    }

    #[test]
    fn a_database_that_has_none_gets_those_of_its_key() {
        let old = ring(&[1]);
        let email = Email::parse("ada@example.org").unwrap();
        let both = ring(&[2, 1]);
        let sealed = both.seal_lasting(old.primary_tag(), [0; 12]).unwrap();
        assert_eq!(KeyRing::tag_of(&sealed), Some(both.primary_tag()));
        assert_eq!(email.lookup_key(&both.adopt(&sealed).unwrap()), email.lookup_key(&old));
    }
}
