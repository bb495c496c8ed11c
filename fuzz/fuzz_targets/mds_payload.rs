//! The payload of a metadata blob whose signature is right, and what its entries are asked.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use nightlatch_fuzz::{ceremony::NOW, der, frame};
use nightlatch_webauthn::{
    Aaguid, Format, Model, TrustAnchors, base64url,
    mds::{Blob, Signer},
};

static HEADER: LazyLock<String> = LazyLock::new(|| {
    let name = der::sequence(&[&der::element(0x82, Signer::FIDO_ALLIANCE.as_bytes())]);
    let name = der::extension(frame::SUBJECT_ALTERNATIVE_NAME, false, &name);
    let certificate = data_encoding::BASE64.encode(&frame::certificate(&[], false, &[name]));
    base64url::encode(format!(r#"{{"alg":"ES256","x5c":["{certificate}"]}}"#).as_bytes())
});

fuzz_target!(
    init: assert_eq!(attempt(include_bytes!("../corpus/mds_payload/blob")), Some(2)),
    |input: &[u8]| {
        attempt(input);
    }
);

/// How many entries are read.
fn attempt(input: &[u8]) -> Option<usize> {
    let signed = format!("{}.{}", *HEADER, base64url::encode(input));
    let signature = base64url::encode(&frame::sign_jws(signed.as_bytes()));
    let signer = Signer { root: frame::root(), host: None };
    let blob = Blob::verify(format!("{signed}.{signature}").as_bytes(), &signer, NOW, None);
    let blob = blob.ok()?;
    let trust_path = [frame::root().to_vec()];
    for aaguid in blob.entries().iter().filter_map(|entry| entry.aaguid).chain([Aaguid::ZERO]) {
        blob.anchors(&Model { format: Format::Packed, aaguid, trust_path: &trust_path });
    }
    for entry in blob.entries() {
        let _ = entry.verdict(NOW, None);
        let _ = entry.verdict(NOW, Some(&trust_path));
    }
    Some(blob.entries().len())
}
