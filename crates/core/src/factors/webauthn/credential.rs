//! The credential record (WebAuthn Level 3 §4): what is kept of a passkey or a security key.

use aws_lc_rs::digest::{SHA256, digest};
use nightlatch_webauthn::Aaguid;

use crate::{
    MethodId, UserId,
    keys::{Aad, KeyRing, Nonce, Place, Purpose},
};

/// As what a credential was enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// A passkey: discoverable and verifying its owner, if the authenticator can.
    Passkey,
    /// A security key: touched, as a second factor.
    SecurityKey,
}

impl CredentialKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Passkey, Self::SecurityKey];

    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passkey => "passkey",
            Self::SecurityKey => "security_key",
        }
    }

    /// The number that rows and seals keep; never reused.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Passkey => 1,
            Self::SecurityKey => 2,
        }
    }

    /// The kind with this number.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// What an assertion may change in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CredentialState {
    /// The signature counter.
    pub sign_count: u32,
    /// Whether the credential is backed up now.
    pub backup_state: bool,
    /// Whether a verification of the person was once vouched for by another factor, so that the next
    /// one counts as a factor by itself.
    pub uv_initialized: bool,
}

/// One credential of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Whose.
    pub user: UserId,
    /// Its method.
    pub method: MethodId,
    /// As what it was enrolled.
    pub kind: CredentialKind,
    /// The credential id; unique over all accounts.
    pub id: Vec<u8>,
    /// The public key, a `COSE_Key`.
    pub public_key: Vec<u8>,
    /// The authenticator's model, all zero if it does not say; proved only by a trusted attestation.
    pub aaguid: Aaguid,
    /// The key identifier of the certificate that attested it, where the model has no AAGUID (U2F).
    pub attestation_key: Option<Vec<u8>>,
    /// Whether the credential may be synced: never changes.
    pub backup_eligible: bool,
    /// Whether the attestation led to a trust anchor when it was enrolled.
    pub trusted: bool,
    /// The attestation's format and type.
    pub attestation: String,
    /// The transports that the authenticator is believed to speak.
    pub transports: Vec<String>,
    /// How the authenticator was attached, if the browser said.
    pub attachment: Option<String>,
    /// Whether it is discoverable, if the browser said.
    pub discoverable: Option<bool>,
    /// The RP ID that it was made for.
    pub rp_id: String,
    /// What an assertion may change.
    pub state: CredentialState,
}

/// Where the store finds a credential by its id, which may be up to 1023 bytes long.
#[must_use]
pub fn credential_lookup(id: &[u8]) -> [u8; 32] {
    let mut lookup = [0; 32];
    lookup.copy_from_slice(digest(&SHA256, id).as_ref());
    lookup
}

impl Credential {
    /// Seals the public key for its row. It is no secret; the seal keeps a writer in the database from
    /// putting a key of their own in its place, or from making a synced credential a device-bound one.
    #[must_use]
    pub fn seal_key(&self, ring: &KeyRing, nonce: Nonce) -> Vec<u8> {
        ring.seal_at(&self.place(), nonce, &self.public_key)
    }

    /// This record with the public key that [`Credential::seal_key`] sealed for it; `None` if any of
    /// what the seal is bound to has changed.
    #[must_use]
    pub fn with_key(mut self, ring: &KeyRing, sealed: &[u8]) -> Option<Self> {
        let key = ring.open_at(&self.place(), sealed)?;
        self.public_key = key.expose().to_vec();
        Some(self)
    }

    /// Where its public key is sealed.
    #[must_use]
    pub fn place(&self) -> Place {
        let aad = Aad::row("webauthn", "public_key")
            .field(self.user.as_bytes())
            .field(self.method.as_bytes())
            .field(&self.id)
            .field(&self.aaguid.0)
            .field(self.attestation_key.as_deref().unwrap_or_default())
            .int(self.kind.code())
            .int(i64::from(self.backup_eligible))
            .int(i64::from(self.trusted));
        Place::new(Purpose::Row, aad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential() -> Credential {
        Credential {
            user: UserId::from_bytes([1; 16]),
            method: MethodId::from_bytes([2; 16]),
            kind: CredentialKind::Passkey,
            id: vec![3; 32],
            public_key: vec![4; 77],
            aaguid: Aaguid([5; 16]),
            attestation_key: None,
            backup_eligible: true,
            trusted: false,
            attestation: "none/none".to_owned(),
            transports: Vec::new(),
            attachment: None,
            discoverable: Some(true),
            rp_id: "localhost".to_owned(),
            state: CredentialState { sign_count: 0, backup_state: true, uv_initialized: true },
        }
    }

    #[test]
    fn a_key_opens_only_in_the_row_it_was_sealed_for() {
        let ring = KeyRing::single(&[1; 32]);
        let original = credential();
        let sealed = original.seal_key(&ring, [0; 12]);
        let blank = Credential { public_key: Vec::new(), ..credential() };
        assert_eq!(blank.clone().with_key(&ring, &sealed).as_ref(), Some(&original));
        for moved in [
            Credential { user: UserId::from_bytes([9; 16]), ..blank.clone() },
            Credential { method: MethodId::from_bytes([9; 16]), ..blank.clone() },
            Credential { id: vec![9; 32], ..blank.clone() },
            Credential { aaguid: Aaguid::ZERO, ..blank.clone() },
            Credential { attestation_key: Some(vec![9; 20]), ..blank.clone() },
            Credential { kind: CredentialKind::SecurityKey, ..blank.clone() },
            Credential { backup_eligible: false, ..blank.clone() },
            Credential { trusted: true, ..blank },
        ] {
            assert_eq!(moved.with_key(&ring, &sealed), None);
        }
    }
}
