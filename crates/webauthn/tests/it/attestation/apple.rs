//! `apple`

use nightlatch_webauthn::{AttestationType, Format};

use super::{
    AAGUID, accepts,
    certificate::{Certificate, key_info},
    der::{element, octets, sequence},
    es256, has_exactly_its_members, map, refuses, signed, x5c,
};
use crate::authenticator::{Cbor, Create, sha256};

const NONCE: &str = "1.2.840.113635.100.8.2";

fn statement(certificate: &Certificate) -> Cbor {
    map(&[("x5c", x5c(&[certificate.sign(&es256())]))])
}

fn nonce(create: &Create) -> Vec<u8> {
    sequence(&[element(0xa1, &octets(&sha256(&signed(create))))])
}

#[test]
fn apples_ca_certifies_the_key_and_the_ceremony() {
    let key = es256();
    let create = Create::new(&key);
    let certificate = Certificate::attestation(&key, AAGUID);
    let right = statement(&certificate.clone().with((NONCE, false, nonce(&create))));
    let attestation = accepts(&create, Format::Apple, &right);
    assert_eq!(attestation.kind, AttestationType::AnonCa);
    assert_eq!(attestation.trust_path.len(), 1);
    has_exactly_its_members(&create, Format::Apple, &right, &["x5c"]);

    let other = Certificate { key: key_info(&es256()), ..certificate };
    let wrong = statement(&other.with((NONCE, false, nonce(&create))));
    refuses(&create, Format::Apple, &wrong, "the certificate is of another key");
}

#[test]
fn the_nonce_is_that_of_the_ceremony_in_its_one_form() {
    let key = es256();
    let create = Create::new(&key);
    let certificate = Certificate::attestation(&key, AAGUID);
    let check = |nonce: Vec<u8>, reason| {
        let wrong = statement(&certificate.clone().with((NONCE, false, nonce)));
        refuses(&create, Format::Apple, &wrong, reason);
    };
    let hash = sha256(&signed(&create));
    refuses(&create, Format::Apple, &statement(&certificate), "the certificate has no nonce");
    let mut other = create.clone();
    other.auth_data.counter = 1;
    check(nonce(&other), "the certificate's nonce is of another ceremony");
    check(
        sequence(&[element(0xa1, &octets(&hash[..31]))]),
        "the certificate's nonce is of another ceremony",
    );
    let unexpected = "an unexpected DER element";
    check(octets(&hash), unexpected);
    check(sequence(&[octets(&hash)]), unexpected);
    check(sequence(&[element(0xa2, &octets(&hash))]), unexpected);
    check(sequence(&[element(0xa1, &element(0x02, &hash))]), unexpected);
    let follow = "bytes follow the DER element";
    check([nonce(&create), vec![0]].concat(), follow);
    check(sequence(&[element(0xa1, &octets(&hash)), octets(&[])]), follow);
    check(sequence(&[element(0xa1, &[octets(&hash), vec![5, 0]].concat())]), follow);
}
