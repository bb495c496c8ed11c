//! Refresh tokens: a session's row id, a generation, 256 random bits, and a tag that tells tokens
//! that were once issued here from invented ones.

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64URL_NOPAD;
use subtle::ConstantTimeEq;

use crate::{
    SecretText, SessionId,
    keys::{KeyRing, Purpose},
};

const PREFIX: &str = "nlr_";
const TAG: usize = 16;

/// One refresh token (`nlr_`).
///
/// The tag is what makes reuse detection safe: only a token that was really issued can end its
/// session by being presented again, so that knowing a session's id is not enough to end it.
pub struct Refresh {
    /// The session it renews.
    pub session: SessionId,
    /// Counts the session's rotations.
    pub generation: i64,
    random: [u8; 32],
}

impl Refresh {
    /// A token of `session`'s `generation`.
    #[must_use]
    pub const fn new(session: SessionId, generation: i64, random: [u8; 32]) -> Self {
        Self { session, generation, random }
    }

    fn body(&self) -> [u8; 56] {
        let mut body = [0; 56];
        body[..16].copy_from_slice(self.session.as_bytes());
        body[16..24].copy_from_slice(&self.generation.to_be_bytes());
        body[24..].copy_from_slice(&self.random);
        body
    }

    /// The token as it travels, issued under `ring`.
    #[must_use]
    pub fn issue(&self, ring: &KeyRing) -> SecretText {
        let body = self.body();
        let mac = ring.mac(Purpose::Refresh, &body);
        let bytes = [&body[..], &mac[..TAG]].concat();
        SecretText::new(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&bytes)))
    }

    /// Reads a token that was issued under this ring; `None` for anything else.
    #[must_use]
    pub fn parse(ring: &KeyRing, text: &SecretText) -> Option<Self> {
        let body = text.expose().strip_prefix(PREFIX)?;
        if body.len() != BASE64URL_NOPAD.encode_len(56 + TAG) {
            return None;
        }
        let bytes = BASE64URL_NOPAD.decode(body.as_bytes()).ok()?;
        let (body, tag) = bytes.split_at_checked(56)?;
        let mac = ring.mac(Purpose::Refresh, body);
        if !bool::from(mac[..TAG].ct_eq(tag)) {
            return None;
        }
        Some(Self {
            session: SessionId::from_bytes(body[..16].try_into().ok()?),
            generation: i64::from_be_bytes(body[16..24].try_into().ok()?),
            random: body[24..].try_into().ok()?,
        })
    }

    /// What the store keeps of it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, &self.body()).as_ref());
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_issued_tokens_are_read() {
        let ring = KeyRing::single(&[1; 32]);
        let session = SessionId::from_bytes([2; 16]);
        let token = Refresh::new(session, 7, [3; 32]);
        let text = token.issue(&ring);
        let read = Refresh::parse(&ring, &text).unwrap();
        assert_eq!((read.session, read.generation, read.hash()), (session, 7, token.hash()));

        for at in 0..text.expose().len() {
            let mut bytes = text.expose().as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = SecretText::new(String::from_utf8(bytes).unwrap());
            assert!(Refresh::parse(&ring, &changed).is_none(), "changed at {at}");
        }
        assert!(Refresh::parse(&KeyRing::single(&[9; 32]), &text).is_none());
    }
}
