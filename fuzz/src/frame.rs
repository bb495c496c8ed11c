//! Frames that are right, around what is fuzzed. Everything in them is signed with one key on P-256,
//! the private number 1: its public point is the curve's generator.

use std::sync::LazyLock;

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm,
    },
};
use nightlatch_webauthn::RegistrationResponse;

use crate::{
    ceremony::RP_ID,
    der::{element, extension, oid, sequence},
};

const PRIVATE: [u8; 32] = {
    let mut one = [0; 32];
    one[31] = 1;
    one
};

/// The key's coordinates.
pub const X: [u8; 32] = *b"\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96";
/// See [`X`].
pub const Y: [u8; 32] = *b"\x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5";

const CREDENTIAL_ID: &[u8] = b"sixteen bytes id";
const CLIENT_DATA: &[u8] =
    br#"{"type":"webauthn.create","challenge":"AAAA","origin":"https://example.org"}"#;

/// `ecdsa-with-SHA256`
const ECDSA_SHA256: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x03\x02";

/// The object identifier of the extension with Android's key description.
pub const KEY_DESCRIPTION: &[u8] = b"\x2b\x06\x01\x04\x01\xd6\x79\x02\x01\x11";
/// The object identifier of a subject alternative name.
pub const SUBJECT_ALTERNATIVE_NAME: &[u8] = b"\x55\x1d\x11";
const BASIC_CONSTRAINTS: &[u8] = b"\x55\x1d\x13";
const EXTENDED_KEY_USAGE: &[u8] = b"\x55\x1d\x25";
const AIK_CERTIFICATE: &[u8] = b"\x67\x81\x05\x08\x03";

/// The subject of a certificate that `packed` accepts.
pub static SUBJECT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let attribute = |name: u8, value: &[u8]| {
        element(0x31, &sequence(&[&oid(&[0x55, 4, name]), &element(0x0c, value)]))
    };
    let unit = b"Authenticator Attestation";
    sequence(&[
        &attribute(6, b"AA"),
        &attribute(10, b"O"),
        &attribute(11, unit),
        &attribute(3, b"N"),
    ])
});

fn pair(algorithm: &'static EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    let public = [&[4], X.as_slice(), &Y].concat();
    let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &PRIVATE, &public);
    pair.expect("the public point of 1 is the generator")
}

fn sign_with(pair: &EcdsaKeyPair, message: &[u8]) -> Vec<u8> {
    pair.sign(&SystemRandom::new(), message).expect("signing does not fail").as_ref().to_vec()
}

/// A signature as WebAuthn and X.509 have it.
pub fn sign(message: &[u8]) -> Vec<u8> {
    static PAIR: LazyLock<EcdsaKeyPair> = LazyLock::new(|| pair(&ECDSA_P256_SHA256_ASN1_SIGNING));
    sign_with(&PAIR, message)
}

/// A signature as JWS has it.
pub fn sign_jws(message: &[u8]) -> Vec<u8> {
    static PAIR: LazyLock<EcdsaKeyPair> = LazyLock::new(|| pair(&ECDSA_P256_SHA256_FIXED_SIGNING));
    sign_with(&PAIR, message)
}

/// A certificate of the key, with these extensions; the key itself issued it.
pub fn certificate(subject: &[u8], authority: bool, extensions: &[Vec<u8>]) -> Vec<u8> {
    let name = sequence(&[]);
    let issuer = if authority { subject } else { SUBJECT.as_slice() };
    let subject = if subject.is_empty() { &name } else { subject };
    let algorithm = sequence(&[&oid(ECDSA_SHA256)]);
    let validity = sequence(&[&element(0x17, b"200101000000Z"), &element(0x17, b"491231235959Z")]);
    let p256 = [&oid(b"\x2a\x86\x48\xce\x3d\x02\x01"), &oid(b"\x2a\x86\x48\xce\x3d\x03\x01\x07")];
    let point = element(0x03, &[&[0, 4], X.as_slice(), &Y].concat());
    let key = sequence(&[&sequence(&[p256[0], p256[1]]), &point]);
    let constraint = if authority { element(0x01, &[0xff]) } else { Vec::new() };
    let constraints = extension(BASIC_CONSTRAINTS, true, &sequence(&[&constraint]));
    let extensions = element(0x30, &[vec![constraints], extensions.to_vec()].concat().concat());
    let signed = sequence(&[
        &element(0xa0, &[2, 1, 2]),
        &element(0x02, &[1]),
        &algorithm,
        issuer,
        &validity,
        subject,
        &key,
        &element(0xa3, &extensions),
    ]);
    let signature = sign(&signed);
    sequence(&[&signed, &algorithm, &element(0x03, &[&[0], signature.as_slice()].concat())])
}

/// The key as its own authority.
pub fn root() -> &'static [u8] {
    static ROOT: LazyLock<Vec<u8>> = LazyLock::new(|| certificate(&SUBJECT, true, &[]));
    &ROOT
}

/// The certificate of an attestation identity key, with this subject alternative name.
pub fn aik(alternative_name: &[u8]) -> Vec<u8> {
    let usage = extension(EXTENDED_KEY_USAGE, false, &sequence(&[&oid(AIK_CERTIFICATE)]));
    certificate(&[], false, &[usage, extension(SUBJECT_ALTERNATIVE_NAME, true, alternative_name)])
}

/// A byte or text string of CBOR, or the head of an array or map.
pub fn cbor(major: u8, argument: usize, content: &[u8]) -> Vec<u8> {
    let major = major << 5;
    let head = match u16::try_from(argument).expect("inputs are short").to_be_bytes() {
        [0, low] if low < 24 => vec![major | low],
        [0, low] => vec![major | 24, low],
        both => [&[major | 25], both.as_slice()].concat(),
    };
    [head.as_slice(), content].concat()
}

fn text(value: &str) -> Vec<u8> {
    cbor(3, value.len(), value.as_bytes())
}

/// A byte string of CBOR.
pub fn bytes(value: &[u8]) -> Vec<u8> {
    cbor(2, value.len(), value)
}

/// Authenticator data that attest the key.
pub fn authenticator_data() -> Vec<u8> {
    let hash = digest(&SHA256, RP_ID.as_bytes());
    let length = [0, u8::try_from(CREDENTIAL_ID.len()).expect("it is short")];
    let key = [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", &X[..], b"\x22\x58\x20", &Y].concat();
    [hash.as_ref(), &[0x41, 0, 0, 0, 0], &[0; 16], &length, CREDENTIAL_ID, &key].concat()
}

/// What most statements sign.
pub fn signed() -> Vec<u8> {
    [&authenticator_data(), digest(&SHA256, CLIENT_DATA).as_ref()].concat()
}

/// The `sig` of most statements.
pub fn signature() -> Vec<u8> {
    static SIGNATURE: LazyLock<Vec<u8>> = LazyLock::new(|| bytes(&sign(&signed())));
    SIGNATURE.clone()
}

/// The `sig` of `fido-u2f`.
pub fn signature_u2f() -> Vec<u8> {
    static SIGNATURE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let [rp_id, client_data] = [RP_ID.as_bytes(), CLIENT_DATA].map(|it| digest(&SHA256, it));
        let ids = [&[0], rp_id.as_ref(), client_data.as_ref(), CREDENTIAL_ID].concat();
        bytes(&sign(&[ids.as_slice(), &[4], &X, &Y].concat()))
    });
    SIGNATURE.clone()
}

/// The answer of a registration with this statement; its members are CBOR.
pub fn response(format: &str, statement: &[(&str, Vec<u8>)]) -> RegistrationResponse {
    let members: Vec<u8> =
        statement.iter().flat_map(|(name, value)| [text(name), value.clone()].concat()).collect();
    let object = [
        cbor(5, 3, &text("fmt")),
        text(format),
        text("attStmt"),
        cbor(5, statement.len(), &members),
        text("authData"),
        bytes(&authenticator_data()),
    ];
    RegistrationResponse {
        raw_id: CREDENTIAL_ID.to_vec(),
        authenticator_attachment: None,
        client_extension_results: Default::default(),
        client_data_json: CLIENT_DATA.to_vec(),
        attestation_object: object.concat(),
        transports: Vec::new(),
    }
}
