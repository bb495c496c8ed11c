//! `apple` (§8.8): Apple's CA certifies the credential's key, and puts a nonce into the certificate
//! that stands for the ceremony.

use aws_lc_rs::digest::{SHA256, digest};
use x509_cert::der::asn1::ObjectIdentifier;

use super::{AttestationType, Conveyed, Evidence, Statement, x5c::Chain};
use crate::x509::der::{self, Tag};

const NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113635.100.8.2");

pub(super) fn verify(
    statement: Statement<'_, '_>,
    evidence: &Evidence<'_>,
) -> Result<Conveyed, &'static str> {
    let chain = Chain::read(statement.members(&["x5c"])?)?;
    let extension = chain.leaf.extension(NONCE).ok_or("the certificate has no nonce")?;
    // SEQUENCE { [1] EXPLICIT OCTET STRING }
    let sequence = der::only(extension.extn_value.as_bytes(), Tag::SEQUENCE)?;
    let tagged = der::only(sequence, Tag::explicit(1))?;
    let nonce = der::only(tagged, Tag::OCTET_STRING)?;
    if nonce != digest(&SHA256, &evidence.signed()).as_ref() {
        return Err("the certificate's nonce is of another ceremony");
    }
    if chain.leaf.key()? != *evidence.key.numbers() {
        return Err("the certificate is of another key");
    }
    Ok(Conveyed { kind: AttestationType::AnonCa, chain: Some(chain) })
}
