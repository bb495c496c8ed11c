//! `compound`

use nightlatch_webauthn::{AttestationPolicy, AttestationType, Format, Refused, Step};

use super::{
    AAGUID, Anchors, accepts,
    certificate::{Certificate, point},
    client_data_hash, es256, map, refuses, signed, trusting, verify, with, x5c,
};
use crate::authenticator::{CREDENTIAL_ID, Cbor, Create, SigningKey, sha256};

fn part(format: &str, statement: Cbor) -> Cbor {
    map(&[("fmt", Cbor::text(format)), ("attStmt", statement)])
}

fn none() -> Cbor {
    part("none", map(&[]))
}

fn packed(create: &Create, signer: &SigningKey, chain: Option<&[u8]>) -> Cbor {
    let statement =
        map(&[("alg", Cbor::Int(-7)), ("sig", Cbor::Bytes(signer.sign(&signed(create))))]);
    let statement = match chain {
        Some(certificate) => with(&statement, "x5c", x5c(&[certificate.to_vec()])),
        None => statement,
    };
    part("packed", statement)
}

fn u2f(create: &Create, key: &SigningKey, signer: &SigningKey, certificate: &[u8]) -> Cbor {
    let message =
        [&[0], &sha256(b"example.org")[..], &client_data_hash(create), &CREDENTIAL_ID, &point(key)]
            .concat();
    part(
        "fido-u2f",
        map(&[("sig", Cbor::Bytes(signer.sign(&message))), ("x5c", x5c(&[certificate.to_vec()]))]),
    )
}

#[test]
fn the_part_that_says_most_is_the_result() {
    let (key, signer) = (es256(), es256());
    let create = Create::new(&key);
    let certificate = Certificate::attestation(&signer, AAGUID).sign(&es256());
    let own = packed(&create, &key, None);
    let basic = packed(&create, &signer, Some(&certificate));
    for (parts, kind, path) in [
        (vec![none(), none()], AttestationType::None, 0),
        (vec![none(), own.clone()], AttestationType::SelfAttestation, 0),
        (vec![own.clone(), none()], AttestationType::SelfAttestation, 0),
        (vec![own.clone(), basic.clone(), none()], AttestationType::Basic, 1),
        (vec![basic.clone(), own.clone()], AttestationType::Basic, 1),
    ] {
        let attestation = accepts(&create, Format::Compound, &Cbor::Array(parts));
        assert_eq!(attestation.kind, kind);
        assert_eq!(attestation.trust_path.len(), path);
    }
}

#[test]
fn a_trusted_part_goes_before_others_and_is_enough() {
    let (key, signer) = (es256(), es256());
    let create = Create::new(&key);
    let [known, unknown] =
        [(); 2].map(|()| Certificate::attestation(&signer, AAGUID).sign(&es256()));
    let first = packed(&create, &signer, Some(&unknown));
    let second = u2f(&create, &key, &signer, &known);
    let anchors = vec![known.clone()];
    for parts in [vec![first.clone(), second.clone()], vec![second, none(), first]] {
        let statement = Cbor::Array(parts);
        let attestation = verify(&create, "compound", &statement, trusting(&anchors)).unwrap();
        assert!(attestation.trusted);
        assert_eq!(attestation.format, Format::Compound);
        assert_eq!(attestation.trust_path, vec![known.clone()]);
        let nobody: Anchors = vec![];
        let refused = verify(&create, "compound", &statement, trusting(&nobody)).unwrap_err();
        assert_eq!(refused.step, Step::AttestationTrust);
    }
}

#[test]
fn equal_parts_stand_in_their_order() {
    let (key, signer) = (es256(), es256());
    let create = Create::new(&key);
    let [one, two] = [(); 2].map(|()| Certificate::attestation(&signer, AAGUID).sign(&es256()));
    let parts = [&one, &two].map(|chain| packed(&create, &signer, Some(chain)));
    let attestation = accepts(&create, Format::Compound, &Cbor::Array(parts.to_vec()));
    assert_eq!(attestation.trust_path, vec![one]);
}

#[test]
fn every_part_must_hold() {
    let (key, signer) = (es256(), es256());
    let create = Create::new(&key);
    let wrong = packed(&create, &signer, None);
    let reason = "the signature is not the credential's";
    for parts in [vec![none(), wrong.clone()], vec![wrong, packed(&create, &key, None)]] {
        refuses(&create, Format::Compound, &Cbor::Array(parts), reason);
    }
}

#[test]
fn there_are_several_parts_of_the_right_shape_and_none_is_compound() {
    let create = Create::new(&es256());
    let check = |parts: Vec<Cbor>, reason| {
        refuses(&create, Format::Compound, &Cbor::Array(parts), reason);
    };
    refuses(&create, Format::Compound, &map(&[]), "a compound statement that is no array");
    let number = "a compound statement of too few or too many parts";
    check(vec![], number);
    check(vec![none()], number);
    check(vec![none(); 9], number);
    accepts(&create, Format::Compound, &Cbor::Array(vec![none(); 8]));
    let nested = part("compound", Cbor::Array(vec![none(), none()]));
    check(vec![none(), nested], "a compound statement in another one");
    let shape = "a part of a compound statement has no such shape";
    for wrong in [
        Cbor::Null,
        map(&[("fmt", Cbor::text("none"))]),
        map(&[("attStmt", map(&[]))]),
        with(&none(), "authData", Cbor::bytes(&[])),
        with(&none(), "fmt", Cbor::Null),
    ] {
        check(vec![none(), wrong], shape);
    }
    let unknown = Cbor::Array(vec![none(), part("None", map(&[]))]);
    let verdict = verify(&create, "compound", &unknown, AttestationPolicy::NOT_NEEDED);
    let refused = Refused::new(Step::AttestationFormat, "the attestation format is not known");
    assert_eq!(verdict.map(drop), Err(refused));
}
