//! Everybody's passkey, and the authenticator that holds them all: one key pair, with a credential for
//! each person. A server remembers no keys, so that it makes no difference to it.

use std::sync::LazyLock;

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use data_encoding::BASE64URL_NOPAD;
use nightlatch_core::factors::webauthn::{
    Aaguid, Credential, CredentialKind, CredentialState, user_handle,
};
use serde::Deserialize;
use serde_json::json;

use crate::{http::HOST, people::Person};

static PAIR: LazyLock<EcdsaKeyPair> = LazyLock::new(|| {
    // An `ECPrivateKey` (RFC 5915) of P-256.
    let mut key = vec![0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20];
    key.extend([7; 32]);
    key.extend([0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
    EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, &key)
        .expect("a number below the order of P-256")
});

/// Authenticator data of a synced passkey that verified its owner, and does not count.
static DATA: LazyLock<Vec<u8>> =
    LazyLock::new(|| [sha256(HOST.as_bytes()).as_slice(), &[0x1d, 0, 0, 0, 0]].concat());

/// The public key: an uncompressed point.
pub(crate) fn public_key() -> &'static [u8] {
    PAIR.public_key().as_ref()
}

/// The record of a person's passkey.
pub(crate) fn record(person: Person) -> Credential {
    let (x, y) = public_key()[1..].split_at(32);
    // {1: 2, 3: -7, -1: 1, -2: x, -3: y}
    let before = [0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
    Credential {
        user: person.id(),
        method: person.passkey(),
        kind: CredentialKind::Passkey,
        id: credential_id(person),
        public_key: [before.as_slice(), x, &[0x22, 0x58, 0x20], y].concat(),
        aaguid: Aaguid::ZERO,
        attestation_key: None,
        backup_eligible: true,
        trusted: false,
        attestation: "none/none".to_owned(),
        transports: vec!["internal".to_owned()],
        attachment: None,
        discoverable: Some(true),
        rp_id: HOST.to_owned(),
        state: CredentialState { sign_count: 0, backup_state: true, uv_initialized: true },
    }
}

fn credential_id(person: Person) -> Vec<u8> {
    person.bytes("credential").to_vec()
}

/// What a page is asked for.
#[derive(Deserialize)]
struct Asked<'a> {
    challenge_token: &'a str,
    #[serde(borrow)]
    public_key: PublicKey<'a>,
}

#[derive(Deserialize)]
struct PublicKey<'a> {
    challenge: &'a str,
}

/// The body that completes a sign-in which began with `options`.
pub(crate) fn answer(person: Person, options: &[u8]) -> Result<String, String> {
    let asked: Asked<'_> = serde_json::from_slice(options).map_err(|error| error.to_string())?;
    let client_data = json!({
        "type": "webauthn.get",
        "challenge": asked.public_key.challenge,
        "origin": format!("https://{HOST}"),
        "crossOrigin": false,
    });
    let client_data = client_data.to_string();
    let signed = [DATA.as_slice(), &sha256(client_data.as_bytes())].concat();
    let signature = PAIR.sign(&SystemRandom::new(), &signed).map_err(|error| error.to_string())?;
    let id = BASE64URL_NOPAD.encode(&credential_id(person));
    let body = json!({
        "challenge_token": asked.challenge_token,
        "credential": {
            "id": id,
            "rawId": id,
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": BASE64URL_NOPAD.encode(client_data.as_bytes()),
                "authenticatorData": BASE64URL_NOPAD.encode(&DATA),
                "signature": BASE64URL_NOPAD.encode(signature.as_ref()),
                "userHandle": BASE64URL_NOPAD.encode(user_handle(&person.id())),
            },
        },
    });
    Ok(body.to_string())
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}
