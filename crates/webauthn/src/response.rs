//! What a browser answers, in the JSON forms of WebAuthn Level 3 §5.1 (`toJSON()`).

use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    base64url::{self, Bytes},
    json,
    refused::{At, Refused, Step, ensure},
};

/// How long a credential id may be.
pub const MAX_CREDENTIAL_ID: usize = 1023;

/// How many transports are kept, and how long the name of one may be.
const MAX_TRANSPORTS: usize = 8;
const MAX_TRANSPORT: usize = 32;

/// `RegistrationResponseJSON`
#[derive(Debug, Clone)]
pub struct RegistrationResponse {
    /// The credential id.
    pub raw_id: Vec<u8>,
    /// How the authenticator was attached, `platform` or `cross-platform`, if the client knows.
    pub authenticator_attachment: Option<String>,
    /// The client's extension outputs.
    pub client_extension_results: ClientExtensionResults,
    /// The client data, as the browser serialised them.
    pub client_data_json: Vec<u8>,
    /// The attestation object.
    pub attestation_object: Vec<u8>,
    /// The transports that the authenticator is believed to speak, sorted; unknown names are kept.
    pub transports: Vec<String>,
}

/// `AuthenticationResponseJSON`
#[derive(Debug, Clone)]
pub struct AuthenticationResponse {
    /// The credential id.
    pub raw_id: Vec<u8>,
    /// How the authenticator was attached, `platform` or `cross-platform`, if the client knows.
    pub authenticator_attachment: Option<String>,
    /// The client's extension outputs.
    pub client_extension_results: ClientExtensionResults,
    /// The client data, as the browser serialised them.
    pub client_data_json: Vec<u8>,
    /// The authenticator data.
    pub authenticator_data: Vec<u8>,
    /// The signature over authenticator data and the hash of the client data.
    pub signature: Vec<u8>,
    /// The user handle, if the authenticator gave one.
    pub user_handle: Option<Vec<u8>>,
}

/// The client's extension outputs that this crate knows; others are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientExtensionResults {
    /// `appid`: whether the credential answered under the old `AppID`.
    pub appid: Option<bool>,
    /// `credProps`: properties of a new credential.
    #[serde(deserialize_with = "object_or_null")]
    pub cred_props: Option<CredentialProperties>,
    /// `prf`: the pseudo-random function.
    #[serde(deserialize_with = "object_or_null")]
    pub prf: Option<PrfOutputs>,
}

/// The output of `credProps`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct CredentialProperties {
    /// Whether the credential is discoverable, if the client knows.
    #[serde(default)]
    pub rk: Option<bool>,
}

/// The output of `prf`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct PrfOutputs {
    /// Whether the credential has the function.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// What it gave. A secret of the person's: a server has no use for it.
    #[serde(default, deserialize_with = "object_or_null")]
    pub results: Option<PrfValues>,
}

/// One or two values that go into the pseudo-random function, or come out of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrfValues {
    /// The first.
    pub first: Bytes,
    /// The second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<Bytes>,
}

impl std::fmt::Debug for PrfValues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrfValues(..)")
    }
}

/// An extension's output: an object, or nothing.
fn object_or_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(bound = "T: Deserialize<'de>")]
    struct Object<T>(#[serde(deserialize_with = "json::object")] T);
    Option::<Object<T>>::deserialize(deserializer).map(|output| output.map(|Object(output)| output))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credential<R> {
    id: String,
    raw_id: Bytes,
    r#type: String,
    #[serde(deserialize_with = "json::object", bound = "R: Deserialize<'de>")]
    response: R,
    #[serde(default)]
    authenticator_attachment: Option<String>,
    #[serde(default, deserialize_with = "json::object")]
    client_extension_results: ClientExtensionResults,
}

impl<R> Credential<R> {
    fn check(&self) -> Result<(), Refused> {
        let step = Step::Response;
        ensure(self.r#type == "public-key", step, "the credential is no public key")?;
        let same = base64url::decode(&self.id).as_ref() == Some(&self.raw_id.0);
        ensure(same, step, "id is not the base64url of rawId")?;
        ensure(!self.raw_id.0.is_empty(), step, "the credential id is empty")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attested {
    #[serde(rename = "clientDataJSON")]
    client_data_json: Bytes,
    attestation_object: Bytes,
    #[serde(default)]
    transports: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assertion {
    #[serde(rename = "clientDataJSON")]
    client_data_json: Bytes,
    authenticator_data: Bytes,
    signature: Bytes,
    #[serde(default)]
    user_handle: Option<Bytes>,
}

impl RegistrationResponse {
    /// Reads the answer of `navigator.credentials.create()`.
    ///
    /// # Errors
    ///
    /// [`Step::Response`]
    pub fn from_json(text: &[u8]) -> Result<Self, Refused> {
        let credential: Credential<Attested> = json::read(text).at(Step::Response)?;
        credential.check()?;
        let mut transports = credential.response.transports;
        transports.retain(|name| is_transport(name));
        transports.sort();
        transports.dedup();
        transports.truncate(MAX_TRANSPORTS);
        Ok(Self {
            raw_id: credential.raw_id.0,
            authenticator_attachment: credential.authenticator_attachment.filter(is_attachment),
            client_extension_results: credential.client_extension_results,
            client_data_json: credential.response.client_data_json.0,
            attestation_object: credential.response.attestation_object.0,
            transports,
        })
    }
}

impl AuthenticationResponse {
    /// Reads the answer of `navigator.credentials.get()`.
    ///
    /// # Errors
    ///
    /// [`Step::Response`]
    pub fn from_json(text: &[u8]) -> Result<Self, Refused> {
        let credential: Credential<Assertion> = json::read(text).at(Step::Response)?;
        credential.check()?;
        Ok(Self {
            raw_id: credential.raw_id.0,
            authenticator_attachment: credential.authenticator_attachment.filter(is_attachment),
            client_extension_results: credential.client_extension_results,
            client_data_json: credential.response.client_data_json.0,
            authenticator_data: credential.response.authenticator_data.0,
            signature: credential.response.signature.0,
            user_handle: credential.response.user_handle.map(|handle| handle.0),
        })
    }
}

fn is_transport(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.len() <= MAX_TRANSPORT && name.bytes().all(plain)
}

/// §5.1: an unknown value counts as none.
#[expect(clippy::ptr_arg, reason = "the shape that `Option::filter` asks for")]
fn is_attachment(name: &String) -> bool {
    matches!(name.as_str(), "platform" | "cross-platform")
}
