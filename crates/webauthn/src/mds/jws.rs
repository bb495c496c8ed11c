//! The signature around a blob: a JWS in its compact form (RFC 7515 §7.1), read strictly.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, UnparsedPublicKey,
};
use data_encoding::BASE64;
use serde::{Deserialize, de::IgnoredAny};

use crate::{Algorithm, base64url, cose::Numbers, json, x509::Certificate};

/// How many certificates may stand in `x5c`.
const MAX_CHAIN: usize = 8;

/// A JWS that nobody has verified yet.
pub(super) struct Jws<'a> {
    algorithm: Algorithm,
    /// `x5c` in DER: the signer's certificate, then those that vouch for it.
    pub(super) chain: Vec<Vec<u8>>,
    signed: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
}

/// The header; members that it does not name, such as `typ`, are ignored.
#[derive(Deserialize)]
struct Header {
    alg: String,
    x5c: Vec<String>,
    #[serde(default, deserialize_with = "json::present")]
    x5u: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "json::present")]
    crit: Option<IgnoredAny>,
}

impl<'a> Jws<'a> {
    /// Takes a JWS apart, its payload as it stands there.
    pub(super) fn read(jwt: &'a [u8]) -> Result<Self, &'static str> {
        const PARTS: &str = "not three parts of text";
        let text = std::str::from_utf8(jwt).map_err(|_| PARTS)?;
        let (signed, signature) = text.rsplit_once('.').ok_or(PARTS)?;
        let (header, payload) = signed.split_once('.').ok_or(PARTS)?;
        let header = base64url::decode(header).ok_or("the header is not base64url")?;
        let header: Header = json::read(&header)?;
        if header.x5u.is_some() {
            return Err("the header would have its certificates fetched");
        }
        if header.crit.is_some() {
            return Err("the header asks for an extension");
        }
        if header.x5c.len() > MAX_CHAIN {
            return Err("more certificates than are ever needed");
        }
        let chain: Result<_, _> =
            header.x5c.iter().map(|certificate| BASE64.decode(certificate.as_bytes())).collect();
        Ok(Self {
            algorithm: algorithm(&header.alg).ok_or("the algorithm is not accepted")?,
            chain: chain.map_err(|_| "a certificate is not base64")?,
            signed,
            payload,
            signature: base64url::decode(signature).ok_or("the signature is not base64url")?,
        })
    }

    /// Whether the key in the first certificate made the signature.
    pub(super) fn is_signed(&self) -> Result<bool, &'static str> {
        let certificate = self.chain.first().ok_or("no certificate")?;
        let key = Certificate::read(certificate)?.public_key(self.algorithm)?;
        let signed = self.signed.as_bytes();
        let Numbers::Ec { point, .. } = key.numbers() else {
            return Ok(key.verify(signed, &self.signature));
        };
        // JWS writes the two numbers of an ECDSA signature side by side, not in ASN.1 (RFC 7518 §3.4).
        let scheme = match self.algorithm {
            Algorithm::Es384 => &ECDSA_P384_SHA384_FIXED,
            Algorithm::Es512 => &ECDSA_P521_SHA512_FIXED,
            _ => &ECDSA_P256_SHA256_FIXED,
        };
        Ok(UnparsedPublicKey::new(scheme, point).verify(signed, &self.signature).is_ok())
    }

    /// What is signed.
    pub(super) fn payload(&self) -> Result<Vec<u8>, &'static str> {
        base64url::decode(self.payload).ok_or("not base64url")
    }
}

/// The algorithm with this name. `none` and those with a shared secret are not among them.
fn algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "ES256" => Some(Algorithm::Es256),
        "ES384" => Some(Algorithm::Es384),
        "ES512" => Some(Algorithm::Es512),
        "PS256" => Some(Algorithm::Ps256),
        "RS256" => Some(Algorithm::Rs256),
        _ => None,
    }
}
