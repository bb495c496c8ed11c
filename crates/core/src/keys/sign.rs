//! Signing keys: Ed25519 keys derived from the ring, so that every node has the same ones and a key
//! in the ring is all there is to keep safe.

use aws_lc_rs::signature::{self, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use super::{KeyRing, KeyTag, Purpose, ring::Key};

/// A key pair of the ring for one purpose.
pub struct Signer {
    tag: KeyTag,
    pair: Ed25519KeyPair,
}

impl Signer {
    fn new(key: &Key, purpose: Purpose) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(key.raw(purpose).expose())
            .expect("the seed has Ed25519's length");
        Self { tag: key.tag, pair }
    }

    /// Names the key (`kid`).
    #[must_use]
    pub const fn tag(&self) -> KeyTag {
        self.tag
    }

    /// The public key, 32 bytes (RFC 8032).
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// Signs `message`.
    ///
    /// # Panics
    ///
    /// Never: an Ed25519 signature has 64 bytes (RFC 8032).
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.pair.sign(message).as_ref().try_into().expect("an Ed25519 signature has 64 bytes")
    }

    /// Whether `signature` over `message` was made with this key.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&signature::ED25519, self.public_key())
            .verify(message, signature)
            .is_ok()
    }
}

impl KeyRing {
    /// The keys that sign access tokens, the one in use first.
    #[must_use]
    pub fn access_token_signers(&self) -> Vec<Signer> {
        self.signers(Purpose::AccessToken)
    }

    /// The keys that sign checkpoints of the audit trail, the one in use first.
    #[must_use]
    pub fn checkpoint_signers(&self) -> Vec<Signer> {
        self.signers(Purpose::Checkpoint)
    }

    fn signers(&self, purpose: Purpose) -> Vec<Signer> {
        self.keys.iter().map(|key| Signer::new(key, purpose)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_verifies_under_its_own_key_only() {
        let ring = KeyRing::single(&[1; 32]);
        let tokens = &ring.access_token_signers()[0];
        let signature = tokens.sign(b"message");
        assert!(tokens.verify(b"message", &signature));
        assert!(!tokens.verify(b"massage", &signature));
        assert!(!ring.checkpoint_signers()[0].verify(b"message", &signature));
    }
}
