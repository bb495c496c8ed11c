//! Android's key description, in a certificate and a statement that are right.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nightlatch_fuzz::{ceremony, der, frame};

fuzz_target!(
    init: assert!(attempt(include_bytes!("../corpus/android_key/generated"))),
    |input: &[u8]| {
        attempt(input);
    }
);

fn attempt(input: &[u8]) -> bool {
    let description = der::extension(frame::KEY_DESCRIPTION, false, input);
    let certificate = frame::certificate(&frame::SUBJECT, false, &[description]);
    let statement = [
        ("alg", vec![0x26]),
        ("sig", frame::signature()),
        ("x5c", frame::cbor(4, 1, &frame::bytes(&certificate))),
    ];
    ceremony::register(&frame::response("android-key", &statement)).is_some()
}
