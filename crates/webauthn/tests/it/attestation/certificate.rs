//! Certificates to be made wrong in one place.

use nightlatch_webauthn::Algorithm;

use super::der::{bits, element, integer, name, octets, oid, sequence};
use crate::authenticator::{Cbor, SigningKey};

pub(crate) const BASIC_CONSTRAINTS: &str = "2.5.29.19";
pub(crate) const AAGUID_EXTENSION: &str = "1.3.6.1.4.1.45724.1.1.4";

/// Name, whether it is critical, and value.
pub(crate) type Extension = (&'static str, bool, Vec<u8>);

#[derive(Clone)]
pub(crate) struct Certificate {
    /// The number on the wire: 2 stands for version 3.
    pub(crate) version: u8,
    pub(crate) issuer: Vec<u8>,
    pub(crate) from: &'static str,
    pub(crate) until: &'static str,
    pub(crate) subject: Vec<u8>,
    pub(crate) key: Vec<u8>,
    pub(crate) extensions: Vec<Extension>,
}

/// The subject of the one CA.
pub(crate) fn ca_name() -> Vec<u8> {
    name(&[("2.5.4.3", "Test CA")])
}

impl Certificate {
    /// What §8.2.1 asks for.
    pub(crate) fn attestation(key: &SigningKey, aaguid: [u8; 16]) -> Self {
        Self {
            version: 2,
            issuer: ca_name(),
            from: "240101000000Z",
            until: "340101000000Z",
            subject: subject("AA", "W3C", "Authenticator Attestation", "Test"),
            key: key_info(key),
            extensions: vec![
                (BASIC_CONSTRAINTS, true, sequence(&[])),
                (AAGUID_EXTENSION, false, octets(&aaguid)),
            ],
        }
    }

    pub(crate) fn ca(key: &SigningKey) -> Self {
        Self {
            subject: ca_name(),
            extensions: vec![(BASIC_CONSTRAINTS, true, sequence(&[element(0x01, &[0xff])]))],
            ..Self::attestation(key, [0; 16])
        }
    }

    /// The same with this extension in place of the one of its name, or one more.
    pub(crate) fn with(mut self, extension: Extension) -> Self {
        self = self.without(extension.0);
        self.extensions.push(extension);
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.extensions.retain(|(own, ..)| *own != name);
        self
    }

    pub(crate) fn sign(&self, issuer: &SigningKey) -> Vec<u8> {
        let time = |text: &str| element(0x17, text.as_bytes());
        let extension = |(name, critical, value): &Extension| {
            let flag = if *critical { element(0x01, &[0xff]) } else { Vec::new() };
            sequence(&[oid(name), flag, octets(value)])
        };
        let extensions: Vec<_> = self.extensions.iter().map(extension).collect();
        let mut fields = vec![
            element(0xa0, &integer(&[self.version])),
            integer(&[1]),
            signature_algorithm(issuer),
            self.issuer.clone(),
            sequence(&[time(self.from), time(self.until)]),
            self.subject.clone(),
            self.key.clone(),
        ];
        if self.version == 0 {
            fields.remove(0);
        }
        if !extensions.is_empty() {
            fields.push(element(0xa3, &sequence(&extensions)));
        }
        let signed = sequence(&fields);
        let signature = bits(&issuer.sign(&signed));
        sequence(&[signed, signature_algorithm(issuer), signature])
    }
}

pub(crate) fn subject(country: &str, organization: &str, unit: &str, common: &str) -> Vec<u8> {
    name(&[
        ("2.5.4.6", country),
        ("2.5.4.10", organization),
        ("2.5.4.11", unit),
        ("2.5.4.3", common),
    ])
}

/// `SubjectPublicKeyInfo`
pub(crate) fn key_info(key: &SigningKey) -> Vec<u8> {
    let curve = match key.algorithm {
        Algorithm::Es256 => "1.2.840.10045.3.1.7",
        Algorithm::Es384 => "1.3.132.0.34",
        Algorithm::Es512 => "1.3.132.0.35",
        Algorithm::EdDsa => return info(&[oid("1.3.101.112")], &numbers(key).concat()),
        Algorithm::Rs256 | Algorithm::Ps256 => {
            let numbers: Vec<_> = numbers(key).iter().map(|number| integer(number)).collect();
            return info(&[oid("1.2.840.113549.1.1.1"), element(0x05, &[])], &sequence(&numbers));
        }
    };
    info(&[oid("1.2.840.10045.2.1"), oid(curve)], &point(key))
}

pub(crate) fn info(algorithm: &[Vec<u8>], key: &[u8]) -> Vec<u8> {
    sequence(&[sequence(algorithm), bits(key)])
}

/// The uncompressed point.
pub(crate) fn point(key: &SigningKey) -> Vec<u8> {
    [vec![4], numbers(key).concat()].concat()
}

/// What the `COSE_Key` has in byte strings: coordinates, or modulus and exponent.
pub(crate) fn numbers(key: &SigningKey) -> Vec<Vec<u8>> {
    let bytes = |(_, value)| if let Cbor::Bytes(bytes) = value { Some(bytes) } else { None };
    key.cose().into_iter().filter_map(bytes).collect()
}

/// The `AlgorithmIdentifier` of what this key signs.
fn signature_algorithm(key: &SigningKey) -> Vec<u8> {
    match key.algorithm {
        Algorithm::Es256 => sequence(&[oid("1.2.840.10045.4.3.2")]),
        Algorithm::Es384 => sequence(&[oid("1.2.840.10045.4.3.3")]),
        Algorithm::Es512 => sequence(&[oid("1.2.840.10045.4.3.4")]),
        Algorithm::EdDsa => sequence(&[oid("1.3.101.112")]),
        Algorithm::Rs256 | Algorithm::Ps256 => {
            sequence(&[oid("1.2.840.113549.1.1.11"), element(0x05, &[])])
        }
    }
}
