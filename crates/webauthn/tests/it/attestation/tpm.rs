//! `tpm`: the statement and the TPM's structures.

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, digest};
use nightlatch_webauthn::{Algorithm, AttestationType, Format};

use super::{
    AAGUID, accepts,
    certificate::{Certificate, numbers},
    es256, has_exactly_its_members, map, refuses, signed,
    tpm_certificate::aik,
    with, x5c,
};
use crate::authenticator::{Cbor, Create, SigningKey, keys};

const ENDS: &str = "a TPM structure that ends too early";
const FOLLOW: &str = "bytes follow a TPM structure";

fn sized(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// The fields of a `TPMT_PUBLIC`, each as it is written.
type Area = Vec<Vec<u8>>;

/// Type, name algorithm, attributes, policy, symmetric algorithm, and what the type needs.
fn area(key: &SigningKey) -> Area {
    let kind: &[u8] = if matches!(key.algorithm, Algorithm::Rs256) { &[0, 1] } else { &[0, 0x23] };
    let mut area =
        vec![kind.to_vec(), vec![0, 0x0b], vec![0, 4, 0, 0], sized(&[5; 32]), vec![0, 0x10]];
    let numbers = numbers(key);
    if key.algorithm == Algorithm::Rs256 {
        // Scheme, bits, exponent (the default), modulus.
        area.extend([vec![0, 0x10], vec![8, 0], vec![0; 4], sized(&numbers[0])]);
    } else {
        let curve = match key.algorithm {
            Algorithm::Es384 => 4,
            Algorithm::Es512 => 5,
            _ => 3,
        };
        // Scheme, curve, key derivation, x and y.
        area.extend([vec![0, 0x10], vec![0, curve], vec![0, 0x10]]);
        area.extend(numbers.iter().map(|number| sized(number)));
    }
    area
}

/// The fields of a `TPMS_ATTEST`, each as it is written.
fn certify_info(create: &Create, hash: &'static digest::Algorithm, area: &Area) -> Vec<Vec<u8>> {
    let name = [&[0, 0x0b], digest(&SHA256, &area.concat()).as_ref()].concat();
    vec![
        vec![0xff, 0x54, 0x43, 0x47],
        vec![0x80, 0x17],
        sized(&[1; 34]),
        sized(digest(hash, &signed(create)).as_ref()),
        vec![3; 17],
        vec![4; 8],
        sized(&name),
        sized(&[2; 34]),
    ]
}

fn statement(key: &SigningKey, area: &Area, info: &[Vec<u8>]) -> Cbor {
    map(&[
        ("ver", Cbor::text("2.0")),
        ("alg", Cbor::Int(key.algorithm.id())),
        ("x5c", x5c(&[aik(key).sign(&es256())])),
        ("sig", Cbor::Bytes(key.sign(&info.concat()))),
        ("certInfo", Cbor::Bytes(info.concat())),
        ("pubArea", Cbor::Bytes(area.concat())),
    ])
}

#[track_caller]
fn accepts_area(key: &SigningKey, area: &Area) {
    let create = Create::new(key);
    let statement = statement(&es256(), area, &certify_info(&create, &SHA256, area));
    accepts(&create, Format::Tpm, &statement);
}

#[track_caller]
fn refuses_area(key: &SigningKey, area: &Area, reason: &'static str) {
    let create = Create::new(key);
    let statement = statement(&es256(), area, &certify_info(&create, &SHA256, area));
    refuses(&create, Format::Tpm, &statement, reason);
}

/// The right area of `key` with another field.
fn change(key: &SigningKey, field: usize, value: &[u8]) -> Area {
    let mut area = area(key);
    area[field] = value.to_vec();
    area
}

#[test]
fn a_tpm_certifies_keys_of_every_type() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Es512, Algorithm::Rs256] {
        let key = SigningKey::generate(algorithm);
        accepts_area(&key, &area(&key));
    }
}

#[test]
fn every_algorithm_of_an_aik_has_its_hash() {
    let key = es256();
    let create = Create::new(&key);
    let area = area(&key);
    for (algorithm, hash) in [
        (Algorithm::Es256, &SHA256),
        (Algorithm::Es384, &SHA384),
        (Algorithm::Es512, &SHA512),
        (Algorithm::Rs256, &SHA256),
        (Algorithm::Ps256, &SHA256),
    ] {
        let signer = SigningKey::generate(algorithm);
        let right = statement(&signer, &area, &certify_info(&create, hash, &area));
        let attestation = accepts(&create, Format::Tpm, &right);
        assert_eq!(attestation.kind, AttestationType::AttCa);
        assert_eq!(attestation.trust_path.len(), 1);
        let other = if *hash == SHA256 { &SHA384 } else { &SHA256 };
        let wrong = statement(&signer, &area, &certify_info(&create, other, &area));
        refuses(&create, Format::Tpm, &wrong, "certInfo is of another ceremony");
    }
    let signer = SigningKey::generate(Algorithm::EdDsa);
    let wrong = statement(&signer, &area, &certify_info(&create, &SHA256, &area));
    refuses(&create, Format::Tpm, &wrong, "an algorithm that no hash belongs to");
}

#[test]
fn a_statement_has_the_members_of_the_syntax() {
    let (key, signer) = (es256(), es256());
    let create = Create::new(&key);
    let area = area(&key);
    let right = statement(&signer, &area, &certify_info(&create, &SHA256, &area));
    let names = ["ver", "alg", "x5c", "sig", "certInfo", "pubArea"];
    has_exactly_its_members(&create, Format::Tpm, &right, &names);
    let wrong = with(&right, "ver", Cbor::text("1.2"));
    refuses(&create, Format::Tpm, &wrong, "not a statement of TPM 2.0");
    let wrong = with(&right, "alg", Cbor::Int(-65534));
    refuses(&create, Format::Tpm, &wrong, "the statement's algorithm is not supported");
    let mismatch = "the key's type is not that of its algorithm";
    for algorithm in [-257, -65535] {
        refuses(&create, Format::Tpm, &with(&right, "alg", Cbor::Int(algorithm)), mismatch);
    }
    let wrong = with(&right, "x5c", x5c(&[aik(&es256()).sign(&es256())]));
    refuses(&create, Format::Tpm, &wrong, "the signature is not of the AIK");
    let wrong =
        with(&right, "x5c", x5c(&[Certificate::attestation(&signer, AAGUID).sign(&signer)]));
    refuses(&create, Format::Tpm, &wrong, "the AIK's certificate has a subject");
}

#[test]
fn the_public_area_is_of_the_credentials_key() {
    let key = es256();
    let another = "pubArea is of another key";
    refuses_area(&key, &area(&es256()), another);
    refuses_area(&key, &area(&SigningKey::generate(Algorithm::Rs256)), another);
    let rsa = SigningKey::generate(Algorithm::Rs256);
    refuses_area(&rsa, &change(&rsa, 7, &[0, 0, 0, 3]), another);
    accepts_area(&rsa, &change(&rsa, 7, &[0, 1, 0, 1]));
}

#[test]
fn the_public_area_is_that_of_a_signing_key() {
    let key = es256();
    let rsa = SigningKey::generate(Algorithm::Rs256);
    refuses_area(&key, &change(&key, 0, &[0, 0x25]), "a TPM key of a type that is not supported");
    refuses_area(&key, &change(&key, 4, &[0, 0x06]), "a TPM key that is not for signing");
    refuses_area(&key, &change(&key, 7, &[0, 0x20]), "a TPM key that is not for signing");
    let scheme = "a TPM key with a scheme that is not for signing";
    for (key, schemes, wrong) in
        [(&key, &[0x18][..], [0x19, 0x14]), (&rsa, &[0x14, 0x16], [0x15, 0x18])]
    {
        for scheme in schemes {
            accepts_area(key, &change(key, 5, &[0, *scheme, 0, 0x0b]));
        }
        for other in wrong {
            refuses_area(key, &change(key, 5, &[0, other, 0, 0x0b]), scheme);
        }
    }
    let curve = "a TPM key on a curve that is not supported";
    refuses_area(&key, &change(&key, 6, &[0, 0x10]), curve);
    let size = "an RSA key of an unacceptable size or exponent";
    refuses_area(&rsa, &change(&rsa, 6, &[0x0c, 0]), size);
    refuses_area(&rsa, &change(&rsa, 7, &[0, 0, 0, 1]), size);
}

#[test]
fn a_coordinate_may_lack_its_leading_zeros_and_no_more() {
    // One key of 128 has a coordinate that begins with a zero.
    let key = std::iter::repeat_with(es256)
        .find(|key| numbers(key).iter().any(|number| number[0] == 0))
        .unwrap();
    let shortened: Vec<_> =
        numbers(&key).iter().map(|number| sized(&number[usize::from(number[0] == 0)..])).collect();
    let mut area = area(&key);
    area.truncate(8);
    area.extend(shortened);
    accepts_area(&key, &area);

    let [x, _] = numbers(&key).try_into().unwrap();
    let long = sized(&[&[0], &x[..]].concat());
    refuses_area(&key, &change(&key, 8, &long), "a coordinate of the wrong size");
}

#[test]
fn the_public_area_is_read_to_its_last_byte() {
    for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
        let key = SigningKey::generate(algorithm);
        let whole = area(&key).concat();
        for length in 0..whole.len() {
            refuses_area(&key, &vec![whole[..length].to_vec()], ENDS);
        }
        refuses_area(&key, &vec![[whole, vec![0]].concat()], FOLLOW);
    }
}

#[test]
fn every_field_of_cert_info_is_right() {
    let (key, signer) = (es256(), es256());
    let create = Create::new(&key);
    let area = area(&key);
    let right = certify_info(&create, &SHA256, &area);
    let check = |info: &[Vec<u8>], reason| {
        refuses(&create, Format::Tpm, &statement(&signer, &area, info), reason);
    };
    for (field, value, reason) in [
        (0, vec![0xff, 0x54, 0x43, 0x48], "certInfo was not made by a TPM"),
        (1, vec![0x80, 0x18], "certInfo certifies no object"),
        (3, sized(&[0; 32]), "certInfo is of another ceremony"),
        (6, sized(&[0; 34]), "certInfo is of another key"),
        (6, sized(&[]), "certInfo is of another key"),
    ] {
        let mut wrong = right.clone();
        wrong[field] = value;
        check(&wrong, reason);
    }
    // Signer, clock, firmware and qualified name may be anything.
    let mut other = right.clone();
    other[2] = sized(&[]);
    other[4] = vec![0; 17];
    other[5] = vec![0xff; 8];
    other[7] = sized(&[]);
    accepts(&create, Format::Tpm, &statement(&signer, &area, &other));

    let whole = right.concat();
    for length in 0..whole.len() {
        check(&[whole[..length].to_vec()], ENDS);
    }
    check(&[whole, vec![0]], FOLLOW);
}

#[test]
fn the_name_is_made_with_the_hash_that_the_area_names() {
    let (key, signer) = (es256(), es256());
    let create = Create::new(&key);
    for (number, hash) in
        [(4, &SHA1_FOR_LEGACY_USE_ONLY), (0x0b, &SHA256), (0x0c, &SHA384), (0x0d, &SHA512)]
    {
        let area = change(&key, 1, &[0, number]);
        let mut info = certify_info(&create, &SHA256, &area);
        let name = |hash| [&[0, number], digest(hash, &area.concat()).as_ref()].concat();
        info[6] = sized(&name(hash));
        accepts(&create, Format::Tpm, &statement(&signer, &area, &info));
        info[6] = sized(&name(if *hash == SHA512 { &SHA384 } else { &SHA512 }));
        let wrong = statement(&signer, &area, &info);
        refuses(&create, Format::Tpm, &wrong, "certInfo is of another key");
    }
    let reason = "a TPM key whose Name is made with an unknown hash";
    refuses_area(&key, &change(&key, 1, &[0, 0x12]), reason);
}

/// No key of the tests signs with SHA-1, so this signature was made beforehand, over what the ceremony
/// of a fixed credential gives, with a key that was thrown away.
const RS1_MODULUS: &str = "\
    9dd7b38b372a6b893c1ce54ca2687fa0849487bd4ea2f56bff5238f763d7275d4280c048a96e53e07f723f40e1\
    ddb01a29d6db00419083a6e032a2f2d22e25aa228a76ee3df6409e69cf6981069620a94b25395cf2bd7a56fe83\
    871f81f0a17ef2f3fb8193eed5caaca22a00cb521f57eb5e7ca7971edd99881def6bd94532216875b25ecc5610\
    b9d4595b997c3095f90b6b752d9a2ce730fdf867779f03124e9d0fd5fd9e39bb3a04b7caf7bd38d49b4d58a397\
    4679b43341473a842ad1b677f9ec3f94afa9df275a65c229d841d7f3ce83f0a7ebdcc4dca5caced521de516371\
    ac8e61f37d20b7c9ca20b3df621f9b38370fd479adf5b9c51a7df4e2e86191";
const RS1_SIGNATURE: &str = "\
    199605b3fe3919dc51e02176e4d00d95661b2b7c6f40945ffc0ab434c7078f93d076c76bcebf068c1f304b4e74\
    3ed6c57cd8abe56bf6c80f09fc3733a8b460a9e45c9443cc3693fe2532904a170f2f1a0f75d6846a2b6a3b5186\
    580524d10621a196e5431e3c599a2682f4e3da9740809d4caae210474286f039f2f25dcc9f788e68ef3d1b0292\
    caa5012eb7a369e5a812e830359d67f76a3d6038b7cc2647a54e8b55456b7735500c963ae8429167c6ca899fe6\
    bc0c4929eee760fc3181c97f88f797d6b34c33783d5be754678d559d6c02dcb16ebe67930e3ccd2954b0a848f6\
    1538948bfcfe4c2fb72d78d8f589f0a87227c4f6c78710b96258fac002f044";

#[test]
fn an_older_aik_signs_with_sha_1() {
    let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
    let signature = hex(RS1_SIGNATURE);
    let key = es256();
    let mut create = Create::new(&key);
    // The generator of P-256 is a point like any other.
    let x = hex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
    let y = hex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
    let cose = Cbor::Map(keys::ec2(Algorithm::Es256, &x, &y));
    create.auth_data.attested.as_mut().unwrap().2 = cose;
    let mut area = area(&key);
    area.truncate(8);
    area.extend([sized(&x), sized(&y)]);
    let info = certify_info(&create, &SHA1_FOR_LEGACY_USE_ONLY, &area);

    let certificate = super::tpm_certificate::rsa_aik(&hex(RS1_MODULUS));
    let right = statement(&key, &area, &info);
    let right = with(&right, "alg", Cbor::Int(-65535));
    let right = with(&right, "x5c", x5c(&[certificate.sign(&key)]));
    let right = with(&right, "sig", Cbor::bytes(&signature));
    accepts(&create, Format::Tpm, &right);
    let mut spoilt = signature;
    spoilt[7] ^= 1;
    let wrong = with(&right, "sig", Cbor::Bytes(spoilt));
    refuses(&create, Format::Tpm, &wrong, "the signature is not of the AIK");
    let wrong = with(&right, "alg", Cbor::Int(Algorithm::Rs256.id()));
    refuses(&create, Format::Tpm, &wrong, "the signature is not of the AIK");
}
