//! Certificates in `x5c`, in every format that takes one; the signature is that of [`frame`]'s key,
//! so that the rules for a certificate are reached where it still has that key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nightlatch_fuzz::{ceremony, frame};

fuzz_target!(
    init: {
        assert_eq!(attempt(include_bytes!("../corpus/x509/packed")), ["packed", "fido-u2f"]);
        assert!(attempt(include_bytes!("../corpus/x509/apple")).contains(&"apple"));
        assert!(attempt(include_bytes!("../corpus/x509/android-key")).contains(&"android-key"));
    },
    |input: &[u8]| {
        attempt(input);
    }
);

/// The formats that accept this certificate.
fn attempt(input: &[u8]) -> Vec<&'static str> {
    let x5c = || ("x5c", frame::cbor(4, 1, &frame::bytes(input)));
    let alg = || ("alg", vec![0x26]);
    let sig = || ("sig", frame::signature());
    let statements = [
        ("packed", vec![alg(), sig(), x5c()]),
        ("android-key", vec![alg(), sig(), x5c()]),
        ("apple", vec![x5c()]),
        ("fido-u2f", vec![("sig", frame::signature_u2f()), x5c()]),
    ];
    let accepted = |(format, statement): (_, Vec<_>)| {
        ceremony::register(&frame::response(format, &statement)).map(|_| format)
    };
    statements.into_iter().filter_map(accepted).collect()
}
