//! The certificate of an attestation identity key (§8.3.1).

use data_encoding::HEXUPPER_PERMISSIVE;
use x509_cert::{
    der::asn1::ObjectIdentifier,
    ext::pkix::{SubjectAltName, name::GeneralName},
};

use crate::x509::{self, Certificate, der};

const SUBJECT_ALTERNATIVE_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

/// `tcg-kp-AIKCertificate`
const AIK_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.133.8.3");

const MANUFACTURER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.133.2.1");
const MODEL: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.133.2.2");
const VERSION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.133.2.3");

/// TPM manufacturers in the TCG's Vendor ID Registry (version 1.07).
const MANUFACTURERS: [&[u8; 4]; 29] = [
    b"AMD\0", b"ANT\0", b"ATML", b"BRCM", b"CSCO", b"FLYS", b"GOOG", b"HISI", b"HPE\0", b"HPI\0",
    b"IBM\0", b"IFX\0", b"INTC", b"LEN\0", b"MSFT", b"NSG\0", b"NSM ", b"NTC\0", b"NTZ\0", b"QCOM",
    b"ROCC", b"SEAL", b"SECE", b"SMSC", b"SMSN", b"SNS\0", b"STM ", b"TXN\0", b"WEC\0",
];

/// The rules that only this format has.
pub(super) fn check(aik: &Certificate) -> Result<(), &'static str> {
    if !aik.subject().is_empty() {
        return Err("the AIK's certificate has a subject");
    }
    if !aik.has_usage(AIK_CERTIFICATE) {
        return Err("the certificate is not for an AIK");
    }
    Device::read(aik).map(drop)
}

/// Whether the manufacturer is in the TCG's registry.
pub(in super::super) fn has_known_manufacturer(aik: &Certificate) -> bool {
    Device::read(aik).is_ok_and(|device| MANUFACTURERS.contains(&&device.manufacturer))
}

/// The TPM that a subject alternative name describes (TCG EK Credential Profile, section 3.2.9).
struct Device {
    manufacturer: [u8; 4],
}

impl Device {
    fn read(aik: &Certificate) -> Result<Self, &'static str> {
        let extension = aik
            .extension(SUBJECT_ALTERNATIVE_NAME)
            .filter(|extension| extension.critical)
            .ok_or("no critical subject alternative name in the AIK's certificate")?;
        let names: SubjectAltName = der::decode(extension.extn_value.as_bytes())
            .ok_or("a subject alternative name that is not DER")?;
        let value = |name| attribute(&names, name).filter(|value| !value.is_empty());
        let (Some(manufacturer), Some(_), Some(_)) =
            (value(MANUFACTURER), value(MODEL), value(VERSION))
        else {
            return Err("the AIK's certificate does not name the TPM's maker, model and version");
        };
        let manufacturer = manufacturer
            .strip_prefix("id:")
            .and_then(|digits| HEXUPPER_PERMISSIVE.decode(digits.as_bytes()).ok())
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or("the TPM's maker is no id of four bytes")?;
        Ok(Self { manufacturer })
    }
}

/// The text of the first attribute of this name in any directory name.
fn attribute(names: &SubjectAltName, name: ObjectIdentifier) -> Option<&str> {
    names
        .0
        .iter()
        .filter_map(|general| match general {
            GeneralName::DirectoryName(directory) => Some(&directory.0),
            _ => None,
        })
        .flatten()
        .flat_map(|relative| relative.0.iter())
        .find(|attribute| attribute.oid == name)
        .and_then(|attribute| x509::text(&attribute.value))
}
