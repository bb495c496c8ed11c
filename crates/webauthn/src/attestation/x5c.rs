//! The `x5c` member of a statement, and the rules that the certificates of several formats share.

use x509_cert::der::asn1::ObjectIdentifier;

use crate::{
    Aaguid,
    cbor::{Map, Value},
    x509::{
        Certificate,
        der::{self, Tag},
    },
};

/// `id-fido-gen-ce-aaguid`
const AAGUID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.45724.1.1.4");

/// How many certificates a statement may have.
const MAX_CERTIFICATES: usize = 8;

/// The attestation certificate, and what was sent to vouch for it.
#[derive(Debug)]
pub(super) struct Chain {
    /// The attestation certificate.
    pub(super) leaf: Certificate,
    /// All certificates in DER, the attestation certificate first.
    pub(super) path: Vec<Vec<u8>>,
}

impl Chain {
    pub(super) fn read(statement: &Map<'_>) -> Result<Self, &'static str> {
        let x5c = statement.get("x5c").and_then(Value::as_array).ok_or("x5c is no array")?;
        if x5c.len() > MAX_CERTIFICATES {
            return Err("more certificates than any chain needs");
        }
        let mut path = Vec::new();
        let mut leaf = None;
        for item in x5c {
            let bytes = item.as_bytes().ok_or("a certificate in x5c is no byte string")?;
            let certificate = Certificate::read(bytes)?;
            leaf.get_or_insert(certificate);
            path.push(bytes.to_vec());
        }
        Ok(Self { leaf: leaf.ok_or("x5c is empty")?, path })
    }

    /// What §8.2.1 and §8.3.1 both ask of an attestation certificate.
    pub(super) fn check_attestation_certificate(&self, aaguid: Aaguid) -> Result<(), &'static str> {
        if !self.leaf.is_version_3() {
            return Err("an attestation certificate that is not of version 3");
        }
        if !self.leaf.is_end_entity() {
            return Err("an attestation certificate that does not say CA:FALSE");
        }
        let Some(extension) = self.leaf.extension(AAGUID) else { return Ok(()) };
        if extension.critical {
            return Err("the AAGUID in the attestation certificate is critical");
        }
        // An extension wraps its value in an OCTET STRING, and the AAGUID is one itself.
        let named = der::only(extension.extn_value.as_bytes(), Tag::OCTET_STRING)?;
        if named != aaguid.0 {
            return Err("the attestation certificate is of another AAGUID");
        }
        Ok(())
    }
}
