//! `android-key`

use nightlatch_webauthn::{Algorithm, AttestationType, Format};

use super::{
    AAGUID, accepts,
    certificate::{Certificate, key_info},
    client_data_hash,
    der::{element, high, integer, octets, sequence, set},
    es256, has_exactly_its_members, map, refuses, signed, with, x5c,
};
use crate::authenticator::{Cbor, Create, SigningKey};

const KEY_DESCRIPTION: &str = "1.3.6.1.4.1.11129.2.1.17";

fn statement(create: &Create, key: &SigningKey, certificate: &Certificate) -> Cbor {
    map(&[
        ("alg", Cbor::Int(key.algorithm.id())),
        ("sig", Cbor::Bytes(key.sign(&signed(create)))),
        ("x5c", x5c(&[certificate.sign(&es256())])),
    ])
}

/// The fields of a key description.
fn fields(challenge: &[u8], software: &[Vec<u8>], tee: &[Vec<u8>]) -> Vec<Vec<u8>> {
    vec![
        integer(&[0x01, 0x2c]),
        element(0x0a, &[1]),
        integer(&[0x01, 0x2c]),
        element(0x0a, &[1]),
        octets(challenge),
        octets(&[]),
        sequence(software),
        sequence(tee),
    ]
}

fn purposes(purposes: &[u8]) -> Vec<u8> {
    let purposes: Vec<_> = purposes.iter().map(|purpose| integer(&[*purpose])).collect();
    element(0xa1, &set(&purposes))
}

fn origin(origin: u8) -> Vec<u8> {
    high(702, &integer(&[origin]))
}

fn all_applications() -> Vec<u8> {
    high(600, &element(0x05, &[]))
}

/// What a key store says of a key besides, which nobody asks for: its algorithm and patch level.
fn others() -> Vec<Vec<u8>> {
    vec![element(0xa2, &integer(&[3])), high(706, &integer(&[0x03, 0x17, 0x05]))]
}

fn describe(description: &[Vec<u8>]) -> (Create, Cbor) {
    let key = es256();
    let create = Create::new(&key);
    let value = sequence(description);
    let certificate = Certificate::attestation(&key, AAGUID).with((KEY_DESCRIPTION, false, value));
    let statement = statement(&create, &key, &certificate);
    (create, statement)
}

/// The hash is the same for every ceremony of the tests' one client.
fn challenge() -> Vec<u8> {
    client_data_hash(&Create::new(&es256()))
}

#[track_caller]
fn accepts_lists(software: &[Vec<u8>], tee: &[Vec<u8>]) {
    let (create, statement) = describe(&fields(&challenge(), software, tee));
    let attestation = accepts(&create, Format::AndroidKey, &statement);
    assert_eq!(attestation.kind, AttestationType::Basic);
    assert_eq!(attestation.trust_path.len(), 1);
}

#[track_caller]
fn refuses_lists(software: &[Vec<u8>], tee: &[Vec<u8>], reason: &'static str) {
    let (create, statement) = describe(&fields(&challenge(), software, tee));
    refuses(&create, Format::AndroidKey, &statement, reason);
}

#[test]
fn a_key_store_certifies_the_key_and_the_ceremony() {
    let (create, right) = describe(&fields(&challenge(), &others(), &[purposes(&[2]), origin(0)]));
    accepts(&create, Format::AndroidKey, &right);
    has_exactly_its_members(&create, Format::AndroidKey, &right, &["alg", "sig", "x5c"]);
    let wrong = with(&right, "alg", Cbor::Int(Algorithm::Rs256.id()));
    let reason = "the key's type is not that of its algorithm";
    refuses(&create, Format::AndroidKey, &wrong, reason);
    let wrong = with(&right, "alg", Cbor::Int(-65535));
    let reason = "the statement's algorithm is not supported";
    refuses(&create, Format::AndroidKey, &wrong, reason);
    let mut other = create.clone();
    other.auth_data.counter = 1;
    refuses(&other, Format::AndroidKey, &right, "the signature is not of the certificate");

    let (create, wrong) = describe(&fields(&[7; 32], &[], &[]));
    let reason = "the certificate's challenge is of another ceremony";
    refuses(&create, Format::AndroidKey, &wrong, reason);
}

#[test]
fn the_certificate_is_of_the_credentials_key() {
    let (key, other) = (es256(), es256());
    let create = Create::new(&key);
    let value = sequence(&fields(&challenge(), &[], &[]));
    let certificate = Certificate::attestation(&key, AAGUID);
    let reason = "no key description";
    refuses(&create, Format::AndroidKey, &statement(&create, &key, &certificate), reason);
    let described = certificate.with((KEY_DESCRIPTION, false, value));
    let wrong = Certificate { key: key_info(&other), ..described };
    // Signed by the certificate's key, which is not the credential's.
    let reason = "the certificate is of another key";
    refuses(&create, Format::AndroidKey, &statement(&create, &other, &wrong), reason);
    let reason = "the signature is not of the certificate";
    refuses(&create, Format::AndroidKey, &statement(&create, &key, &wrong), reason);
}

#[test]
fn the_key_is_scoped_generated_and_for_signing_by_both_lists_together() {
    accepts_lists(&[], &[]);
    accepts_lists(&[purposes(&[2])], &[origin(0)]);
    accepts_lists(&[origin(0)], &[purposes(&[3, 2])]);
    accepts_lists(&[purposes(&[3])], &[purposes(&[2])]);
    accepts_lists(&[purposes(&[2])], &[purposes(&[3])]);
    accepts_lists(&[], &[&others()[..1], &[origin(0)], &others()[1..]].concat());

    let reason = "the key is for all applications";
    refuses_lists(&[all_applications()], &[purposes(&[2]), origin(0)], reason);
    refuses_lists(&[], &[purposes(&[2]), all_applications(), origin(0)], reason);
    let reason = "the key was not generated where it is kept";
    for imported in [1, 2, 0xff] {
        refuses_lists(&[origin(imported)], &[origin(0)], reason);
        refuses_lists(&[origin(0)], &[origin(imported)], reason);
    }
    let reason = "the key is not for signing";
    refuses_lists(&[purposes(&[3])], &[origin(0)], reason);
    refuses_lists(&[], &[purposes(&[0, 1, 3])], reason);
}

#[test]
fn no_authorization_stands_twice_in_a_list() {
    let reason = "an authorization stands twice in a list";
    refuses_lists(&[purposes(&[2]), purposes(&[2])], &[], reason);
    refuses_lists(&[], &[origin(0), origin(0)], reason);
    refuses_lists(&[], &[all_applications(), all_applications()], reason);
}

#[test]
fn the_description_is_der_of_its_one_shape() {
    let right = fields(&challenge(), &[], &[]);
    for index in 0..8 {
        let mut wrong = right.clone();
        wrong[index] = element(0x05, &[]);
        let (create, statement) = describe(&wrong);
        refuses(&create, Format::AndroidKey, &statement, "an unexpected DER element");
    }
    let (create, statement) = describe(&right[..7]);
    refuses(&create, Format::AndroidKey, &statement, "the DER ends too early");
    let (create, statement) = describe(&[&right[..], &[octets(&[])]].concat());
    refuses(&create, Format::AndroidKey, &statement, "bytes follow the key description");

    let unexpected = "an unexpected DER element";
    refuses_lists(&[], &[element(0xa1, &integer(&[2]))], unexpected);
    refuses_lists(&[], &[element(0xa1, &set(&[octets(&[2])]))], unexpected);
    refuses_lists(&[], &[high(702, &octets(&[0]))], unexpected);
    let wide = element(0xa1, &set(&[integer(&[1, 2])]));
    refuses_lists(&[], &[wide], "a key purpose that is not known");
}
