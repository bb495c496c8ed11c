//! A whole registration: credential id, client data, attestation object. A credential that is
//! accepted has a key that can be used.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nightlatch_fuzz::{ceremony, parts};
use nightlatch_webauthn::{PublicKey, RegistrationResponse};

fuzz_target!(
    init: assert!(attempt(include_bytes!("../corpus/registration/tpm.ES256"))),
    |input: &[u8]| {
        attempt(input);
    }
);

fn attempt(input: &[u8]) -> bool {
    let Some([id, client_data, object]) = parts(input) else { return false };
    let registered = ceremony::register(&RegistrationResponse {
        raw_id: id.to_vec(),
        authenticator_attachment: None,
        client_extension_results: Default::default(),
        client_data_json: client_data.to_vec(),
        attestation_object: object.to_vec(),
        transports: Vec::new(),
    });
    if let Some(registered) = &registered {
        let key = PublicKey::from_cose(&registered.public_key).expect("a key that was accepted");
        assert_eq!(key.algorithm(), registered.algorithm);
    }
    registered.is_some()
}
