//! The JSON of both ceremonies, and the ceremonies behind it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nightlatch_fuzz::ceremony;
use nightlatch_webauthn::{AuthenticationResponse, RegistrationResponse};

fuzz_target!(|input: &[u8]| {
    if let Ok(response) = RegistrationResponse::from_json(input) {
        ceremony::register(&response);
    }
    if let Ok(response) = AuthenticationResponse::from_json(input) {
        ceremony::authenticate(&response, &[]);
    }
});
