//! The public keys in certificates.

use nightlatch_webauthn::{Algorithm, Format};

use super::{
    AAGUID,
    certificate::{Certificate, info, key_info, numbers, point},
    der::{element, integer, oid, sequence},
    es256, map, refuses, signed, x5c,
};
use crate::authenticator::{Cbor, Create, SigningKey};

const EC: &str = "1.2.840.10045.2.1";
const P256: &str = "1.2.840.10045.3.1.7";
const RSA: &str = "1.2.840.113549.1.1.1";

/// Refuses the statement of `signer`, whose certificate says this of its key.
#[track_caller]
fn check(signer: &SigningKey, key: Vec<u8>, reason: &'static str) {
    let create = Create::new(&es256());
    let certificate = Certificate { key, ..Certificate::attestation(signer, AAGUID) };
    let statement = map(&[
        ("alg", Cbor::Int(signer.algorithm.id())),
        ("sig", Cbor::Bytes(signer.sign(&signed(&create)))),
        ("x5c", x5c(&[certificate.sign(&es256())])),
    ]);
    refuses(&create, Format::Packed, &statement, reason);
}

#[test]
fn a_point_is_uncompressed_of_the_right_size_and_on_its_curve() {
    let signer = es256();
    let algorithm = [oid(EC), oid(P256)];
    let point = point(&signer);
    let size = "the certificate's key has the wrong size";
    check(&signer, info(&algorithm, &point[..64]), size);
    check(&signer, info(&algorithm, &[&point[..], &[0]].concat()), size);
    check(&signer, info(&algorithm, &[&[2], &point[1..33]].concat()), size);
    check(&signer, info(&algorithm, &[&[6], &point[1..]].concat()), size);
    let mut off = point.clone();
    off[64] ^= 1;
    check(&signer, info(&algorithm, &off), "the key is no point on its curve");
    let unsupported = "the certificate's key is of no supported type";
    check(&signer, info(&[oid(EC), oid("1.3.132.0.10")], &point), unsupported);
    check(&signer, info(&[oid(EC)], &point), unsupported);
    check(&signer, info(&[oid("1.2.840.10045.2.2"), oid(P256)], &point), unsupported);
    let ragged =
        sequence(&[sequence(&algorithm), element(0x03, &[&[1], &[4][..], &[0; 64]].concat())]);
    check(&signer, ragged, "a public key that ends within a byte");
}

#[test]
fn an_ed25519_key_has_32_bytes() {
    let signer = SigningKey::generate(Algorithm::EdDsa);
    let size = "the certificate's key has the wrong size";
    check(&signer, info(&[oid("1.3.101.112")], &[1; 31]), size);
    check(&signer, key_info(&es256()), "the key's type is not that of its algorithm");
}

#[test]
fn an_rsa_key_is_two_numbers_of_acceptable_size() {
    let signer = SigningKey::generate(Algorithm::Rs256);
    let algorithm = [oid(RSA), element(0x05, &[])];
    let [n, e] = numbers(&signer).try_into().unwrap();
    let of = |parts: &[Vec<u8>]| info(&algorithm, &sequence(parts));
    check(&signer, of(&[integer(&n), integer(&e), integer(&e)]), "bytes follow the RSA key");
    check(&signer, of(&[integer(&n)]), "the DER ends too early");
    let size = "the certificate's key has the wrong size";
    check(&signer, of(&[integer(&n[..128]), integer(&e)]), size);
    check(&signer, of(&[integer(&n), integer(&[1])]), size);
    let form = "a DER integer that is negative or not in its shortest form";
    check(&signer, of(&[element(0x02, &n), integer(&e)]), form);
}
