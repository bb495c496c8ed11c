//! An authenticator and the browser around it, for tests: it makes and uses ES256 credentials as
//! options ask, and can be told to be another kind of device, or a dishonest one.
//!
//! The tests of the store share this file.

use std::fmt;

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

const UP: u8 = 0x01;
const UV: u8 = 0x04;
const BE: u8 = 0x08;
const BS: u8 = 0x10;
const AT: u8 = 0x40;

/// What a device is like, and what its browser says.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    /// Whether it verifies its owner.
    pub(crate) verifies: bool,
    /// Whether its owner is there.
    pub(crate) present: bool,
    /// Whether its credentials are synced.
    pub(crate) synced: bool,
    /// Its model.
    pub(crate) aaguid: [u8; 16],
    /// How much the counter rises with each signature; 0 for a device that does not count.
    pub(crate) counts: u32,
    /// The page that asks.
    pub(crate) origin: String,
    /// The page around it, if it is in an iframe; empty if the browser does not say which.
    pub(crate) top_origin: Option<String>,
    /// The RP ID that is signed, if it is not the one that was asked for.
    pub(crate) rp_id: Option<String>,
    /// Bits of the flags that are signed the other way round.
    pub(crate) flips: u8,
}

impl Device {
    /// A passkey provider that syncs, at a page of `origin`.
    pub(crate) fn synced(origin: &str) -> Self {
        Self { synced: true, counts: 0, ..Self::platform(origin) }
    }

    /// A platform authenticator whose keys stay in it.
    pub(crate) fn platform(origin: &str) -> Self {
        Self {
            verifies: true,
            present: true,
            synced: false,
            aaguid: [7; 16],
            counts: 1,
            origin: origin.to_owned(),
            top_origin: None,
            rp_id: None,
            flips: 0,
        }
    }

    /// A key that is only touched.
    pub(crate) fn touched(origin: &str) -> Self {
        Self { verifies: false, aaguid: [0; 16], ..Self::platform(origin) }
    }

    fn flags(&self) -> u8 {
        let bit = |set, bit| if set { bit } else { 0 };
        let flags = bit(self.present, UP) | bit(self.verifies, UV) | bit(self.synced, BE | BS);
        flags ^ self.flips
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let mut data = json!({
            "type": kind,
            "challenge": options["challenge"],
            "origin": self.origin,
            "crossOrigin": self.top_origin.is_some(),
        });
        if let Some(top_origin) = self.top_origin.as_ref().filter(|page| !page.is_empty()) {
            data["topOrigin"] = json!(top_origin);
        }
        serde_json::to_vec(&data).unwrap()
    }

    fn authenticator_data(&self, rp_id: &Value, flags: u8, counter: u32) -> Vec<u8> {
        let rp_id = self.rp_id.as_deref().or(rp_id.as_str()).unwrap();
        let mut data = sha256(rp_id.as_bytes());
        data.push(flags);
        data.extend(counter.to_be_bytes());
        data
    }

    /// Answers `navigator.credentials.create()`: a credential, and what the browser sends.
    pub(crate) fn create(&self, options: &Value) -> (Credential, Value) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let mut id = vec![0; 32];
        aws_lc_rs::rand::fill(&mut id).unwrap();
        let handle = decode(&options["user"]["id"]);
        let credential = Credential { id, pair, counter: self.counts, handle };
        let answer = self.attest(&credential, options);
        (credential, answer)
    }

    /// What the browser sends for a credential that is said to be new.
    pub(crate) fn attest(&self, credential: &Credential, options: &Value) -> Value {
        let mut data =
            self.authenticator_data(&options["rp"]["id"], self.flags() | AT, credential.counter);
        data.extend(self.aaguid);
        data.extend(u16::try_from(credential.id.len()).unwrap().to_be_bytes());
        data.extend(&credential.id);
        data.extend(credential.cose());
        // {"fmt": "none", "attStmt": {}, "authData": bytes}, of which there are 164.
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).unwrap());
        object.extend(data);
        json!({
            "id": encode(&credential.id),
            "rawId": encode(&credential.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": { "credProps": { "rk": true } },
            "response": {
                "clientDataJSON": encode(&self.client_data("webauthn.create", options)),
                "attestationObject": encode(&object),
                "transports": ["internal"],
            },
        })
    }

    /// Answers `navigator.credentials.get()` with `credential`.
    pub(crate) fn get(&self, credential: &mut Credential, options: &Value) -> Value {
        credential.counter += self.counts;
        let data = self.authenticator_data(&options["rpId"], self.flags(), credential.counter);
        let client_data = self.client_data("webauthn.get", options);
        let signed = [data.as_slice(), &sha256(&client_data)].concat();
        let signature = credential.pair.sign(&SystemRandom::new(), &signed).unwrap();
        json!({
            "id": encode(&credential.id),
            "rawId": encode(&credential.id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": encode(&client_data),
                "authenticatorData": encode(&data),
                "signature": encode(signature.as_ref()),
                "userHandle": encode(&credential.handle),
            },
        })
    }
}

/// One credential in a device.
pub(crate) struct Credential {
    /// Its id.
    pub(crate) id: Vec<u8>,
    pair: EcdsaKeyPair,
    /// How often it signed.
    pub(crate) counter: u32,
    /// Whose it is.
    pub(crate) handle: Vec<u8>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({})", encode(&self.id))
    }
}

impl Credential {
    fn cose(&self) -> Vec<u8> {
        let point = self.pair.public_key().as_ref();
        // {1: 2, 3: -7, -1: 1, -2: x, -3: y}
        let mut key = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
        key.extend(&point[1..33]);
        key.extend([0x22, 0x58, 0x20]);
        key.extend(&point[33..]);
        key
    }
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

fn encode(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

fn decode(text: &Value) -> Vec<u8> {
    BASE64URL_NOPAD.decode(text.as_str().unwrap().as_bytes()).unwrap()
}
