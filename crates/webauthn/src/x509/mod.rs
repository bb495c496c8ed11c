//! X.509 certificates (RFC 5280), as far as authenticators and their metadata need them.
//!
//! A [`Certificate`] is what one says; [`chain`] tells whether anybody vouches for it.

pub(crate) mod chain;
pub(crate) mod der;

use std::{collections::BTreeSet, time::Duration};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use x509_cert::{
    der::{Any, Tag, Tagged, asn1::ObjectIdentifier},
    ext::{
        Extension,
        pkix::{BasicConstraints, ExtendedKeyUsage},
    },
    name::Name,
};

use crate::{
    Algorithm, PublicKey,
    cose::{Curve, Numbers},
};

/// Names of what stands in a certificate.
pub(crate) mod oid {
    use x509_cert::der::asn1::ObjectIdentifier;

    pub(crate) const EC_PUBLIC_KEY: ObjectIdentifier =
        ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
    pub(crate) const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
    pub(crate) const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
    pub(crate) const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
    pub(crate) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
    pub(crate) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
    pub(crate) const BASIC_CONSTRAINTS: ObjectIdentifier =
        ObjectIdentifier::new_unwrap("2.5.29.19");
    pub(crate) const EXTENDED_KEY_USAGE: ObjectIdentifier =
        ObjectIdentifier::new_unwrap("2.5.29.37");
}

/// One certificate.
#[derive(Debug)]
pub(crate) struct Certificate(x509_cert::Certificate);

impl Certificate {
    /// Reads a certificate to its last byte. No extension stands in it twice.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let certificate = Self(der::decode(bytes).ok_or("not an X.509 certificate")?);
        let mut seen = BTreeSet::new();
        if certificate.extensions().iter().all(|extension| seen.insert(extension.extn_id)) {
            Ok(certificate)
        } else {
            Err("a certificate in which an extension stands twice")
        }
    }

    pub(crate) fn is_version_3(&self) -> bool {
        self.0.tbs_certificate.version == x509_cert::Version::V3
    }

    /// Whether the certificate is valid at `now`, in seconds since the Unix epoch.
    pub(crate) fn is_valid_at(&self, now: u64) -> bool {
        let validity = &self.0.tbs_certificate.validity;
        let from = validity.not_before.to_unix_duration();
        let until = validity.not_after.to_unix_duration();
        (from..=until).contains(&Duration::from_secs(now))
    }

    pub(crate) fn subject(&self) -> &Name {
        &self.0.tbs_certificate.subject
    }

    fn extensions(&self) -> &[Extension] {
        self.0.tbs_certificate.extensions.as_deref().unwrap_or_default()
    }

    /// The extension of this name.
    pub(crate) fn extension(&self, name: ObjectIdentifier) -> Option<&Extension> {
        self.extensions().iter().find(|extension| extension.extn_id == name)
    }

    /// Whether the certificate says of itself that it is none of a CA.
    pub(crate) fn is_end_entity(&self) -> bool {
        self.extension(oid::BASIC_CONSTRAINTS)
            .and_then(|it| der::decode::<BasicConstraints>(it.extn_value.as_bytes()))
            .is_some_and(|constraints| !constraints.ca)
    }

    /// Whether the key is for this purpose, among others.
    pub(crate) fn has_usage(&self, purpose: ObjectIdentifier) -> bool {
        self.extension(oid::EXTENDED_KEY_USAGE)
            .and_then(|it| der::decode::<ExtendedKeyUsage>(it.extn_value.as_bytes()))
            .is_some_and(|usage| usage.0.contains(&purpose))
    }

    fn key_bits(&self) -> Result<&[u8], &'static str> {
        let bits = &self.0.tbs_certificate.subject_public_key_info.subject_public_key;
        bits.as_bytes().ok_or("a public key that ends within a byte")
    }

    /// The name by which metadata know the key: the SHA-1 of its bits (RFC 5280 §4.2.1.2, method 1).
    /// What the certificate itself says of it, in an extension, may be anything.
    pub(crate) fn key_identifier(&self) -> Result<[u8; 20], &'static str> {
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, self.key_bits()?);
        hash.as_ref().try_into().map_err(|_| "a hash of the wrong size")
    }

    /// The key's numbers; that a point is on its curve is seen when they become a [`PublicKey`].
    pub(crate) fn key(&self) -> Result<Numbers, &'static str> {
        const UNSUPPORTED: &str = "the certificate's key is of no supported type";
        let bits = self.key_bits()?;
        let algorithm = &self.0.tbs_certificate.subject_public_key_info.algorithm;
        let parameters = algorithm.parameters.as_ref();
        let numbers = match algorithm.oid {
            oid::EC_PUBLIC_KEY => {
                let curve = parameters.and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
                let curve = match curve {
                    Some(oid::P256) => Curve::P256,
                    Some(oid::P384) => Curve::P384,
                    Some(oid::P521) => Curve::P521,
                    _ => return Err(UNSUPPORTED),
                };
                uncompressed(curve, bits)
            }
            oid::ED25519 => bits.try_into().ok().map(|point| Numbers::Ed25519 { point }),
            oid::RSA => rsa(bits)?,
            _ => return Err(UNSUPPORTED),
        };
        numbers.ok_or("the certificate's key has the wrong size")
    }

    /// The key, to verify signatures of `algorithm` with.
    pub(crate) fn public_key(&self, algorithm: Algorithm) -> Result<PublicKey, &'static str> {
        PublicKey::new(algorithm, self.key()?)
    }
}

fn uncompressed(curve: Curve, point: &[u8]) -> Option<Numbers> {
    let (x, y) = point.strip_prefix(&[4])?.split_at_checked(curve.coordinate())?;
    Numbers::ec(curve, x, y)
}

/// `RSAPublicKey` (RFC 8017 §A.1.1)
fn rsa(bits: &[u8]) -> Result<Option<Numbers>, &'static str> {
    let mut numbers = der::Reader::new(der::only(bits, der::Tag::SEQUENCE)?);
    let mut number = || der::unsigned(numbers.expect(der::Tag::INTEGER)?);
    let (n, e) = (number()?, number()?);
    if !numbers.is_empty() {
        return Err("bytes follow the RSA key");
    }
    Ok(Numbers::rsa(n, e))
}

/// The text of an attribute, in whichever of the usual string types it is.
pub(crate) fn text(value: &Any) -> Option<&str> {
    let known = matches!(
        value.tag(),
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::TeletexString
    );
    std::str::from_utf8(value.value()).ok().filter(|_| known)
}
