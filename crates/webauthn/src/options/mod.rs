//! What a browser is asked for, in the JSON forms of WebAuthn Level 3 §5.1.8 and §5.1.9: what
//! `parseCreationOptionsFromJSON()` and `parseRequestOptionsFromJSON()` read.
//!
//! Options are a request and no promise: a browser may ignore any of them. Whatever matters is
//! verified in the answer, so hand [`Registration`](crate::Registration) and
//! [`Authentication`](crate::Authentication) the same values that went out here. Members at the
//! specification's default are left out of the JSON.

mod creation;
mod extensions;
mod request;

use serde::Serialize;

pub use self::{
    creation::{
        AttestationConveyance, AuthenticatorAttachment, AuthenticatorSelection, CreationOptions,
        ResidentKey, RpEntity, UserEntity, UserHandle,
    },
    extensions::{CreationExtensions, CreationPrf, RequestExtensions, RequestPrf},
    request::RequestOptions,
};

use crate::base64url::Bytes;

/// The shortest challenge, in bytes (§13.4.3).
pub const MIN_CHALLENGE: usize = 16;

/// What the authenticator is to sign: random bytes that were never used before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Challenge(Bytes);

impl Challenge {
    /// The challenge that these bytes are.
    ///
    /// # Errors
    ///
    /// If there are fewer than [`MIN_CHALLENGE`].
    pub fn new(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() < MIN_CHALLENGE {
            return Err("a challenge of fewer than 16 bytes");
        }
        Ok(Self(bytes.into()))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_ref()
    }
}

/// `PublicKeyCredentialDescriptorJSON`: a credential that exists (§5.8.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "public-key")]
pub struct CredentialDescriptor {
    /// The credential id.
    pub id: Bytes,
    /// The transports that its authenticator is believed to speak, as they were registered: names
    /// that a client does not know it ignores.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transports: Vec<String>,
}

/// `PublicKeyCredentialHint`: what kind of authenticator the client is to offer first (§5.8.8).
///
/// For older browsers, [`AuthenticatorSelection::authenticator_attachment`] should say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hint {
    /// A security key.
    SecurityKey,
    /// An authenticator built into the device that the browser runs on.
    ClientDevice,
    /// A general-purpose authenticator such as a phone.
    Hybrid,
}

/// Whether a member is what it would be if it were left out.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
