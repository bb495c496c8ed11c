//! Blobs of a metadata service of the tests' own, right and wrong.

mod entries;
mod refusals;
mod verdicts;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
        ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, RSA_PKCS1_SHA256,
        RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
    },
};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use nightlatch_webauthn::mds::{Blob, BlobRefused, Entry, Signer};
use rcgen::{
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_RSA_SHA256,
    SignatureAlgorithm,
};
use serde_json::{Value, json};

use crate::certificates::{Ca, CertificateParams, KeyPair, NOW, named};

const HOST: &str = "mds.example";
const AAGUID: &str = "d8522d9f-575b-4866-88a9-ba99fa02f35b";

/// A metadata service, with a certificate that leads to a root over one more.
struct Service {
    root: Ca,
    root_der: Vec<u8>,
    intermediate: Ca,
    algorithm: &'static str,
    key: KeyPair,
    certificate: Vec<u8>,
}

impl Service {
    fn new() -> Self {
        Self::with_algorithm("ES256")
    }

    fn with_algorithm(algorithm: &'static str) -> Self {
        let kind: &'static SignatureAlgorithm = match algorithm {
            "ES256" => &PKCS_ECDSA_P256_SHA256,
            "ES384" => &PKCS_ECDSA_P384_SHA384,
            "ES512" => &PKCS_ECDSA_P521_SHA512,
            _ => &PKCS_RSA_SHA256,
        };
        let key = KeyPair::generate_for(kind).unwrap();
        let root = Ca::root("Root");
        let intermediate = root.intermediate("Intermediate");
        let certificate = intermediate.issue(&for_host(HOST), &key);
        Self { root_der: root.der(), root, intermediate, algorithm, key, certificate }
    }

    fn signer(&self) -> Signer<'_> {
        Signer { root: &self.root_der, host: Some(HOST) }
    }

    fn header(&self) -> Value {
        let x5c = [&self.certificate, &self.intermediate.der()].map(|der| BASE64.encode(der));
        json!({ "alg": self.algorithm, "typ": "JWT", "x5c": x5c })
    }

    /// A blob with this payload, signed.
    fn blob(&self, payload: &Value) -> Vec<u8> {
        self.signed(&self.header().to_string(), &payload.to_string())
    }

    fn signed(&self, header: &str, payload: &str) -> Vec<u8> {
        let [header, payload] =
            [header, payload].map(|part| BASE64URL_NOPAD.encode(part.as_bytes()));
        let signed = format!("{header}.{payload}");
        let signature = self.signature(signed.as_bytes());
        format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature)).into_bytes()
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        match self.algorithm {
            "ES256" => self.ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING, message),
            "ES384" => self.ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING, message),
            "ES512" => self.ecdsa(&ECDSA_P521_SHA512_FIXED_SIGNING, message),
            "PS256" => self.rsa(&RSA_PSS_SHA256, message),
            _ => self.rsa(&RSA_PKCS1_SHA256, message),
        }
    }

    fn ecdsa(&self, algorithm: &'static EcdsaSigningAlgorithm, message: &[u8]) -> Vec<u8> {
        let key = EcdsaKeyPair::from_pkcs8(algorithm, self.key.serialized_der()).unwrap();
        key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }

    fn rsa(&self, encoding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
        let key = RsaKeyPair::from_pkcs8(self.key.serialized_der()).unwrap();
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(encoding, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    }

    fn verify(&self, jwt: &[u8]) -> Result<Blob, BlobRefused> {
        Blob::verify(jwt, &self.signer(), NOW, None)
    }
}

fn for_host(host: &str) -> CertificateParams {
    let mut params = named("Signer");
    params.subject_alt_names = vec![rcgen::SanType::DnsName(host.try_into().unwrap())];
    params
}

fn payload(entries: &Value) -> Value {
    json!({ "legalHeader": "…", "no": 7, "nextUpdate": "2026-07-01", "entries": entries })
}

/// An entry that is right, with these reports.
fn entry(reports: &Value) -> Value {
    json!({
        "aaguid": AAGUID,
        "metadataStatement": { "description": "A key", "protocolFamily": "fido2" },
        "statusReports": reports,
        "timeOfLastStatusChange": "2026-01-05",
    })
}

/// What a blob with these entries holds.
#[track_caller]
fn read(entries: &Value) -> Blob {
    let service = Service::new();
    service.verify(&service.blob(&payload(entries))).unwrap()
}

/// The one entry of a blob with these reports.
#[track_caller]
fn read_reports(reports: &Value) -> Entry {
    let blob = read(&json!([entry(reports)]));
    assert_eq!(blob.entries().len(), 1, "{blob:?}");
    blob.entries()[0].clone()
}
