//! A whole authentication: public key, client data, authenticator data, signature.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nightlatch_fuzz::{ceremony, parts};
use nightlatch_webauthn::AuthenticationResponse;

fuzz_target!(
    init: assert!(attempt(include_bytes!("../corpus/authentication/packed.RS256"))),
    |input: &[u8]| {
        attempt(input);
    }
);

fn attempt(input: &[u8]) -> bool {
    let Some([key, client_data, authenticator_data, signature]) = parts(input) else {
        return false;
    };
    let response = AuthenticationResponse {
        raw_id: b"an id".to_vec(),
        authenticator_attachment: None,
        client_extension_results: Default::default(),
        client_data_json: client_data.to_vec(),
        authenticator_data: authenticator_data.to_vec(),
        signature: signature.to_vec(),
        user_handle: None,
    };
    ceremony::authenticate(&response, key).is_some()
}
