//! `tpm` (§8.3): a TPM certifies, with an attestation identity key (AIK), that the credential's key
//! is one of its own.

mod certificate;
mod structures;

use aws_lc_rs::{
    digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, digest},
    rsa,
    signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
};

use self::structures::{CertifyInfo, PublicArea};
use super::{AttestationType, Conveyed, Evidence, Statement, x5c::Chain};
use crate::{Algorithm, cose::Numbers, x509::Certificate};

pub(super) use self::certificate::has_known_manufacturer;

pub(super) fn verify(
    statement: Statement<'_, '_>,
    evidence: &Evidence<'_>,
) -> Result<Conveyed, &'static str> {
    let members = statement.members(&["ver", "alg", "x5c", "sig", "certInfo", "pubArea"])?;
    if members.text("ver") != Some("2.0") {
        return Err("not a statement of TPM 2.0");
    }
    let algorithm = members.int("alg").and_then(AikAlgorithm::from_id);
    let algorithm = algorithm.ok_or("the statement's algorithm is not supported")?;
    let chain = Chain::read(members)?;
    let signature = members.bytes("sig").ok_or("sig is no byte string")?;
    let certify_info = members.bytes("certInfo").ok_or("certInfo is no byte string")?;
    let public_area = members.bytes("pubArea").ok_or("pubArea is no byte string")?;

    let area = PublicArea::read(public_area)?;
    if area.key != *evidence.key.numbers() {
        return Err("pubArea is of another key");
    }
    certificate::check(&chain.leaf)?;
    chain.check_attestation_certificate(evidence.credential.aaguid)?;
    if !algorithm.verify(&chain.leaf, certify_info, signature)? {
        return Err("the signature is not of the AIK");
    }
    let info = CertifyInfo::read(certify_info)?;
    let hash = algorithm.hash().ok_or("an algorithm that no hash belongs to")?;
    if info.extra_data != digest(hash, &evidence.signed()).as_ref() {
        return Err("certInfo is of another ceremony");
    }
    if info.name != area.name(public_area)? {
        return Err("certInfo is of another key");
    }
    Ok(Conveyed { kind: AttestationType::AttCa, chain: Some(chain) })
}

/// The algorithm of an AIK.
#[derive(Debug, Clone, Copy)]
enum AikAlgorithm {
    Cose(Algorithm),
    /// RSASSA-PKCS1-v1_5 with SHA-1. The AIKs of older TPMs have no other; no credential has it.
    Rs1,
}

impl AikAlgorithm {
    fn from_id(id: i64) -> Option<Self> {
        if id == -65535 { Some(Self::Rs1) } else { Algorithm::from_id(id).map(Self::Cose) }
    }

    const fn hash(self) -> Option<&'static digest::Algorithm> {
        match self {
            Self::Rs1 => Some(&SHA1_FOR_LEGACY_USE_ONLY),
            Self::Cose(Algorithm::Es256 | Algorithm::Rs256 | Algorithm::Ps256) => Some(&SHA256),
            Self::Cose(Algorithm::Es384) => Some(&SHA384),
            Self::Cose(Algorithm::Es512) => Some(&SHA512),
            Self::Cose(Algorithm::EdDsa) => None,
        }
    }

    fn verify(
        self,
        aik: &Certificate,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, &'static str> {
        match self {
            Self::Cose(algorithm) => Ok(aik.public_key(algorithm)?.verify(message, signature)),
            Self::Rs1 => {
                let Numbers::Rsa { n, e } = &aik.key()? else {
                    return Err("the key's type is not that of its algorithm");
                };
                let (key, kind) = (
                    rsa::PublicKeyComponents { n, e },
                    &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
                );
                Ok(key.verify(kind, message, signature).is_ok())
            }
        }
    }
}
