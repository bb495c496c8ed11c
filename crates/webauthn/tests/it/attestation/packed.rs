//! `packed`

use nightlatch_webauthn::{Algorithm, AttestationType, Format};

use super::{
    AAGUID, accepts,
    certificate::{AAGUID_EXTENSION, BASIC_CONSTRAINTS, Certificate, key_info, subject},
    der::{element, name, name_of, octets, sequence},
    es256, has_exactly_its_members, map, refuses, signed, with, x5c,
};
use crate::authenticator::{Cbor, Create, SigningKey};

/// A statement of `signer`, under a certificate that a test may spoil.
fn statement(create: &Create, signer: &SigningKey, certificate: &Certificate) -> Cbor {
    map(&[
        ("alg", Cbor::Int(signer.algorithm.id())),
        ("sig", Cbor::Bytes(signer.sign(&signed(create)))),
        ("x5c", x5c(&[certificate.sign(&es256())])),
    ])
}

fn self_statement(create: &Create, key: &SigningKey) -> Cbor {
    map(&[("alg", Cbor::Int(key.algorithm.id())), ("sig", Cbor::Bytes(key.sign(&signed(create))))])
}

#[track_caller]
fn refuses_certificate(change: impl FnOnce(Certificate) -> Certificate, reason: &'static str) {
    let (create, signer) = (Create::new(&es256()), es256());
    let certificate = change(Certificate::attestation(&signer, AAGUID));
    refuses(&create, Format::Packed, &statement(&create, &signer, &certificate), reason);
}

#[track_caller]
fn accepts_certificate(change: impl FnOnce(Certificate) -> Certificate) {
    let (create, signer) = (Create::new(&es256()), es256());
    let certificate = change(Certificate::attestation(&signer, AAGUID));
    accepts(&create, Format::Packed, &statement(&create, &signer, &certificate));
}

#[test]
fn every_algorithm_attests() {
    let create = Create::new(&es256());
    for algorithm in Algorithm::ALL {
        let signer = SigningKey::generate(algorithm);
        let certificate = Certificate::attestation(&signer, AAGUID);
        let statement = statement(&create, &signer, &certificate);
        let attestation = accepts(&create, Format::Packed, &statement);
        assert_eq!(attestation.kind, AttestationType::Basic);
        assert_eq!(attestation.trust_path.len(), 1);
    }
}

#[test]
fn every_algorithm_attests_itself() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm);
        let create = Create::new(&key);
        let attestation = accepts(&create, Format::Packed, &self_statement(&create, &key));
        assert_eq!(attestation.kind, AttestationType::SelfAttestation);
        assert_eq!(attestation.trust_path, Vec::<Vec<u8>>::new());
    }
}

#[test]
fn a_statement_has_the_members_of_the_syntax() {
    let (create, signer) = (Create::new(&es256()), es256());
    let right = statement(&create, &signer, &Certificate::attestation(&signer, AAGUID));
    has_exactly_its_members(&create, Format::Packed, &right, &["alg", "sig"]);
    let wrong = with(&right, "x5c", Cbor::Null);
    refuses(&create, Format::Packed, &wrong, "x5c is no array");
    let wrong = with(&right, "x5c", x5c(&[]));
    refuses(&create, Format::Packed, &wrong, "x5c is empty");
    let wrong = with(&right, "x5c", Cbor::Array(vec![Cbor::Null]));
    refuses(&create, Format::Packed, &wrong, "a certificate in x5c is no byte string");
}

#[test]
fn self_attestation_is_by_the_credential_under_its_algorithm() {
    let key = es256();
    let create = Create::new(&key);
    let right = self_statement(&create, &key);
    has_exactly_its_members(&create, Format::Packed, &right, &["alg", "sig"]);
    let wrong = with(&right, "alg", Cbor::Int(Algorithm::Es384.id()));
    let reason = "the statement's algorithm is not the credential's";
    refuses(&create, Format::Packed, &wrong, reason);
    let wrong = with(&right, "alg", Cbor::Int(-65535));
    let reason = "the statement's algorithm is not supported";
    refuses(&create, Format::Packed, &wrong, reason);
    let reason = "the signature is not the credential's";
    refuses(&create, Format::Packed, &self_statement(&create, &es256()), reason);
    let mut other = create.clone();
    other.auth_data.counter = 1;
    refuses(&other, Format::Packed, &right, reason);
    other = create.clone();
    other.client_data.set("extra", serde_json::json!(1));
    refuses(&other, Format::Packed, &right, reason);
}

#[test]
fn the_first_certificate_is_the_one_that_signed() {
    let (create, signer) = (Create::new(&es256()), es256());
    let certificate = Certificate::attestation(&signer, AAGUID);
    let right = statement(&create, &signer, &certificate);
    let reason = "the signature is not of the attestation certificate";
    let other = Certificate { key: key_info(&es256()), ..certificate.clone() };
    refuses(&create, Format::Packed, &statement(&create, &signer, &other), reason);
    let swapped = with(&right, "x5c", x5c(&[other.sign(&signer), certificate.sign(&signer)]));
    refuses(&create, Format::Packed, &swapped, reason);
    let in_order = with(&right, "x5c", x5c(&[certificate.sign(&signer), other.sign(&signer)]));
    assert_eq!(accepts(&create, Format::Packed, &in_order).trust_path.len(), 2);
    let wrong = with(&right, "alg", Cbor::Int(Algorithm::Rs256.id()));
    let reason = "the key's type is not that of its algorithm";
    refuses(&create, Format::Packed, &wrong, reason);
}

#[test]
fn what_follows_the_first_certificate_are_certificates_and_not_many() {
    let (create, signer) = (Create::new(&es256()), es256());
    let certificate = Certificate::attestation(&signer, AAGUID);
    let right = statement(&create, &signer, &certificate);
    let der = certificate.sign(&signer);
    let of = |certificates: &[Vec<u8>]| with(&right, "x5c", x5c(certificates));
    accepts(&create, Format::Packed, &of(&vec![der.clone(); 8]));
    let reason = "more certificates than any chain needs";
    refuses(&create, Format::Packed, &of(&vec![der.clone(); 9]), reason);
    let reason = "not an X.509 certificate";
    refuses(&create, Format::Packed, &of(&[der.clone(), vec![0x30, 0]]), reason);
    refuses(&create, Format::Packed, &of(&[[der, vec![0]].concat()]), reason);
}

#[test]
fn the_certificate_is_of_version_3_and_none_of_a_ca() {
    let reason = "an attestation certificate that is not of version 3";
    refuses_certificate(|it| Certificate { version: 1, ..it }, reason);
    let reason = "an attestation certificate that does not say CA:FALSE";
    refuses_certificate(|it| it.without(BASIC_CONSTRAINTS), reason);
    let ca = sequence(&[element(0x01, &[0xff])]);
    refuses_certificate(|it| it.with((BASIC_CONSTRAINTS, true, ca)), reason);
    refuses_certificate(|it| it.with((BASIC_CONSTRAINTS, true, vec![5, 0])), reason);
    accepts_certificate(|it| it.with((BASIC_CONSTRAINTS, false, sequence(&[]))));
}

#[test]
fn no_extension_stands_twice() {
    let twice = |mut it: Certificate| {
        it.extensions.push((BASIC_CONSTRAINTS, true, sequence(&[])));
        it
    };
    refuses_certificate(twice, "a certificate in which an extension stands twice");
}

#[test]
fn the_aaguid_in_the_certificate_is_the_authenticators() {
    accepts_certificate(|it| it.without(AAGUID_EXTENSION));
    let with_aaguid = |critical, value: Vec<u8>| {
        move |it: Certificate| it.with((AAGUID_EXTENSION, critical, value))
    };
    let reason = "the AAGUID in the attestation certificate is critical";
    refuses_certificate(with_aaguid(true, octets(&AAGUID)), reason);
    let reason = "the attestation certificate is of another AAGUID";
    refuses_certificate(with_aaguid(false, octets(b"another one's id")), reason);
    refuses_certificate(with_aaguid(false, octets(&AAGUID[..15])), reason);
    refuses_certificate(with_aaguid(false, AAGUID.to_vec()), "the DER ends too early");
    let trailing = [octets(&AAGUID), vec![0]].concat();
    refuses_certificate(with_aaguid(false, trailing), "bytes follow the DER element");
}

#[test]
fn the_subject_is_that_of_an_attestation_certificate() {
    let of = |subject: Vec<u8>| move |it: Certificate| Certificate { subject, ..it };
    let unit = "Authenticator Attestation";
    let reason = "the subject's country is no ISO 3166 code";
    for country in ["A", "AAA", "A1", "aa", ""] {
        refuses_certificate(of(subject(country, "W3C", unit, "Test")), reason);
    }
    let reason = "the subject's unit is not Authenticator Attestation";
    refuses_certificate(of(subject("AA", "W3C", "Authenticator attestation", "Test")), reason);
    let reason = "the subject's organisation or name is empty";
    refuses_certificate(of(subject("AA", "", unit, "Test")), reason);
    refuses_certificate(of(subject("AA", "W3C", unit, "")), reason);

    let reason = "a subject without C, O, OU and CN once each";
    let attributes =
        [("2.5.4.6", "AA"), ("2.5.4.10", "W3C"), ("2.5.4.11", unit), ("2.5.4.3", "Test")];
    for index in 0..4 {
        let mut fewer = attributes.to_vec();
        fewer.remove(index);
        refuses_certificate(of(name(&fewer)), reason);
        let mut more = attributes.to_vec();
        more.push(attributes[index]);
        refuses_certificate(of(name(&more)), reason);
    }
    accepts_certificate(of(name(&[&attributes[..], &[("2.5.4.7", "Town")]].concat())));
}

#[test]
fn the_strings_of_the_subject_are_strings() {
    let of = |tag, country| {
        let attributes = [
            ("2.5.4.6", country),
            ("2.5.4.10", "W3C"),
            ("2.5.4.11", "Authenticator Attestation"),
            ("2.5.4.3", "Test"),
        ];
        let subject = name_of(tag, &attributes);
        move |it: Certificate| Certificate { subject, ..it }
    };
    for string in [0x0c, 0x13, 0x14, 0x16] {
        accepts_certificate(of(string, "AA"));
    }
    refuses_certificate(of(0x04, "AA"), "a subject without C, O, OU and CN once each");
}
