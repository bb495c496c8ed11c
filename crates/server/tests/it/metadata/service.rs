//! A metadata service of the tests' own, under a root of its own.

use std::fs;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use data_encoding::{BASE64, BASE64_MIME, BASE64URL_NOPAD};
use nightlatch::config::MetadataFile;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Who signs, and the files that an operator has of it.
pub(super) struct Service {
    root: CertifiedIssuer<'static, KeyPair>,
    key: KeyPair,
    certificate: Vec<u8>,
    home: TempDir,
}

impl Service {
    /// A service whose first blob is number 1 and holds no model.
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::ExplicitNoCa;
        let certificate = params.signed_by(&key, &root).unwrap().der().to_vec();
        let service = Self { root, key, certificate, home: TempDir::new().unwrap() };
        let file = service.file();
        let pem = BASE64_MIME.encode(&service.root_der());
        let pem = format!("-----BEGIN CERTIFICATE-----\r\n{pem}-----END CERTIFICATE-----\r\n");
        fs::write(file.root.unwrap(), pem).unwrap();
        service.publish(1, "2027-02-01", &json!([]));
        service
    }

    /// The root's certificate.
    pub(super) fn root_der(&self) -> Vec<u8> {
        self.root.der().to_vec()
    }

    /// What an operator sets.
    pub(super) fn file(&self) -> MetadataFile {
        MetadataFile {
            path: self.home.path().join("blob.jwt"),
            root: Some(self.home.path().join("root.pem")),
        }
    }

    /// Replaces the blob.
    pub(super) fn publish(&self, no: u64, next_update: &str, entries: &Value) {
        let x5c = [BASE64.encode(&self.certificate)];
        let header = json!({ "alg": "ES256", "typ": "JWT", "x5c": x5c });
        let payload = json!({ "no": no, "nextUpdate": next_update, "entries": entries });
        let [header, payload] =
            [header, payload].map(|part| BASE64URL_NOPAD.encode(part.to_string().as_bytes()));
        let signed = format!("{header}.{payload}");
        let der = self.key.serialized_der();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).unwrap();
        let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        let blob = format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_ref()));
        self.replace(blob.as_bytes());
    }

    /// Puts whatever in the blob's place.
    pub(super) fn replace(&self, blob: &[u8]) {
        fs::write(self.file().path, blob).unwrap();
    }
}

/// A model that was broken.
pub(super) fn revoked(aaguid: &str) -> Value {
    json!({
        "aaguid": aaguid,
        "metadataStatement": { "description": "A key", "protocolFamily": "fido2" },
        "statusReports": [{ "status": "REVOKED", "effectiveDate": "2026-01-05" }],
        "timeOfLastStatusChange": "2026-01-05",
    })
}
