//! CBOR: a value and the rest are the whole, and one value alone reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nightlatch_fuzz as _;
use nightlatch_webauthn::cbor;

fuzz_target!(|input: &[u8]| {
    if let Ok((value, rest)) = cbor::read_first(input) {
        let own = input.strip_suffix(rest).expect("the rest is the end of what was sent");
        assert_eq!(cbor::read(own), Ok(value));
    }
});
