//! Authenticator data.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nightlatch_fuzz as _;
use nightlatch_webauthn::AuthenticatorData;

fuzz_target!(|input: &[u8]| {
    let _ = AuthenticatorData::read(input);
});
