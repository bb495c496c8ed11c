//! Public keys; one that is accepted is used.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nightlatch_fuzz as _;
use nightlatch_webauthn::PublicKey;

fuzz_target!(|input: &[u8]| {
    if let Ok(key) = PublicKey::from_cose(input) {
        assert!(!key.verify(b"a message", input), "a key is no signature");
    }
});
