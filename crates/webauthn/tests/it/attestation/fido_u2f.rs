//! `fido-u2f`

use nightlatch_webauthn::{Algorithm, AttestationType, Format};

use super::{
    AAGUID, accepts,
    certificate::{Certificate, point},
    client_data_hash, es256, has_exactly_its_members, map, refuses, with, x5c,
};
use crate::authenticator::{CREDENTIAL_ID, Cbor, Create, SigningKey, sha256};

/// What a U2F authenticator signs, with any part replaced.
fn message(create: &Create, key: &SigningKey) -> [Vec<u8>; 5] {
    [
        vec![0],
        sha256(b"example.org").to_vec(),
        client_data_hash(create),
        CREDENTIAL_ID.to_vec(),
        point(key),
    ]
}

fn statement(signer: &SigningKey, message: &[Vec<u8>; 5]) -> Cbor {
    map(&[
        ("sig", Cbor::Bytes(signer.sign(&message.concat()))),
        ("x5c", x5c(&[Certificate::attestation(signer, AAGUID).sign(&es256())])),
    ])
}

#[test]
fn a_u2f_authenticator_attests() {
    let (key, signer) = (es256(), es256());
    let create = Create::new(&key);
    let right = statement(&signer, &message(&create, &key));
    let attestation = accepts(&create, Format::FidoU2f, &right);
    assert_eq!(attestation.kind, AttestationType::Basic);
    assert_eq!(attestation.trust_path.len(), 1);
    has_exactly_its_members(&create, Format::FidoU2f, &right, &["sig", "x5c"]);
}

#[test]
fn every_part_of_the_message_is_signed() {
    let (key, signer) = (es256(), es256());
    let create = Create::new(&key);
    for part in 0..5 {
        let mut wrong = message(&create, &key);
        *wrong[part].last_mut().unwrap() ^= 1;
        let reason = "the signature is not of the attestation certificate";
        refuses(&create, Format::FidoU2f, &statement(&signer, &wrong), reason);
    }
}

#[test]
fn there_is_one_certificate_with_a_key_on_p256() {
    let (key, signer) = (es256(), es256());
    let create = Create::new(&key);
    let right = statement(&signer, &message(&create, &key));
    let der = Certificate::attestation(&signer, AAGUID).sign(&signer);
    let two = with(&right, "x5c", x5c(&[der.clone(), der]));
    refuses(&create, Format::FidoU2f, &two, "x5c has more than one certificate");
    refuses(&create, Format::FidoU2f, &with(&right, "x5c", x5c(&[])), "x5c is empty");
    for algorithm in [Algorithm::Es384, Algorithm::EdDsa, Algorithm::Rs256] {
        let signer = SigningKey::generate(algorithm);
        let wrong = statement(&signer, &message(&create, &key));
        let reason = "the key's type is not that of its algorithm";
        refuses(&create, Format::FidoU2f, &wrong, reason);
    }
}

#[test]
fn the_credential_is_on_p256() {
    let signer = es256();
    for algorithm in [Algorithm::Es384, Algorithm::EdDsa, Algorithm::Rs256] {
        let key = SigningKey::generate(algorithm);
        let create = Create::new(&key);
        let wrong = statement(&signer, &message(&create, &key));
        refuses(&create, Format::FidoU2f, &wrong, "the credential's key is not on P-256");
    }
}
