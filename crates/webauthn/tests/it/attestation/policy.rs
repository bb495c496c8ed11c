//! Which attestations are trusted: chains to anchors, and rules beyond the specification.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use nightlatch_webauthn::{
    Algorithm, Attestation, AttestationPolicy, AttestationType, Format, Model, ProgrammeRules,
    Refused, Step, TrustAnchors,
};

use super::{
    AAGUID, Anchors, NOW,
    certificate::{BASIC_CONSTRAINTS, Certificate, key_info, point},
    der::{element, integer, name, sequence},
    es256, map, signed, trusting, verify, x5c,
};
use crate::authenticator::{Cbor, Create, SigningKey};

/// 1 January 2024 and 2034, 00:00:00: the dates of the tests' certificates.
const FROM: u64 = 1_704_067_200;
const UNTIL: u64 = 2_019_686_400;

const UNTRUSTED: Refused =
    Refused::new(Step::AttestationTrust, "the attestation leads to no trust anchor");

/// A packed statement with this chain under this policy; `signer` has the first certificate.
fn attest(
    signer: &SigningKey,
    chain: &[Vec<u8>],
    policy: AttestationPolicy<'_>,
) -> Result<Attestation, Refused> {
    let create = Create::new(&es256());
    let statement = map(&[
        ("alg", Cbor::Int(signer.algorithm.id())),
        ("sig", Cbor::Bytes(signer.sign(&signed(&create)))),
        ("x5c", x5c(chain)),
    ]);
    verify(&create, "packed", &statement, policy)
}

/// Whether the chain is trusted; what is not needed is accepted all the same.
#[track_caller]
fn check(signer: &SigningKey, chain: &[Vec<u8>], anchors: &[Vec<u8>], now: u64, trusted: bool) {
    let anchors = anchors.to_vec();
    let needed = AttestationPolicy { now, ..trusting(&anchors) };
    let expected = if trusted { Ok(true) } else { Err(UNTRUSTED) };
    assert_eq!(attest(signer, chain, needed).map(|it| it.trusted), expected);
    let not_needed = AttestationPolicy { require_trusted: false, ..needed };
    assert_eq!(attest(signer, chain, not_needed).map(|it| it.trusted), Ok(trusted));
}

struct Pki {
    root: Vec<u8>,
    intermediate: Certificate,
    root_key: SigningKey,
    leaf: Vec<u8>,
    signer: SigningKey,
}

/// A root, a CA below it, and an attestation certificate below that.
fn pki() -> Pki {
    let (root_key, ca_key, signer) = (es256(), es256(), es256());
    let below = name(&[("2.5.4.3", "Test CA 2")]);
    let intermediate = Certificate { subject: below.clone(), ..Certificate::ca(&ca_key) };
    let leaf = Certificate { issuer: below, ..Certificate::attestation(&signer, AAGUID) };
    Pki {
        root: Certificate::ca(&root_key).sign(&root_key),
        leaf: leaf.sign(&ca_key),
        intermediate,
        root_key,
        signer,
    }
}

#[test]
fn a_chain_leads_to_its_anchor_and_nowhere_else() {
    let pki = pki();
    let intermediate = pki.intermediate.sign(&pki.root_key);
    let (leaf, root) = (pki.leaf.clone(), pki.root.clone());
    let chain = [leaf.clone(), intermediate.clone()];
    let root = [root];
    check(&pki.signer, &chain, &root, NOW, true);
    check(&pki.signer, &[&chain[..], &root].concat(), &root, NOW, true);
    // A CA below the root may be the anchor as well.
    check(&pki.signer, &chain[..1], std::slice::from_ref(&intermediate), NOW, true);
    check(&pki.signer, &chain[..1], &root, NOW, false);
    check(&pki.signer, &chain, &[], NOW, false);
    // Another CA of the same name.
    let other = es256();
    let namesake = Certificate::ca(&other).sign(&other);
    check(&pki.signer, &chain, std::slice::from_ref(&namesake), NOW, false);
    check(&pki.signer, &chain, &[namesake, vec![0], root[0].clone()], NOW, true);
    // A root that was sent is no anchor.
    check(&pki.signer, &[leaf, intermediate, root[0].clone()], &[], NOW, false);
}

#[test]
fn every_signature_of_a_chain_counts() {
    let pki = pki();
    let root = [pki.root.clone()];
    let mut leaf = pki.leaf.clone();
    *leaf.last_mut().unwrap() ^= 1;
    let chain = [leaf, pki.intermediate.sign(&pki.root_key)];
    check(&pki.signer, &chain, &root, NOW, false);
    let chain = [pki.leaf, pki.intermediate.sign(&es256())];
    check(&pki.signer, &chain, &root, NOW, false);
}

#[test]
fn an_issuer_is_a_ca() {
    let pki = pki();
    let root = [pki.root];
    let no_ca = pki.intermediate.clone().with((BASIC_CONSTRAINTS, true, sequence(&[])));
    check(&pki.signer, &[pki.leaf.clone(), no_ca.sign(&pki.root_key)], &root, NOW, false);
    let unsaid = pki.intermediate.without(BASIC_CONSTRAINTS);
    check(&pki.signer, &[pki.leaf, unsaid.sign(&pki.root_key)], &root, NOW, false);
}

#[test]
fn a_path_is_as_short_as_its_issuers_say() {
    let (root_key, signer) = (es256(), es256());
    let pki = pki();
    let short = sequence(&[element(0x01, &[0xff]), integer(&[0])]);
    let intermediate = pki.intermediate.with((BASIC_CONSTRAINTS, true, short));
    let below = intermediate.subject.clone();
    let (ca_key, lower_key) = (es256(), es256());
    let upper = Certificate { key: key_info(&ca_key), ..intermediate };
    let lower_name = name(&[("2.5.4.3", "Test CA 3")]);
    let lower =
        Certificate { issuer: below, subject: lower_name.clone(), ..Certificate::ca(&lower_key) };
    let leaf = Certificate { issuer: lower_name, ..Certificate::attestation(&signer, AAGUID) };
    let chain = [leaf.sign(&lower_key), lower.sign(&ca_key), upper.sign(&root_key)];
    let root = [Certificate::ca(&root_key).sign(&root_key)];
    check(&signer, &chain, &root, NOW, false);
}

#[test]
fn every_certificate_below_the_anchor_is_valid_now() {
    let pki = pki();
    let chain = [pki.leaf.clone(), pki.intermediate.sign(&pki.root_key)];
    let root = [pki.root];
    check(&pki.signer, &chain, &root, FROM, true);
    check(&pki.signer, &chain, &root, UNTIL, true);
    check(&pki.signer, &chain, &root, FROM - 1, false);
    check(&pki.signer, &chain, &root, UNTIL + 1, false);
    let expired = Certificate { until: "250101000000Z", ..pki.intermediate };
    check(&pki.signer, &[pki.leaf, expired.sign(&pki.root_key)], &root, NOW, false);
}

#[test]
fn an_anchor_may_be_the_attestation_certificate_itself_while_it_is_valid() {
    let signer = es256();
    let leaf = [Certificate::attestation(&signer, AAGUID).sign(&es256())];
    check(&signer, &leaf, &leaf, NOW, true);
    check(&signer, &leaf, &leaf, FROM, true);
    check(&signer, &leaf, &leaf, UNTIL, true);
    check(&signer, &leaf, &leaf, FROM - 1, false);
    check(&signer, &leaf, &leaf, UNTIL + 1, false);
    let other = [Certificate::attestation(&signer, AAGUID).sign(&es256())];
    check(&signer, &leaf, &other, NOW, false);
}

#[test]
fn a_root_may_be_old() {
    let (root_key, signer) = (es256(), es256());
    let leaf = [Certificate::attestation(&signer, AAGUID).sign(&root_key)];
    let expired = Certificate { until: "250101000000Z", ..Certificate::ca(&root_key) };
    check(&signer, &leaf, &[expired.sign(&root_key)], NOW, true);
    let first = Certificate { version: 0, extensions: vec![], ..Certificate::ca(&root_key) };
    check(&signer, &leaf, &[first.sign(&root_key)], NOW, true);
}

#[test]
fn issuers_sign_with_every_algorithm() {
    for algorithm in [Algorithm::Es384, Algorithm::Es512, Algorithm::EdDsa, Algorithm::Rs256] {
        let (root_key, signer) = (SigningKey::generate(algorithm), es256());
        let leaf = [Certificate::attestation(&signer, AAGUID).sign(&root_key)];
        check(&signer, &leaf, &[Certificate::ca(&root_key).sign(&root_key)], NOW, true);
    }
}

#[test]
fn none_and_self_are_never_trusted() {
    let key = es256();
    let create = Create::new(&key);
    let anchors: Anchors = vec![];
    let own = map(&[("alg", Cbor::Int(-7)), ("sig", Cbor::Bytes(key.sign(&signed(&create))))]);
    for (format, statement) in [("none", map(&[])), ("packed", own)] {
        let verdict = verify(&create, format, &statement, trusting(&anchors));
        assert_eq!(verdict, Err(UNTRUSTED), "{format}");
    }
}

/// Says what it was asked for.
struct Asked(std::sync::Mutex<Vec<String>>);

impl TrustAnchors for Asked {
    fn anchors(&self, model: &Model<'_>) -> Vec<&[u8]> {
        let format = model.format.as_str();
        let asked = format!("{format} {} {}", model.aaguid, model.trust_path.len());
        self.0.lock().unwrap().push(asked);
        Vec::new()
    }
}

#[test]
fn anchors_are_wanted_for_the_model_that_attests() {
    let signer = es256();
    let leaf = Certificate::attestation(&signer, AAGUID).sign(&signer);
    let anchors = Asked(std::sync::Mutex::default());
    let policy = AttestationPolicy { anchors: &anchors, ..AttestationPolicy::NOT_NEEDED };
    attest(&signer, &[leaf.clone(), leaf], policy).unwrap();
    let asked = anchors.0.into_inner().unwrap();
    assert_eq!(asked, ["packed 6d6f6465-6c20-6f66-2074-6865206b6579 2"]);
}

#[test]
fn a_chain_is_full_where_the_programme_asks_for_it() {
    let pki = pki();
    let rules = ProgrammeRules { full_chain: true, ..ProgrammeRules::default() };
    let refused = Refused::new(Step::AttestationTrust, "the certificates are no full chain");
    let anchors = vec![pki.root];
    let policy = AttestationPolicy { rules, require_trusted: false, ..trusting(&anchors) };
    let leaf = [pki.leaf];
    assert_eq!(attest(&pki.signer, &leaf, policy).map(drop), Err(refused));
    let itself = leaf.to_vec();
    let policy_of_leaf = AttestationPolicy { anchors: &itself, ..policy };
    assert!(attest(&pki.signer, &leaf, policy_of_leaf).is_ok());
    let chain = [leaf[0].clone(), pki.intermediate.sign(&pki.root_key)];
    assert!(attest(&pki.signer, &chain, policy).is_ok());
    let lax = AttestationPolicy { rules: ProgrammeRules::default(), ..policy };
    assert!(attest(&pki.signer, &leaf, lax).is_ok());
}

#[test]
fn names_of_formats_and_types_are_those_of_the_registry() {
    for format in Format::ALL {
        assert_eq!(Format::from_identifier(format.as_str()), Some(format));
    }
    let names = Format::ALL.map(Format::as_str).join(" ");
    assert_eq!(names, "none packed fido-u2f tpm android-key apple compound");
    let types = [
        (AttestationType::None, "none"),
        (AttestationType::SelfAttestation, "self"),
        (AttestationType::Basic, "basic"),
        (AttestationType::AttCa, "attca"),
        (AttestationType::AnonCa, "anonca"),
    ];
    for (kind, name) in types {
        assert_eq!(kind.as_str(), name);
    }
}

#[test]
fn a_policy_is_shown_without_its_anchors() {
    let shown = format!("{:?}", AttestationPolicy::NOT_NEEDED);
    assert!(shown.starts_with("AttestationPolicy { now: 0, require_trusted: false"), "{shown}");
}

#[test]
fn the_attestation_key_is_named_by_its_hash_where_a_certificate_was_sent() {
    let Pki { leaf, intermediate, signer, root_key, .. } = pki();
    let chain = [leaf, intermediate.sign(&root_key)];
    let attested = attest(&signer, &chain, AttestationPolicy::NOT_NEEDED).unwrap();
    let expected = digest(&SHA1_FOR_LEGACY_USE_ONLY, &point(&signer));
    assert_eq!(attested.key_identifier().unwrap(), expected.as_ref());

    let create = Create::new(&es256());
    let none = verify(&create, "none", &map(&[]), AttestationPolicy::NOT_NEEDED).unwrap();
    assert_eq!(none.key_identifier(), None);
}
