//! `packed` (§8.2): signed with the key of the model, or with the credential's own.

use x509_cert::der::asn1::ObjectIdentifier;

use super::{AttestationType, Conveyed, Evidence, Statement, x5c::Chain};
use crate::{
    Algorithm,
    x509::{self, Certificate},
};

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const COUNTRY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.6");
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const ORGANIZATIONAL_UNIT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.11");

pub(super) fn verify(
    statement: Statement<'_, '_>,
    evidence: &Evidence<'_>,
) -> Result<Conveyed, &'static str> {
    let (members, chain) = if let Ok(members) = statement.members(&["alg", "sig"]) {
        (members, None)
    } else {
        let members = statement.members(&["alg", "sig", "x5c"])?;
        (members, Some(Chain::read(members)?))
    };
    let algorithm = members.int("alg").and_then(Algorithm::from_id);
    let algorithm = algorithm.ok_or("the statement's algorithm is not supported")?;
    let signature = members.bytes("sig").ok_or("sig is no byte string")?;
    let Some(chain) = chain else {
        if algorithm != evidence.key.algorithm() {
            return Err("the statement's algorithm is not the credential's");
        }
        if !evidence.key.verify(&evidence.signed(), signature) {
            return Err("the signature is not the credential's");
        }
        return Ok(Conveyed { kind: AttestationType::SelfAttestation, chain: None });
    };
    if !chain.leaf.public_key(algorithm)?.verify(&evidence.signed(), signature) {
        return Err("the signature is not of the attestation certificate");
    }
    chain.check_attestation_certificate(evidence.credential.aaguid)?;
    check_subject(&chain.leaf)?;
    Ok(Conveyed { kind: AttestationType::Basic, chain: Some(chain) })
}

/// The subject that §8.2.1 asks for. It names the string type of each attribute too, which makers
/// get wrong and nothing hangs on.
fn check_subject(certificate: &Certificate) -> Result<(), &'static str> {
    let only =
        |name| single(certificate, name).ok_or("a subject without C, O, OU and CN once each");
    let country = only(COUNTRY)?;
    if country.len() != 2 || !country.bytes().all(|letter| letter.is_ascii_uppercase()) {
        return Err("the subject's country is no ISO 3166 code");
    }
    if only(ORGANIZATIONAL_UNIT)? != "Authenticator Attestation" {
        return Err("the subject's unit is not Authenticator Attestation");
    }
    if only(ORGANIZATION)?.is_empty() || only(COMMON_NAME)?.is_empty() {
        return Err("the subject's organisation or name is empty");
    }
    Ok(())
}

/// The text of the one attribute of this name.
fn single(certificate: &Certificate, name: ObjectIdentifier) -> Option<&str> {
    let mut found = certificate
        .subject()
        .0
        .iter()
        .flat_map(|relative| relative.0.iter())
        .filter(|attribute| attribute.oid == name);
    let (Some(attribute), None) = (found.next(), found.next()) else { return None };
    x509::text(&attribute.value)
}
