//! The signed form of a metadata blob.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nightlatch_fuzz::{ceremony::NOW, frame};
use nightlatch_webauthn::mds::{Blob, Signer};

fuzz_target!(
    init: assert!(attempt(include_bytes!("../corpus/mds_jwt/signed"))),
    |input: &[u8]| {
        attempt(input);
    }
);

fn attempt(input: &[u8]) -> bool {
    let signer = Signer { root: frame::root(), host: Some(Signer::FIDO_ALLIANCE) };
    Blob::verify(input, &signer, NOW, None).is_ok()
}
