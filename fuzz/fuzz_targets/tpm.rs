//! The structures of a TPM, in a statement that is right: the alternative name that names the TPM,
//! `pubArea` and `certInfo`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nightlatch_fuzz::{ceremony, frame, parts};

fuzz_target!(
    init: assert!(attempt(include_bytes!("../corpus/tpm/ecc"))),
    |input: &[u8]| {
        attempt(input);
    }
);

fn attempt(input: &[u8]) -> bool {
    let Some([name, area, info]) = parts(input) else { return false };
    let statement = [
        ("ver", frame::cbor(3, 3, b"2.0")),
        ("alg", vec![0x26]),
        ("x5c", frame::cbor(4, 1, &frame::bytes(&frame::aik(name)))),
        ("sig", frame::bytes(&frame::sign(info))),
        ("certInfo", frame::bytes(info)),
        ("pubArea", frame::bytes(area)),
    ];
    ceremony::register(&frame::response("tpm", &statement)).is_some()
}
