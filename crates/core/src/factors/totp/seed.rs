//! The secret that an authenticator app and the server share.

use data_encoding::BASE32_NOPAD;

use super::Parameters;
use crate::{
    MethodId, Secret, SecretText, UserId,
    keys::{Aad, KeyRing, Nonce, Place, Purpose},
};

/// A shared secret. RFC 6238 §5.1 asks for the length of the HMAC's output: 20 bytes for SHA-1, 32
/// for SHA-256, 64 for SHA-512.
#[derive(Debug)]
pub struct Seed(Secret);

impl Seed {
    /// A seed of fresh randomness; less than 128 bits (RFC 4226, R6) does not compile.
    #[must_use]
    pub fn new<const N: usize>(entropy: &[u8; N]) -> Self {
        const { assert!(N >= 16, "a seed has at least 128 bits") };
        Self(Secret::new(entropy.to_vec()))
    }

    pub(super) const fn secret(&self) -> &Secret {
        &self.0
    }

    /// The seed as people type it: base32 without padding.
    #[must_use]
    pub fn base32(&self) -> SecretText {
        SecretText::new(BASE32_NOPAD.encode(self.0.expose()))
    }

    /// Seals the seed for the row of `method`.
    #[must_use]
    pub fn seal(
        &self,
        ring: &KeyRing,
        nonce: Nonce,
        user: UserId,
        method: MethodId,
        parameters: &Parameters,
    ) -> Vec<u8> {
        ring.seal_at(&Self::place(user, method, parameters), nonce, self.0.expose())
    }

    /// Opens what [`Seed::seal`] sealed for the same user, method and parameters; `None` for
    /// anything else.
    #[must_use]
    pub fn open(
        ring: &KeyRing,
        sealed: &[u8],
        user: UserId,
        method: MethodId,
        parameters: &Parameters,
    ) -> Option<Self> {
        ring.open_at(&Self::place(user, method, parameters), sealed).map(Self)
    }

    /// Where the seed of `method` is sealed. Bound to the parameters as well, so that a writer in the
    /// database can neither move a seed nor weaken the codes it makes.
    #[must_use]
    pub fn place(user: UserId, method: MethodId, parameters: &Parameters) -> Place {
        let aad = Aad::row("totp", "secret")
            .field(user.as_bytes())
            .field(method.as_bytes())
            .int(parameters.algorithm().code())
            .int(i64::from(parameters.digits()))
            .int(i64::from(parameters.period()));
        Place::new(Purpose::Row, aad)
    }
}
