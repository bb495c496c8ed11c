//! `tpm`: the certificate of the AIK, and the manufacturers that are known.

use aws_lc_rs::digest::{SHA256, digest};
use nightlatch_webauthn::{AttestationPolicy, Format, ProgrammeRules, Refused, Step};

use super::{
    AAGUID, Anchors, accepts,
    certificate::{AAGUID_EXTENSION, BASIC_CONSTRAINTS, Certificate, info, numbers},
    der::{element, integer, name, octets, oid, sequence, set},
    es256, map, refuses, signed, verify, x5c,
};
use crate::authenticator::{Cbor, Create, SigningKey};

const ALTERNATIVE_NAME: &str = "2.5.29.17";
const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
const MANUFACTURER: &str = "2.23.133.2.1";
const MODEL: &str = "2.23.133.2.2";
const VERSION: &str = "2.23.133.2.3";

/// A `GeneralName` that is a directory name.
fn directory(name: &[u8]) -> Vec<u8> {
    element(0xa4, name)
}

fn alternative_name(manufacturer: &str) -> Vec<u8> {
    let attributes = [(MANUFACTURER, manufacturer), (MODEL, "Test"), (VERSION, "id:1")];
    sequence(&[directory(&name(&attributes))])
}

fn usages(purposes: &[&str]) -> Vec<u8> {
    sequence(&purposes.iter().map(|purpose| oid(purpose)).collect::<Vec<_>>())
}

/// The certificate of an AIK, as §8.3.1 has it.
pub(super) fn aik(key: &SigningKey) -> Certificate {
    Certificate { subject: sequence(&[]), ..Certificate::attestation(key, AAGUID) }
        .with((ALTERNATIVE_NAME, true, alternative_name("id:49465800")))
        .with((EXTENDED_KEY_USAGE, false, usages(&["2.23.133.8.3"])))
}

/// One of an RSA key with this modulus, and 65537.
pub(super) fn rsa_aik(modulus: &[u8]) -> Certificate {
    let key = sequence(&[integer(modulus), integer(&[1, 0, 1])]);
    let key = info(&[oid("1.2.840.113549.1.1.1"), element(0x05, &[])], &key);
    Certificate { key, ..aik(&es256()) }
}

/// A ceremony and a statement that is right but for the certificate.
fn ceremony(change: impl FnOnce(Certificate) -> Certificate) -> (Create, Cbor) {
    let (key, signer) = (es256(), es256());
    let create = Create::new(&key);
    let mut area = vec![0, 0x23, 0, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0x10, 0, 3, 0, 0x10];
    for number in numbers(&key) {
        area.extend([0, 32]);
        area.extend(number);
    }
    let certify_info = [
        &[0xff, 0x54, 0x43, 0x47, 0x80, 0x17, 0, 0, 0, 32],
        digest(&SHA256, &signed(&create)).as_ref(),
        &[0; 25],
        &[0, 34, 0, 0x0b],
        digest(&SHA256, &area).as_ref(),
        &[0, 0],
    ]
    .concat();
    let statement = map(&[
        ("ver", Cbor::text("2.0")),
        ("alg", Cbor::Int(-7)),
        ("x5c", x5c(&[change(aik(&signer)).sign(&es256())])),
        ("sig", Cbor::Bytes(signer.sign(&certify_info))),
        ("certInfo", Cbor::Bytes(certify_info)),
        ("pubArea", Cbor::Bytes(area)),
    ]);
    (create, statement)
}

#[track_caller]
fn accepts_certificate(change: impl FnOnce(Certificate) -> Certificate) {
    let (create, statement) = ceremony(change);
    accepts(&create, Format::Tpm, &statement);
}

#[track_caller]
fn refuses_certificate(change: impl FnOnce(Certificate) -> Certificate, reason: &'static str) {
    let (create, statement) = ceremony(change);
    refuses(&create, Format::Tpm, &statement, reason);
}

#[test]
fn the_certificate_is_that_of_an_aik() {
    accepts_certificate(|it| it);
    let subject = name(&[("2.5.4.3", "TPM")]);
    let reason = "the AIK's certificate has a subject";
    refuses_certificate(|it| Certificate { subject, ..it }, reason);
    let reason = "the certificate is not for an AIK";
    refuses_certificate(|it| it.without(EXTENDED_KEY_USAGE), reason);
    let usage = |purposes: &[&str]| {
        let value = usages(purposes);
        move |it: Certificate| it.with((EXTENDED_KEY_USAGE, false, value))
    };
    refuses_certificate(usage(&["2.23.133.8.1"]), reason);
    accepts_certificate(usage(&["1.3.6.1.4.1.311.21.36", "2.23.133.8.3"]));

    let reason = "an attestation certificate that is not of version 3";
    refuses_certificate(|it| Certificate { version: 1, ..it }, reason);
    let reason = "an attestation certificate that does not say CA:FALSE";
    refuses_certificate(|it| it.without(BASIC_CONSTRAINTS), reason);
    accepts_certificate(|it| it.without(AAGUID_EXTENSION));
    let reason = "the attestation certificate is of another AAGUID";
    let other = octets(b"another one's id");
    refuses_certificate(|it| it.with((AAGUID_EXTENSION, false, other)), reason);
}

#[test]
fn the_alternative_name_tells_maker_model_and_version() {
    let reason = "no critical subject alternative name in the AIK's certificate";
    refuses_certificate(|it| it.without(ALTERNATIVE_NAME), reason);
    let value = alternative_name("id:49465800");
    refuses_certificate(|it| it.with((ALTERNATIVE_NAME, false, value)), reason);
    let named = |value: Vec<u8>| move |it: Certificate| it.with((ALTERNATIVE_NAME, true, value));
    refuses_certificate(named(vec![5, 0]), "a subject alternative name that is not DER");

    let attributes = [(MANUFACTURER, "id:49465800"), (MODEL, "Test"), (VERSION, "id:1")];
    let reason = "the AIK's certificate does not name the TPM's maker, model and version";
    for index in 0..3 {
        let mut wrong = attributes.to_vec();
        wrong.remove(index);
        refuses_certificate(named(sequence(&[directory(&name(&wrong))])), reason);
        let mut wrong = attributes;
        wrong[index].1 = "";
        refuses_certificate(named(sequence(&[directory(&name(&wrong))])), reason);
    }
    refuses_certificate(named(sequence(&[element(0x82, b"example.org")])), reason);
    let reason = "the TPM's maker is no id of four bytes";
    for wrong in ["49465800", "id:494658", "id:4946580000", "id:4946580g", "ID:49465800"] {
        refuses_certificate(named(alternative_name(wrong)), reason);
    }
    // All in one relative name, and after a name of another kind, as some makers have it.
    let attribute =
        |(kind, value): &(&str, &str)| sequence(&[oid(kind), element(0x0c, value.as_bytes())]);
    let one = sequence(&[set(&attributes.iter().map(attribute).collect::<Vec<_>>())]);
    let value = sequence(&[element(0x82, b"example.org"), directory(&one)]);
    accepts_certificate(named(value));
}

#[test]
fn the_manufacturer_is_known_where_the_programme_asks_for_it() {
    let rules = ProgrammeRules { known_tpm_manufacturer: true, ..ProgrammeRules::default() };
    let check = |id: &str, known: bool| {
        let value = alternative_name(id);
        let (create, statement) = ceremony(|it| it.with((ALTERNATIVE_NAME, true, value)));
        accepts(&create, Format::Tpm, &statement);
        let anchors: Anchors = vec![];
        let policy =
            AttestationPolicy { anchors: &anchors, rules, ..AttestationPolicy::NOT_NEEDED };
        let reason = "the TPM's manufacturer is not registered";
        let refused = Refused::new(Step::AttestationTrust, reason);
        let expected = if known { Ok(()) } else { Err(refused) };
        assert_eq!(verify(&create, "tpm", &statement, policy).map(drop), expected, "{id}");
    };
    // Version 1.07 of the registry.
    for id in [
        "414D4400", "414E5400", "41544D4C", "4252434D", "4353434F", "464C5953", "474F4F47",
        "48495349", "48504500", "48504900", "49424D00", "49465800", "494E5443", "4C454E00",
        "4D534654", "4E534700", "4E534D20", "4E544300", "4E545A00", "51434F4D", "524F4343",
        "5345414C", "53454345", "534D5343", "534D534E", "534E5300", "53544D20", "54584E00",
        "57454300",
    ] {
        check(&format!("id:{id}"), true);
    }
    check("id:49424d00", true);
    // Nobody, and the id of the FIDO Alliance's own tools, which is not in the registry.
    check("id:00000000", false);
    check("id:FFFFF1D0", false);
    check("id:53544D00", false);
}
