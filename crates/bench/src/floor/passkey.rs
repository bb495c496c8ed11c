//! A sign-in with a passkey: a challenge, and one ES256 check of its answer.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey},
};
use axum::extract::Json;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use nightlatch_core::factors::webauthn::credential_lookup;
use serde::Deserialize;

use super::{
    Answer, JSON,
    rows::{Factor, Verification},
};
use crate::{http::HOST, now, passkey::public_key};

/// Nothing: nobody is named.
#[derive(Deserialize)]
pub(super) struct Nothing {}

/// As many bytes as Nightlatch answers, with a challenge and a token that were there never before.
pub(super) async fn options(Json(Nothing {}): Json<Nothing>) -> Answer {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut id = [0; 16];
    id[..6].copy_from_slice(&now().millis().to_be_bytes()[2..]);
    id[8..].copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let challenge = BASE64URL_NOPAD.encode(&[id, id].concat());
    let token = format!("{:0<170}", HEXLOWER.encode(&id));
    let options = format!(
        r#"{{"challenge_token":"{token}","public_key":{{"challenge":"{challenge}","timeout":300000,"rpId":"{HOST}","allowCredentials":[],"userVerification":"preferred"}},"expires_in":300}}"#
    );
    (JSON, options)
}

/// What a browser answers.
#[derive(Deserialize)]
pub(super) struct Answered {
    challenge_token: String,
    credential: Credential,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credential {
    raw_id: String,
    response: Response,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    authenticator_data: String,
    signature: String,
}

impl Answered {
    /// The rows that are due, if the signature is right.
    pub(super) fn verify(&self) -> Option<Verification> {
        let decode = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).ok();
        let Response { client_data, authenticator_data, signature } = &self.credential.response;
        let client_data = digest(&SHA256, &decode(client_data)?);
        let signed = [decode(authenticator_data)?.as_slice(), client_data.as_ref()].concat();
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, public_key());
        key.verify(&signed, &decode(signature)?).ok()?;
        let lookup = credential_lookup(&decode(&self.credential.raw_id)?);
        let id = self.challenge_token.get(..32)?;
        Verification::new(Factor::Passkey, lookup.to_vec(), id, 0)
    }
}
