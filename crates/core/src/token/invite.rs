//! The link that makes the first administrator: a row's id and 256 random bits, of which the store
//! keeps the hash.

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64URL_NOPAD;

use crate::SecretText;

const PREFIX: &str = "nli_";

/// An administrator's invitation (`nli_`), printed by the command line.
pub struct Invite {
    /// Its row.
    pub id: [u8; 16],
    random: [u8; 32],
}

impl Invite {
    /// A fresh invitation.
    #[must_use]
    pub const fn issue(id: [u8; 16], random: [u8; 32]) -> Self {
        Self { id, random }
    }

    /// The token as it travels.
    #[must_use]
    pub fn to_text(&self) -> SecretText {
        let bytes = [&self.id[..], &self.random].concat();
        SecretText::new(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&bytes)))
    }

    /// Reads an invitation; whether it is a good one only the store can tell.
    #[must_use]
    pub fn parse(text: &SecretText) -> Option<Self> {
        let body = text.expose().strip_prefix(PREFIX)?;
        if body.len() != BASE64URL_NOPAD.encode_len(48) {
            return None;
        }
        let bytes = BASE64URL_NOPAD.decode(body.as_bytes()).ok()?;
        let (id, random) = bytes.split_at_checked(16)?;
        Some(Self { id: id.try_into().ok()?, random: random.try_into().ok()? })
    }

    /// What the store keeps of it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, &self.random).as_ref());
        hash
    }
}
