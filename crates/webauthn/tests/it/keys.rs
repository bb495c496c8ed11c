//! Public keys: which are refused, and how signatures are checked with the others.

use data_encoding::HEXLOWER_PERMISSIVE as HEX;
use nightlatch_webauthn::{Algorithm, PublicKey};
use proptest::prelude::*;

use crate::authenticator::{
    Cbor, SigningKey,
    keys::{ec2, okp, rsa},
};

const P256: &str = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
/// The y of the point on P-256 whose x is zero.
const P256_Y_AT_ZERO: &str = "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4";
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

const OFF_CURVE: &str = "the key is no point on its curve";
const SIZE: &str = "a coordinate of the wrong size";
const MISSING: &str = "the key lacks a parameter that its type needs, or has one too many";
const RSA: &str = "an RSA key of an unacceptable size or exponent";
const MISMATCH: &str = "the key's type is not that of its algorithm";

fn hex(text: &str) -> Vec<u8> {
    HEX.decode(text.as_bytes()).unwrap()
}

#[track_caller]
fn check(key: Vec<(Cbor, Cbor)>, expected: Result<Algorithm, &str>) {
    let read = PublicKey::from_cose(&Cbor::Map(key).write());
    assert_eq!(read.map(|key| key.algorithm()), expected);
}

/// The key with its `label` turned into `value`, or without it.
fn with(key: &[(Cbor, Cbor)], label: i64, value: Option<Cbor>) -> Vec<(Cbor, Cbor)> {
    let mut key = key.to_vec();
    key.retain(|(known, _)| *known != Cbor::Int(label));
    key.extend(value.map(|value| (Cbor::Int(label), value)));
    key
}

#[test]
fn algorithms_have_their_numbers() {
    let numbers = [
        (-7, Algorithm::Es256),
        (-35, Algorithm::Es384),
        (-36, Algorithm::Es512),
        (-8, Algorithm::EdDsa),
        (-257, Algorithm::Rs256),
        (-37, Algorithm::Ps256),
    ];
    for (id, algorithm) in numbers {
        assert_eq!(algorithm.id(), id);
        assert_eq!(Algorithm::from_id(id), Some(algorithm));
        assert!(Algorithm::ALL.contains(&algorithm));
    }
    for id in [0, 7, -1, -19, -53, -65535, -258, i64::MIN] {
        assert_eq!(Algorithm::from_id(id), None, "{id}");
    }
}

#[test]
fn a_key_is_read_and_checks_its_own_signatures_alone() {
    let keys = Algorithm::ALL.map(SigningKey::generate);
    for key in &keys {
        let signature = key.sign(b"message");
        for other in &keys {
            let public = PublicKey::from_cose(&Cbor::Map(other.cose()).write()).unwrap();
            assert_eq!(public.algorithm(), other.algorithm);
            let own = other.algorithm == key.algorithm;
            assert_eq!(public.verify(b"message", &signature), own, "{key:?} {other:?}");
            assert!(!public.verify(b"massage", &signature));
        }
    }
}

/// The numbers of the key and the signature's form are right; only the algorithm is another.
#[test]
fn an_rsa_signature_is_of_its_own_padding() {
    let key = SigningKey::generate(Algorithm::Rs256);
    let signature = key.sign(b"message");
    let as_pss = with(&key.cose(), 3, Some(Cbor::Int(-37)));
    let as_pss = PublicKey::from_cose(&Cbor::Map(as_pss).write()).unwrap();
    assert_eq!(as_pss.algorithm(), Algorithm::Ps256);
    assert!(!as_pss.verify(b"message", &signature));
}

#[test]
fn every_parameter_is_there_once_and_no_other() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).cose();
        check(key.clone(), Ok(algorithm));
        for (label, _) in &key {
            let Cbor::Int(label) = *label else { continue };
            let expected = match label {
                1 => "the key's type is not supported",
                3 => "the key names no algorithm",
                _ => MISSING,
            };
            check(with(&key, label, None), Err(expected));
            check(with(&key, label, Some(Cbor::Null)), Err(expected));
            check(with(&key, label, Some(Cbor::text("x"))), Err(expected));
            check(
                [key.clone(), with(&key, label, None)].concat(),
                Err("a key stands twice in a map"),
            );
        }
        for extra in [2, 4, 5, -4, -12] {
            check(with(&key, extra, Some(Cbor::bytes(b"x"))), Err(MISSING));
        }
        check([key, vec![(Cbor::text("alg"), Cbor::Int(-7))]].concat(), Err(MISSING));
    }
}

#[test]
fn a_key_is_of_the_type_that_its_algorithm_needs() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).cose();
        for other in Algorithm::ALL {
            let rsa = [Algorithm::Rs256, Algorithm::Ps256];
            let fits = other == algorithm || (rsa.contains(&other) && rsa.contains(&algorithm));
            let expected = if fits { Ok(other) } else { Err(MISMATCH) };
            check(with(&key, 3, Some(Cbor::Int(other.id()))), expected);
        }
        for unknown in [0, -47, -53, -65535] {
            let key = with(&key, 3, Some(Cbor::Int(unknown)));
            check(key, Err("the key's algorithm is not supported"));
        }
        for kty in [0, 4, -1, 7] {
            let key = with(&key, 1, Some(Cbor::Int(kty)));
            check(key, Err("the key's type is not supported"));
        }
    }
}

#[test]
fn a_curve_is_one_of_its_type_and_size() {
    let p256 = SigningKey::generate(Algorithm::Es256).cose();
    for (curve, expected) in [
        (2, SIZE),
        (3, SIZE),
        (0, "the key's curve is not supported"),
        (6, "the key's curve is not supported"),
        (8, "the key's curve is not supported"),
    ] {
        check(with(&p256, -1, Some(Cbor::Int(curve))), Err(expected));
    }
    let ed25519 = SigningKey::generate(Algorithm::EdDsa).cose();
    for curve in [1, 4, 7] {
        check(with(&ed25519, -1, Some(Cbor::Int(curve))), Err(MISSING));
    }
}

#[test]
fn a_point_is_on_its_curve() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Es512] {
        let key = SigningKey::generate(algorithm).cose();
        let (x, y) = (key[3].1.as_bytes().unwrap(), key[4].1.as_bytes().unwrap());
        let size = x.len();
        check(ec2(algorithm, x, y), Ok(algorithm));
        check(ec2(algorithm, y, x), Err(OFF_CURVE));
        for at in [0, size / 2, size - 1] {
            let mut off = y.to_vec();
            off[at] ^= 1;
            check(ec2(algorithm, x, &off), Err(OFF_CURVE));
        }
        // The point at infinity has no coordinates; these are what software writes for it.
        check(ec2(algorithm, &vec![0; size], &vec![0; size]), Err(OFF_CURVE));
        check(ec2(algorithm, &[], &[]), Err(SIZE));
        check(ec2(algorithm, &vec![0xff; size], y), Err(OFF_CURVE));
        check(ec2(algorithm, x, &vec![0xff; size]), Err(OFF_CURVE));
        for (x, y) in
            [(&x[1..], y), (x, &y[1..]), (&[&[0], x].concat(), y), (x, &[&[0], y].concat())]
        {
            check(ec2(algorithm, x, y), Err(SIZE));
        }
        for sign in [false, true] {
            check(with(&key, -3, Some(Cbor::Bool(sign))), Err(MISSING));
        }
    }
}

#[test]
fn a_coordinate_is_below_the_prime() {
    let y = hex(P256_Y_AT_ZERO);
    check(ec2(Algorithm::Es256, &[0; 32], &y), Ok(Algorithm::Es256));
    check(ec2(Algorithm::Es256, &hex(P256), &y), Err(OFF_CURVE));
}

/// `number + 2^255 - 19`, which is the same number to whoever does not look.
fn beyond_the_prime(number: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed + number;
    bytes[31] = 0x7f;
    bytes
}

#[test]
fn an_ed25519_point_is_on_its_curve_and_written_in_one_way() {
    let mut on_curve = 0;
    for y in 2..19 {
        let mut point = [0; 32];
        point[0] = y;
        let read = PublicKey::from_cose(&Cbor::Map(okp(&point)).write()).map(|_| ());
        assert!(matches!(read, Ok(()) | Err(OFF_CURVE)));
        on_curve += u8::from(read.is_ok());
        check(okp(&beyond_the_prime(y - 1)), Err(OFF_CURVE));
        check(okp(&beyond_the_prime(y)), Err(OFF_CURVE));
    }
    assert!((1..17).contains(&on_curve), "{on_curve}");

    let key = SigningKey::generate(Algorithm::EdDsa).cose();
    let point = key[3].1.as_bytes().unwrap();
    check(okp(point), Ok(Algorithm::EdDsa));
    check(okp(&point[1..]), Err(SIZE));
    check(okp(&[point, &[0]].concat()), Err(SIZE));
}

/// Under such a key, one signature fits any message.
#[test]
fn an_ed25519_point_is_of_large_order() {
    for small in [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        check(okp(&hex(small)), Err(OFF_CURVE));
    }
}

#[test]
fn an_rsa_key_has_a_sane_size_and_exponent() {
    const E: &[u8] = &[1, 0, 1];
    let modulus = |length: usize| [&[0x80][..], &vec![0x55; length - 1]].concat();
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
        for (length, expected) in [
            (255, Err(RSA)),
            (256, Ok(algorithm)),
            (384, Ok(algorithm)),
            (512, Ok(algorithm)),
            (513, Err(RSA)),
            (1024, Err(RSA)),
            (128, Err(RSA)),
        ] {
            check(rsa(algorithm, &modulus(length), E), expected);
        }
        for (e, expected) in [
            (&[3][..], Ok(algorithm)),
            (&[0xff; 4], Ok(algorithm)),
            (&[1, 1], Ok(algorithm)),
            (&[1], Err(RSA)),
            (&[], Err(RSA)),
            (&[2], Err(RSA)),
            (&[1, 0, 0], Err(RSA)),
            (&[0, 1, 0, 1], Err(RSA)),
            (&[0], Err(RSA)),
            (&[0, 1], Err(RSA)),
            (&[1, 0, 0, 0, 1], Err(RSA)),
        ] {
            check(rsa(algorithm, &modulus(256), e), expected);
        }
        let mut even = modulus(256);
        even[255] ^= 1;
        check(rsa(algorithm, &even, E), Err(RSA));
        check(rsa(algorithm, &[&[0], &modulus(256)[..]].concat(), E), Err(RSA));
        check(rsa(algorithm, &[&[0], &modulus(256)[1..]].concat(), E), Err(RSA));
        check(rsa(algorithm, &[], E), Err(RSA));
    }
}

/// r and s of a signature in DER, each in 32 bytes.
fn numbers(der: &[u8]) -> ([u8; 32], [u8; 32]) {
    let r_length = usize::from(der[3]);
    let padded = |bytes: &[u8]| {
        let mut number = [0; 32];
        let bytes = bytes.strip_prefix(&[0]).unwrap_or(bytes);
        number[32 - bytes.len()..].copy_from_slice(bytes);
        number
    };
    (padded(&der[4..4 + r_length]), padded(&der[6 + r_length..]))
}

fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len() - 1);
        let sign = if number[start] & 0x80 == 0 { &[][..] } else { &[0] };
        let bytes = [sign, &number[start..]].concat();
        [&[2, u8::try_from(bytes.len()).unwrap()], &bytes[..]].concat()
    };
    let both = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(both.len()).unwrap()], &both[..]].concat()
}

fn minus(from: &[u8], number: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut out: Vec<u8> = std::iter::zip(from.iter().rev(), number.iter().rev())
        .map(|(left, right)| {
            let difference = i16::from(*left) - i16::from(*right) - borrow;
            borrow = i16::from(difference < 0);
            u8::try_from(difference.rem_euclid(256)).unwrap()
        })
        .collect();
    out.reverse();
    out
}

/// ECDSA is malleable: with s, order - s is right as well. Nothing here takes a signature for an
/// identifier, so both are accepted, as WebAuthn has it.
#[test]
fn a_signature_with_a_high_s_is_accepted() {
    let key = SigningKey::generate(Algorithm::Es256);
    let public = PublicKey::from_cose(&Cbor::Map(key.cose()).write()).unwrap();
    let (r, s) = numbers(&key.sign(b"message"));
    let other = minus(&hex(P256_ORDER), &s);
    assert!(public.verify(b"message", &der(&r, &s)));
    assert!(public.verify(b"message", &der(&r, &other)));
    assert!(!public.verify(b"message", &der(&s, &r)));
}

#[test]
fn an_ecdsa_signature_is_strict_der_of_two_numbers_within_the_order() {
    let key = SigningKey::generate(Algorithm::Es256);
    let public = PublicKey::from_cose(&Cbor::Map(key.cose()).write()).unwrap();
    let (r, s) = numbers(&key.sign(b"message"));
    let right = der(&r, &s);
    assert!(public.verify(b"message", &right));
    let order = hex(P256_ORDER);
    for wrong in [
        der(&[0], &[0]),
        der(&[0], &s),
        der(&r, &[0]),
        der(&[1], &[1]),
        der(&order, &s),
        der(&r, &order),
        [r, s].concat(),
        [&right[..], &[0]].concat(),
        [&[0x30, 0x81], &right[1..]].concat(),
        [&[0x30, 0x80], &right[2..], &[0, 0]].concat(),
        [&[0x31], &right[1..]].concat(),
        [&[0x30, right[1] + 1, 2, right[3] + 1, 0], &right[4..]].concat(),
        [&[0x30, right[1] + 2], &right[2..], &[5, 0]].concat(),
        right[..right.len() - 1].to_vec(),
        vec![],
    ] {
        assert!(!public.verify(b"message", &wrong), "{wrong:02x?}");
    }
}

proptest! {
    /// Bytes that nobody signed are no signature, whatever they are.
    #[test]
    fn no_bytes_are_a_signature_by_chance(
        algorithm in prop::sample::select(&[Algorithm::Es256, Algorithm::Es512, Algorithm::EdDsa][..]),
        signature: Vec<u8>,
        message: Vec<u8>,
    ) {
        let key = SigningKey::generate(algorithm);
        let public = PublicKey::from_cose(&Cbor::Map(key.cose()).write()).unwrap();
        prop_assert!(!public.verify(&message, &signature));
        prop_assert!(public.verify(&message, &key.sign(&message)));
    }
}
