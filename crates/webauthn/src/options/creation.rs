//! `PublicKeyCredentialCreationOptionsJSON` (§5.1.8, §5.4): asking for a new credential.

use serde::{Serialize, Serializer};

use super::{Challenge, CreationExtensions, CredentialDescriptor, Hint, is_default};
use crate::{Algorithm, Format, UserVerification, base64url::Bytes};

/// `PublicKeyCredentialCreationOptionsJSON`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreationOptions {
    /// Who asks.
    pub rp: RpEntity,
    /// The account that the credential is for.
    pub user: UserEntity,
    /// The challenge of this ceremony.
    pub challenge: Challenge,
    /// The algorithms that are accepted, the preferred first. With an empty list a client takes
    /// ES256 and RS256 to be meant.
    #[serde(serialize_with = "parameters")]
    pub pub_key_cred_params: Vec<Algorithm>,
    /// How long the client is to wait for the person, in milliseconds; a hint.
    #[serde(rename = "timeout", skip_serializing_if = "is_default")]
    pub timeout_ms: Option<u32>,
    /// The credentials that the account has: an authenticator that holds one makes no second.
    #[serde(skip_serializing_if = "is_default")]
    pub exclude_credentials: Vec<CredentialDescriptor>,
    /// What the authenticator must or should be able to do.
    pub authenticator_selection: AuthenticatorSelection,
    /// The kinds of authenticator to offer, the preferred first.
    #[serde(skip_serializing_if = "is_default")]
    pub hints: Vec<Hint>,
    /// How much attestation is wanted.
    #[serde(skip_serializing_if = "is_default")]
    pub attestation: AttestationConveyance,
    /// The attestation formats that are wanted, the preferred first; empty for no preference.
    #[serde(serialize_with = "formats", skip_serializing_if = "is_default")]
    pub attestation_formats: Vec<Format>,
    /// The extensions that are asked for.
    #[serde(skip_serializing_if = "is_default")]
    pub extensions: CreationExtensions,
}

impl CreationOptions {
    /// Options that offer every [`Algorithm`], and are the specification's default in all else.
    #[must_use]
    pub fn new(rp: RpEntity, user: UserEntity, challenge: Challenge) -> Self {
        Self {
            rp,
            user,
            challenge,
            pub_key_cred_params: Algorithm::ALL.to_vec(),
            timeout_ms: None,
            exclude_credentials: Vec::new(),
            authenticator_selection: AuthenticatorSelection::default(),
            hints: Vec::new(),
            attestation: AttestationConveyance::None,
            attestation_formats: Vec::new(),
            extensions: CreationExtensions::default(),
        }
    }
}

/// `PublicKeyCredentialRpEntity`: who asks (§5.4.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RpEntity {
    /// The RP ID, a domain: the same as [`RelyingParty::id`](crate::RelyingParty::id).
    pub id: String,
    /// A name for people. Few clients show it.
    pub name: String,
}

/// `PublicKeyCredentialUserEntityJSON`: the account that the credential is for (§5.4.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserEntity {
    /// The account's handle, which a discoverable credential gives back when it is used.
    pub id: UserHandle,
    /// What the person knows the account by: a user name or an address.
    pub name: String,
    /// The person's name, as they chose it; it may be empty.
    pub display_name: String,
}

/// The longest user handle, in bytes (§5.4.3).
const MAX_USER_HANDLE: usize = 64;

/// A user handle: opaque bytes that mean one account.
///
/// An authenticator shows it to whoever asks, so it is random and has no name or address in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct UserHandle(Bytes);

impl UserHandle {
    /// The handle that these bytes are.
    ///
    /// # Errors
    ///
    /// If there are none, or more than 64.
    pub fn new(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.is_empty() || bytes.len() > MAX_USER_HANDLE {
            return Err("a user handle that is not of 1 to 64 bytes");
        }
        Ok(Self(bytes.into()))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_ref()
    }
}

/// `AuthenticatorSelectionCriteria`: what the authenticator must or should be able to do (§5.4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthenticatorSelection {
    /// How the authenticator is to be attached; any way if it is not said.
    pub authenticator_attachment: Option<AuthenticatorAttachment>,
    /// Whether the credential is to be discoverable.
    pub resident_key: ResidentKey,
    /// Whether the authenticator is to verify the person.
    pub user_verification: UserVerification,
}

impl Default for AuthenticatorSelection {
    /// What the specification takes for granted where nothing is said.
    fn default() -> Self {
        Self {
            authenticator_attachment: None,
            resident_key: ResidentKey::Discouraged,
            user_verification: UserVerification::Preferred,
        }
    }
}

impl Serialize for AuthenticatorSelection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Criteria {
            #[serde(skip_serializing_if = "is_default")]
            authenticator_attachment: Option<AuthenticatorAttachment>,
            resident_key: ResidentKey,
            // For Level 1 clients, which do not know `residentKey`.
            require_resident_key: bool,
            user_verification: UserVerification,
        }
        let criteria = Criteria {
            authenticator_attachment: self.authenticator_attachment,
            resident_key: self.resident_key,
            require_resident_key: self.resident_key == ResidentKey::Required,
            user_verification: self.user_verification,
        };
        criteria.serialize(serializer)
    }
}

/// `AuthenticatorAttachment`: how an authenticator is attached (§5.4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthenticatorAttachment {
    /// It is part of the device that the browser runs on.
    Platform,
    /// It can be carried from one device to another.
    CrossPlatform,
}

/// `ResidentKeyRequirement`: whether a credential is to be discoverable, so that it can be used
/// before anyone said who they are (§5.4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResidentKey {
    /// Better not.
    Discouraged,
    /// If it can be.
    Preferred,
    /// Without it, none is made.
    Required,
}

/// `AttestationConveyancePreference`: how much attestation is wanted (§5.4.7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttestationConveyance {
    /// None: the client strips what would tell the authenticator.
    #[default]
    None,
    /// Some, from the authenticator or from a CA that keeps it anonymous.
    Indirect,
    /// What the authenticator made.
    Direct,
    /// What the authenticator made, and it may identify the one device. Only managed clients give it.
    Enterprise,
}

fn parameters<S: Serializer>(algorithms: &[Algorithm], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(tag = "type", rename = "public-key")]
    struct Parameters {
        alg: i64,
    }
    let parameters = algorithms.iter().map(|algorithm| Parameters { alg: algorithm.id() });
    serializer.collect_seq(parameters)
}

fn formats<S: Serializer>(formats: &[Format], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(formats.iter().map(|format| format.as_str()))
}
