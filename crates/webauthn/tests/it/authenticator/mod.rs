//! An authenticator and a browser in software, which can get everything wrong.
//!
//! [`Create`] and [`Get`] are a ceremony each: what the relying party asks, and every part of the
//! answer. As they come from `new`, the answer is right; a test spoils one part and verifies. What is
//! signed is signed last, so that a spoilt part has a valid signature around it.

pub(crate) mod cbor;
pub(crate) mod keys;

use std::borrow::Borrow;

use aws_lc_rs::digest::{SHA256, digest};
use nightlatch_webauthn::{
    Algorithm, AttestationPolicy, Authenticated, Authentication, AuthenticationResponse, Refused,
    Registered, Registration, RegistrationResponse, RelyingParty, StoredCredential,
    UserVerification, base64url,
};
use serde_json::{Value, json};

pub(crate) use self::{cbor::Cbor, keys::SigningKey};

pub(crate) const CHALLENGE: [u8; 16] = *b"a fresh one, see";
pub(crate) const CREDENTIAL_ID: [u8; 16] = *b"one credential's";
pub(crate) const USER_HANDLE: [u8; 8] = *b"somebody";

pub(crate) const UP: u8 = 0x01;
pub(crate) const UV: u8 = 0x04;
pub(crate) const BE: u8 = 0x08;
pub(crate) const BS: u8 = 0x10;
pub(crate) const AT: u8 = 0x40;
pub(crate) const ED: u8 = 0x80;

pub(crate) fn relying_party() -> RelyingParty {
    RelyingParty {
        id: "example.org".to_owned(),
        origins: vec!["https://example.org".to_owned()],
        allow_cross_origin: false,
        top_origins: vec![],
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().unwrap()
}

/// Client data, member by member.
#[derive(Debug, Clone)]
pub(crate) struct ClientDataParts {
    members: Vec<(String, String)>,
    /// What stands in place of the members, if anything.
    pub(crate) raw: Option<Vec<u8>>,
}

impl ClientDataParts {
    fn new(kind: &str) -> Self {
        let mut parts = Self { members: vec![], raw: None };
        parts.set("type", json!(kind));
        parts.set("challenge", json!(base64url::encode(&CHALLENGE)));
        parts.set("origin", json!("https://example.org"));
        parts.set("crossOrigin", json!(false));
        parts
    }

    /// Gives the member this value, in its place or as the last one.
    pub(crate) fn set(&mut self, name: &str, value: impl Borrow<Value>) {
        match self.members.iter_mut().find(|(known, _)| known == name) {
            Some((_, text)) => *text = value.borrow().to_string(),
            None => self.add(name, value),
        }
    }

    /// Adds a member, even if there is one of this name.
    pub(crate) fn add(&mut self, name: &str, value: impl Borrow<Value>) {
        self.members.push((name.to_owned(), value.borrow().to_string()));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.members.retain(|(known, _)| known != name);
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let members: Vec<_> =
            self.members.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
        format!("{{{}}}", members.join(",")).into_bytes()
    }
}

/// Authenticator data, field by field; the flags say nothing of what follows unless told to.
#[derive(Debug, Clone)]
pub(crate) struct AuthDataParts {
    pub(crate) rp_id_hash: [u8; 32],
    pub(crate) flags: u8,
    pub(crate) counter: u32,
    /// AAGUID, credential id and `COSE_Key`.
    pub(crate) attested: Option<([u8; 16], Vec<u8>, Cbor)>,
    /// Extension outputs, or anything else that stands at the end.
    pub(crate) tail: Vec<u8>,
}

impl AuthDataParts {
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = self.rp_id_hash.to_vec();
        out.push(self.flags);
        out.extend(self.counter.to_be_bytes());
        if let Some((aaguid, id, key)) = &self.attested {
            out.extend(aaguid);
            out.extend(u16::try_from(id.len()).unwrap().to_be_bytes());
            out.extend(id);
            out.extend(key.write());
        }
        out.extend(&self.tail);
        out
    }
}

/// A registration.
#[derive(Debug, Clone)]
pub(crate) struct Create {
    pub(crate) relying_party: RelyingParty,
    pub(crate) challenge: Vec<u8>,
    pub(crate) user_verification: UserVerification,
    pub(crate) conditional: bool,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) attestation: AttestationPolicy<'static>,

    pub(crate) client_data: ClientDataParts,
    pub(crate) auth_data: AuthDataParts,
    pub(crate) format: Cbor,
    pub(crate) statement: Option<Cbor>,
    /// Further entries of the attestation object.
    pub(crate) entries: Vec<(Cbor, Cbor)>,
    /// Bytes after the attestation object.
    pub(crate) tail: Vec<u8>,
    pub(crate) raw_id: Vec<u8>,
    /// What is changed in the JSON in the end.
    pub(crate) json: fn(&mut Value),
}

impl Create {
    pub(crate) fn new(key: &SigningKey) -> Self {
        Self {
            relying_party: relying_party(),
            challenge: CHALLENGE.to_vec(),
            user_verification: UserVerification::Required,
            conditional: false,
            algorithms: Algorithm::ALL.to_vec(),
            attestation: AttestationPolicy::NOT_NEEDED,
            client_data: ClientDataParts::new("webauthn.create"),
            auth_data: AuthDataParts {
                rp_id_hash: sha256(b"example.org"),
                flags: UP | UV | AT,
                counter: 0,
                attested: Some((
                    *b"model of the key",
                    CREDENTIAL_ID.to_vec(),
                    Cbor::Map(key.cose()),
                )),
                tail: vec![],
            },
            format: Cbor::text("none"),
            statement: Some(Cbor::Map(vec![])),
            entries: vec![],
            tail: vec![],
            raw_id: CREDENTIAL_ID.to_vec(),
            json: |_| (),
        }
    }

    pub(crate) fn attestation_object(&self) -> Vec<u8> {
        let mut entries = vec![(Cbor::text("fmt"), self.format.clone())];
        entries.extend(self.statement.clone().map(|statement| (Cbor::text("attStmt"), statement)));
        entries.push((Cbor::text("authData"), Cbor::Bytes(self.auth_data.write())));
        entries.extend(self.entries.clone());
        [Cbor::Map(entries).write(), self.tail.clone()].concat()
    }

    pub(crate) fn answer(&self) -> Value {
        let id = base64url::encode(&self.raw_id);
        let mut json = json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": { "credProps": { "rk": true } },
            "response": {
                "clientDataJSON": base64url::encode(&self.client_data.write()),
                "attestationObject": base64url::encode(&self.attestation_object()),
                "transports": ["internal", "hybrid"],
            },
        });
        (self.json)(&mut json);
        json
    }

    /// What the relying party says to the answer.
    pub(crate) fn verify(&self) -> Result<Registered, Refused> {
        self.verify_response(&RegistrationResponse::from_json(
            self.answer().to_string().as_bytes(),
        )?)
    }

    pub(crate) fn verify_response(
        &self,
        response: &RegistrationResponse,
    ) -> Result<Registered, Refused> {
        let registration = Registration {
            relying_party: &self.relying_party,
            challenge: &self.challenge,
            user_verification: self.user_verification,
            conditional: self.conditional,
            algorithms: &self.algorithms,
            attestation: self.attestation,
        };
        registration.verify(response)
    }
}

/// An authentication with a credential that [`Create`] made.
#[derive(Debug, Clone)]
pub(crate) struct Get<'k> {
    pub(crate) relying_party: RelyingParty,
    pub(crate) challenge: Vec<u8>,
    pub(crate) user_verification: UserVerification,
    pub(crate) allow_credentials: Vec<Vec<u8>>,
    pub(crate) user_identified: bool,
    pub(crate) appid: Option<&'static str>,

    pub(crate) stored_id: Vec<u8>,
    pub(crate) stored_key: Vec<u8>,
    pub(crate) stored_count: u32,
    pub(crate) stored_backup_eligible: bool,
    pub(crate) stored_user_handle: Option<Vec<u8>>,

    pub(crate) key: &'k SigningKey,
    pub(crate) client_data: ClientDataParts,
    /// The client data that are signed, if they are not those that are sent.
    pub(crate) signed_client_data: Option<Vec<u8>>,
    pub(crate) auth_data: AuthDataParts,
    /// What happens to the signature before it is sent.
    pub(crate) signature: fn(&mut Vec<u8>),
    pub(crate) raw_id: Vec<u8>,
    pub(crate) user_handle: Option<Vec<u8>>,
    /// What is changed in the JSON in the end.
    pub(crate) json: fn(&mut Value),
}

impl<'k> Get<'k> {
    pub(crate) fn new(key: &'k SigningKey) -> Self {
        Self {
            relying_party: relying_party(),
            challenge: CHALLENGE.to_vec(),
            user_verification: UserVerification::Required,
            allow_credentials: vec![CREDENTIAL_ID.to_vec()],
            user_identified: true,
            appid: None,
            stored_id: CREDENTIAL_ID.to_vec(),
            stored_key: Cbor::Map(key.cose()).write(),
            stored_count: 7,
            stored_backup_eligible: false,
            stored_user_handle: Some(USER_HANDLE.to_vec()),
            key,
            client_data: ClientDataParts::new("webauthn.get"),
            signed_client_data: None,
            auth_data: AuthDataParts {
                rp_id_hash: sha256(b"example.org"),
                flags: UP | UV,
                counter: 8,
                attested: None,
                tail: vec![],
            },
            signature: |_| (),
            raw_id: CREDENTIAL_ID.to_vec(),
            user_handle: Some(USER_HANDLE.to_vec()),
            json: |_| (),
        }
    }

    pub(crate) fn answer(&self) -> Value {
        let client_data = self.client_data.write();
        let auth_data = self.auth_data.write();
        let signed_client_data = self.signed_client_data.as_ref().unwrap_or(&client_data);
        let mut signature = self.key.sign(&[&auth_data[..], &sha256(signed_client_data)].concat());
        (self.signature)(&mut signature);
        let id = base64url::encode(&self.raw_id);
        let mut json = json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "authenticatorAttachment": "cross-platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": base64url::encode(&client_data),
                "authenticatorData": base64url::encode(&auth_data),
                "signature": base64url::encode(&signature),
                "userHandle": self.user_handle.as_deref().map(base64url::encode),
            },
        });
        (self.json)(&mut json);
        json
    }

    /// The answer as the relying party reads it.
    pub(crate) fn response(&self) -> Result<AuthenticationResponse, Refused> {
        AuthenticationResponse::from_json(self.answer().to_string().as_bytes())
    }

    /// What the relying party says to the answer.
    pub(crate) fn verify(&self) -> Result<Authenticated, Refused> {
        self.verify_response(&self.response()?)
    }

    pub(crate) fn verify_response(
        &self,
        response: &AuthenticationResponse,
    ) -> Result<Authenticated, Refused> {
        let authentication = Authentication {
            relying_party: &self.relying_party,
            challenge: &self.challenge,
            user_verification: self.user_verification,
            allow_credentials: &self.allow_credentials,
            user_identified: self.user_identified,
            appid: self.appid,
        };
        let stored = StoredCredential {
            id: &self.stored_id,
            public_key: &self.stored_key,
            sign_count: self.stored_count,
            backup_eligible: self.stored_backup_eligible,
            user_handle: self.stored_user_handle.as_deref(),
        };
        authentication.verify(response, &stored)
    }
}
