//! What status reports mean today: `NOW` is 15 June 2026.

use data_encoding::BASE64;
use nightlatch_webauthn::mds::Status;
use serde_json::{Value, json};

use super::read_reports;
use crate::certificates::{Ca, KeyPair, NOW, named};

/// The statuses of §3.1.4, and whether each is a compromise.
const STATUSES: [(&str, Status, bool); 20] = [
    ("NOT_FIDO_CERTIFIED", Status::NotFidoCertified, false),
    ("FIDO_CERTIFIED", Status::FidoCertified, false),
    ("USER_VERIFICATION_BYPASS", Status::UserVerificationBypass, true),
    ("ATTESTATION_KEY_COMPROMISE", Status::AttestationKeyCompromise, true),
    ("USER_KEY_REMOTE_COMPROMISE", Status::UserKeyRemoteCompromise, true),
    ("USER_KEY_PHYSICAL_COMPROMISE", Status::UserKeyPhysicalCompromise, true),
    ("UPDATE_AVAILABLE", Status::UpdateAvailable, false),
    ("RETIRED", Status::Retired, false),
    ("REVOKED", Status::Revoked, true),
    ("SELF_ASSERTION_SUBMITTED", Status::SelfAssertionSubmitted, false),
    ("FIDO_CERTIFIED_L1", Status::FidoCertifiedL1, false),
    ("FIDO_CERTIFIED_L1plus", Status::FidoCertifiedL1Plus, false),
    ("FIDO_CERTIFIED_L2", Status::FidoCertifiedL2, false),
    ("FIDO_CERTIFIED_L2plus", Status::FidoCertifiedL2Plus, false),
    ("FIDO_CERTIFIED_L3", Status::FidoCertifiedL3, false),
    ("FIDO_CERTIFIED_L3plus", Status::FidoCertifiedL3Plus, false),
    ("FIPS140_CERTIFIED_L1", Status::Fips140CertifiedL1, false),
    ("FIPS140_CERTIFIED_L2", Status::Fips140CertifiedL2, false),
    ("FIPS140_CERTIFIED_L3", Status::Fips140CertifiedL3, false),
    ("FIPS140_CERTIFIED_L4", Status::Fips140CertifiedL4, false),
];

#[test]
fn every_status_has_its_name_and_five_are_compromises() {
    assert_eq!(Status::ALL, STATUSES.map(|(_, status, _)| status));
    for (name, status, compromise) in STATUSES {
        assert_eq!((status.as_str(), Status::from_name(name)), (name, status));
        assert_eq!(status.is_compromise(), compromise, "{name}");
        let verdict = read_reports(&json!([{ "status": name }])).verdict(NOW, None);
        assert_eq!((verdict.is_compromised(), verdict.current), (compromise, Some(status)));
    }
    for name in ["", "revoked", "FIDO_CERTIFIED_L4", "unknown"] {
        assert_eq!(Status::from_name(name), Status::Unknown, "{name:?}");
    }
    assert_eq!(Status::Unknown.as_str(), "unknown");
    assert!(!Status::Unknown.is_compromise());
}

fn report(status: &str, effective: &str) -> Value {
    json!({ "status": status, "effectiveDate": effective })
}

fn until(status: &str, sunset: &str) -> Value {
    json!({ "status": status, "sunsetDate": sunset })
}

#[track_caller]
fn check(reports: &[Value], compromises: &[Status], current: Option<Status>) {
    let verdict = read_reports(&json!(reports)).verdict(NOW, None);
    assert_eq!(verdict.compromises, compromises, "{reports:?}");
    assert_eq!(verdict.current, current, "{reports:?}");
    assert_eq!(verdict.is_compromised(), !compromises.is_empty(), "{reports:?}");
}

const L1: &str = "FIDO_CERTIFIED_L1";
const L2: &str = "FIDO_CERTIFIED_L2";
const REVOKED: &str = "REVOKED";
const BYPASS: &str = "USER_VERIFICATION_BYPASS";

#[test]
fn the_latest_report_in_effect_is_the_current_one() {
    let (l1, l2) = (Some(Status::FidoCertifiedL1), Some(Status::FidoCertifiedL2));
    check(&[], &[], None);
    check(&[report(L1, "2025-01-01"), report(L2, "2025-01-02")], &[], l2);
    check(&[report(L2, "2025-01-02"), report(L1, "2025-01-01")], &[], l2);
    check(&[report(L1, "2025-01-01"), report(L2, "2025-01-01")], &[], l2);
    check(&[report(L1, "2026-06-15"), report(L2, "2026-06-16")], &[], l1);
    check(&[report(L1, "2026-06-16")], &[], None);
    check(&[report(L1, "2025-01-01"), json!({ "status": L2 })], &[], l2);
    check(&[json!({ "status": L2 }), report(L1, "2025-01-01")], &[], l1);
    check(&[until(L1, "2026-06-16")], &[], l1);
    check(&[until(L1, "2026-06-15")], &[], None);
    check(&[report(L1, "2025-01-01"), until(L2, "2026-06-15")], &[], l1);
}

#[test]
fn a_compromise_counts_whatever_was_reported_after_it() {
    let l2 = Some(Status::FidoCertifiedL2);
    let (bypass, revoked) = (Status::UserVerificationBypass, Status::Revoked);
    check(&[report(BYPASS, "2020-01-01"), report(L2, "2025-01-01")], &[bypass], l2);
    let update = Some(Status::UpdateAvailable);
    check(
        &[report(BYPASS, "2020-01-01"), json!({"status": "UPDATE_AVAILABLE"})],
        &[bypass],
        update,
    );
    check(&[json!({ "status": REVOKED }), report(L2, "2025-01-01")], &[revoked], l2);
    let both = [report(REVOKED, "2025-01-01"), report(BYPASS, "2024-01-01")];
    check(&both, &[revoked, bypass], Some(revoked));
    check(&[report(L2, "2025-01-01"), report(REVOKED, "2026-06-16")], &[], l2);
    check(&[report(L2, "2025-01-01"), report(REVOKED, "2026-06-15")], &[revoked], Some(revoked));
    check(&[report(L2, "2025-01-01"), until(REVOKED, "2026-06-15")], &[], l2);
    check(&[report(L2, "2025-01-01"), until(REVOKED, "2026-06-16")], &[revoked], Some(revoked));
}

#[test]
fn a_status_that_is_not_known_means_nothing() {
    let l1 = Some(Status::FidoCertifiedL1);
    check(&[report("FIDO_CERTIFIED_L9", "2025-01-01")], &[], None);
    check(&[report(L1, "2025-01-01"), report("FIDO_CERTIFIED_L9", "2025-01-02")], &[], l1);
    let entry = read_reports(&json!([report("FIDO_CERTIFIED_L9", "2025-01-01")]));
    assert_eq!(entry.status_reports[0].status, Status::Unknown);
}

#[test]
fn of_a_broken_report_only_a_compromise_is_believed_and_without_limit() {
    let broken = [
        ("effectiveDate", json!("2027-13-01")),
        ("effectiveDate", json!(2027)),
        ("sunsetDate", json!("")),
        ("sunsetDate", json!({})),
        ("authenticatorVersion", json!("5")),
        ("certificate", json!("AAAA")),
        ("batchCertificate", json!(7)),
    ];
    for (name, value) in broken {
        check(&[json!({ "status": L1, name: value })], &[], None);
        let reports = [report(L1, "2025-01-01"), json!({ "status": REVOKED, name: value })];
        check(&reports, &[Status::Revoked], Some(Status::Revoked));
    }
    for name in ["effectiveDate", "sunsetDate", "authenticatorVersion", "certificate"] {
        check(&[json!({ "status": L1, name: null })], &[], Some(Status::FidoCertifiedL1));
    }
}

#[test]
fn a_report_that_names_a_certificate_is_about_what_was_attested_under_it() {
    let (maker, other) = (Ca::root("Maker, batch 1"), Ca::root("Maker, batch 2"));
    let between = maker.intermediate("Maker, batch 1, line 3");
    let key = KeyPair::generate().unwrap();
    let of_batch = maker.issue(&named("Attestation 1"), &key);
    let of_line = between.issue(&named("Attestation 3"), &key);
    let of_other = other.issue(&named("Attestation 1"), &key);
    let compromise = Status::AttestationKeyCompromise;
    for (named, path, applies) in [
        (of_batch.clone(), Some(vec![of_batch.clone()]), true),
        (of_batch.clone(), Some(vec![of_line.clone()]), false),
        (maker.der(), Some(vec![of_batch.clone()]), true),
        (maker.der(), Some(vec![of_batch.clone(), maker.der()]), true),
        (maker.der(), Some(vec![of_line.clone(), between.der()]), true),
        (between.der(), Some(vec![of_line, between.der()]), true),
        (between.der(), Some(vec![of_batch]), false),
        (maker.der(), Some(vec![of_other.clone()]), false),
        (other.der(), Some(vec![of_other]), true),
        (maker.der(), Some(vec![]), false),
        (maker.der(), Some(vec![vec![0]]), false),
    ] {
        for member in ["certificate", "batchCertificate"] {
            let named = BASE64.encode(&named);
            let entry = read_reports(&json!([
                { "status": L2, member: named },
                { "status": "ATTESTATION_KEY_COMPROMISE", member: named },
            ]));
            let verdict = entry.verdict(NOW, path.as_deref());
            assert_eq!(verdict.compromises, if applies { vec![compromise] } else { vec![] });
            assert_eq!(verdict.current, applies.then_some(compromise));
            let certified = read_reports(&json!([{ "status": L2, member: named }]));
            let current = certified.verdict(NOW, path.as_deref()).current;
            assert_eq!(current, applies.then_some(Status::FidoCertifiedL2));
        }
    }
}

#[test]
fn where_no_certificates_are_known_the_worse_is_assumed() {
    let named = BASE64.encode(&Ca::root("Maker").der());
    let compromise = Status::AttestationKeyCompromise;
    check(&[json!({ "status": L2, "certificate": named })], &[], None);
    let reports = [json!({ "status": "ATTESTATION_KEY_COMPROMISE", "batchCertificate": named })];
    check(&reports, &[compromise], Some(compromise));
}

#[test]
fn a_report_with_two_certificates_is_about_both() {
    let (first, second) = (Ca::root("First"), Ca::root("Second"));
    let key = KeyPair::generate().unwrap();
    let entry = read_reports(&json!([{
        "status": REVOKED,
        "certificate": BASE64.encode(&first.der()),
        "batchCertificate": BASE64.encode(&second.der()),
    }]));
    for ca in [first, second] {
        let path = [ca.issue(&named("Attestation"), &key)];
        assert!(entry.verdict(NOW, Some(&path)).is_compromised());
    }
}
