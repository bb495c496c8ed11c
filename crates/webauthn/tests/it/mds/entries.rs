//! What is read of a blob, what is left out, and how a model is found.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use nightlatch_webauthn::{
    Aaguid, Format, Model, TrustAnchors,
    mds::{Day, Entry, Status},
};
use rcgen::PublicKeyData;
use serde_json::{Value, json};

use super::{AAGUID, entry, read};
use crate::certificates::{Ca, KeyPair, NOW, named};

fn with(name: &str, value: Value) -> Value {
    let mut entry = entry(&json!([]));
    entry[name] = value;
    entry
}

fn without(name: &str) -> Value {
    let mut entry = entry(&json!([]));
    entry.as_object_mut().unwrap().remove(name);
    entry
}

fn aaguid() -> Aaguid {
    AAGUID.parse().unwrap()
}

#[test]
fn an_entry_is_read() {
    let root = Ca::root("Maker").der();
    let blob = read(&json!([{
        "aaguid": AAGUID.to_uppercase(),
        "attestationCertificateKeyIdentifiers": ["00112233445566778899aabbccddeeff01234567"],
        "metadataStatement": {
            "description": "A key",
            "protocolFamily": "fido2",
            "attestationRootCertificates": [BASE64.encode(&root)],
        },
        "statusReports": [{
            "status": "FIDO_CERTIFIED_L1",
            "effectiveDate": "2025-01-05",
            "sunsetDate": "2027-01-05",
            "authenticatorVersion": 5,
        }],
        "timeOfLastStatusChange": "2026-01-05",
        "rogueListURL": "https://mds.example/rogues",
    }]));
    let status_reports = &blob.entries()[0].status_reports;
    assert_eq!(status_reports[0].status, Status::FidoCertifiedL1);
    assert_eq!(status_reports[0].effective, Day::read("2025-01-05"));
    assert_eq!(status_reports[0].sunset, Day::read("2027-01-05"));
    assert_eq!(status_reports[0].authenticator_version, Some(5));
    assert_eq!(status_reports[0].certificates, Vec::<Vec<u8>>::new());
    let mut identifier = [0; 20];
    HEXLOWER.decode_mut(b"00112233445566778899aabbccddeeff01234567", &mut identifier).unwrap();
    let expected = Entry {
        aaguid: Some(aaguid()),
        key_identifiers: vec![identifier],
        description: Some("A key".to_owned()),
        protocol_family: Some("fido2".to_owned()),
        attestation_roots: vec![root],
        status_reports: status_reports.clone(),
        last_status_change: Day::read("2026-01-05"),
    };
    assert_eq!(blob.entries(), [expected]);
    assert_eq!(blob.next_update, Day::read("2026-07-01").unwrap());
}

#[test]
fn unknown_members_are_ignored_wherever_they_stand() {
    let mut entry = entry(&json!([{ "status": "REVOKED", "new": { "a": [1] } }]));
    entry["new"] = json!([{ "a": null }]);
    entry["metadataStatement"]["new"] = json!(1.5);
    let blob = read(&json!([entry]));
    assert_eq!((blob.entries().len(), blob.skipped), (1, 0));
}

#[test]
fn a_broken_entry_is_left_out_and_counted() {
    let short = "00112233445566778899aabbccddeeff012345";
    for broken in [
        json!(null),
        json!("entry"),
        json!([]),
        json!({}),
        without("aaguid"),
        without("statusReports"),
        with("aaguid", json!(7)),
        with("aaguid", json!("d8522d9f")),
        with("aaguid", json!("00000000-0000-0000-0000-000000000000")),
        with("attestationCertificateKeyIdentifiers", json!([short])),
        with("attestationCertificateKeyIdentifiers", json!(["zz".repeat(20)])),
        with("attestationCertificateKeyIdentifiers", json!("")),
        with("metadataStatement", json!("")),
        with("metadataStatement", json!({ "attestationRootCertificates": [7] })),
        with("statusReports", json!({})),
        with("statusReports", json!([7])),
        with("statusReports", json!([{ "effectiveDate": "2026-01-05" }])),
        with("statusReports", json!([{ "status": 7 }])),
    ] {
        let blob = read(&json!([broken, entry(&json!([])), broken]));
        assert_eq!((blob.entries().len(), blob.skipped), (1, 2), "{broken}");
        assert_eq!(blob.entries()[0].aaguid, Some(aaguid()));
    }
}

#[test]
fn what_an_entry_can_do_without_may_be_missing() {
    for (entry, changed) in [
        (without("metadataStatement"), "2026-01-05"),
        (without("timeOfLastStatusChange"), ""),
        (with("timeOfLastStatusChange", json!("yesterday")), ""),
        (with("timeOfLastStatusChange", json!(7)), ""),
        (with("aaid", json!(null)), "2026-01-05"),
    ] {
        let blob = read(&json!([entry]));
        assert_eq!((blob.entries().len(), blob.skipped), (1, 0), "{entry}");
        assert_eq!(blob.entries()[0].last_status_change, Day::read(changed), "{entry}");
    }
}

#[test]
fn an_entry_of_uaf_is_left_out_and_no_fault() {
    let blob = read(&json!([
        { "aaid": "1234#5678", "statusReports": [{ "status": "FIDO_CERTIFIED" }] },
        entry(&json!([])),
    ]));
    assert_eq!((blob.entries().len(), blob.skipped), (1, 0));
}

#[test]
fn a_root_that_is_no_certificate_is_left_out_and_the_others_stay() {
    let root = Ca::root("Maker").der();
    let text = BASE64.encode(&root);
    let broken = BASE64.encode(&root[..root.len() - 1]);
    let (half, rest) = text.split_at(64);
    let roots = ["", "AAAA", "%", &broken, &format!("\t{half}\r\n{rest} ")];
    let statement = json!({ "attestationRootCertificates": roots });
    let blob = read(&json!([with("metadataStatement", statement)]));
    assert_eq!(blob.entries()[0].attestation_roots, [root]);
}

#[test]
fn a_blob_is_stale_when_the_day_of_the_next_is_over() {
    let blob = read(&json!([]));
    let next = blob.next_update.start();
    for (now, stale) in [(NOW, false), (next, false), (next + 86_399, false), (next + 86_400, true)]
    {
        assert_eq!(blob.is_stale(now), stale, "{now}");
    }
}

#[test]
fn the_anchors_of_a_model_are_those_of_its_own_entries() {
    let [by_aaguid, by_key, other] =
        ["Maker", "Maker of U2F", "Other"].map(|it| Ca::root(it).der());
    let key = KeyPair::generate().unwrap();
    let certificate = Ca::root("Maker of U2F").issue(&named("Attestation"), &key);
    let identifier = digest(&SHA1_FOR_LEGACY_USE_ONLY, key.der_bytes());
    let roots = |root| json!({ "attestationRootCertificates": [BASE64.encode(root)] });
    let blob = read(&json!([
        { "aaguid": "00000000-0000-0000-0000-000000000001", "metadataStatement": roots(&other),
          "attestationCertificateKeyIdentifiers": ["ff".repeat(20)], "statusReports": [] },
        { "aaguid": AAGUID, "metadataStatement": roots(&by_aaguid), "statusReports": [] },
        { "aaguid": "00000000-0000-0000-0000-000000000000", "metadataStatement": roots(&by_key),
          "attestationCertificateKeyIdentifiers": [HEXUPPER.encode(identifier.as_ref())],
          "statusReports": [] },
    ]));
    let path = [certificate, other.clone()];
    let unreadable = [vec![0]];
    let unknown: Aaguid = "00000000-0000-0000-0000-000000000002".parse().unwrap();
    for (format, aaguid, trust_path, expected) in [
        (Format::Packed, aaguid(), &path[..], Some(&by_aaguid)),
        (Format::Packed, aaguid(), &[], Some(&by_aaguid)),
        (Format::Tpm, unknown, &path, None),
        (Format::Packed, Aaguid::ZERO, &path, Some(&by_key)),
        (Format::FidoU2f, Aaguid::ZERO, &path, Some(&by_key)),
        (Format::FidoU2f, aaguid(), &path, Some(&by_key)),
        (Format::FidoU2f, aaguid(), &path[1..], None),
        (Format::FidoU2f, Aaguid::ZERO, &[], None),
        (Format::FidoU2f, Aaguid::ZERO, &unreadable, None),
    ] {
        let model = Model { format, aaguid, trust_path };
        let expected: Vec<_> = expected.into_iter().map(Vec::as_slice).collect();
        assert_eq!(blob.anchors(&model), expected, "{format:?} {aaguid}");
        assert_eq!(blob.of_model(&model).len(), expected.len());
    }
    assert_eq!(blob.by_aaguid(aaguid()).count(), 1);
    assert_eq!(blob.by_aaguid(Aaguid::ZERO).count(), 0);
    assert_eq!(blob.by_key_identifier([0xff; 20]).count(), 1);
    assert_eq!(blob.by_key_identifier([0xfe; 20]).count(), 0);
}
