//! Client data, and the JSON reader behind them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nightlatch_fuzz as _;
use nightlatch_webauthn::client_data::ClientData;

fuzz_target!(|input: &[u8]| {
    let _ = ClientData::read(input);
});
