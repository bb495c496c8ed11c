//! Attestation: for each format a statement that is right, and one for every way to be wrong.

mod android_key;
mod apple;
mod certificate;
mod compound;
mod der;
mod fido_u2f;
mod keys;
mod packed;
mod policy;
mod tpm;
mod tpm_certificate;

use nightlatch_webauthn::{
    Algorithm, Attestation, AttestationPolicy, AttestationType, Format, ProgrammeRules, Refused,
    Registration, RegistrationResponse, Step,
};

use crate::authenticator::{Cbor, Create, SigningKey, sha256};

/// Some time in 2026, at which every certificate is valid unless a test says otherwise.
const NOW: u64 = 1_781_481_600;

const AAGUID: [u8; 16] = *b"model of the key";

/// What most statements sign: authenticator data and client data hash.
fn signed(create: &Create) -> Vec<u8> {
    [create.auth_data.write(), client_data_hash(create)].concat()
}

fn client_data_hash(create: &Create) -> Vec<u8> {
    sha256(&create.client_data.write()).to_vec()
}

fn map(members: &[(&str, Cbor)]) -> Cbor {
    Cbor::Map(members.iter().map(|(name, value)| (Cbor::text(name), value.clone())).collect())
}

fn members(map: &Cbor) -> Vec<(Cbor, Cbor)> {
    if let Cbor::Map(members) = map { members.clone() } else { vec![] }
}

/// `map` with another value under `name`, or with one more.
fn with(map: &Cbor, name: &str, value: Cbor) -> Cbor {
    let mut members = members(&without(map, name));
    members.push((Cbor::text(name), value));
    Cbor::Map(members)
}

fn without(map: &Cbor, name: &str) -> Cbor {
    Cbor::Map(members(map).into_iter().filter(|(own, _)| *own != Cbor::text(name)).collect())
}

fn x5c(certificates: &[Vec<u8>]) -> Cbor {
    Cbor::Array(certificates.iter().map(|certificate| Cbor::bytes(certificate)).collect())
}

/// What the relying party says to the statement under `policy`.
fn verify(
    create: &Create,
    format: &str,
    statement: &Cbor,
    policy: AttestationPolicy<'_>,
) -> Result<Attestation, Refused> {
    let mut create = create.clone();
    create.format = Cbor::text(format);
    create.statement = Some(statement.clone());
    let answer = create.answer().to_string();
    let registration = Registration {
        relying_party: &create.relying_party,
        challenge: &create.challenge,
        user_verification: create.user_verification,
        conditional: create.conditional,
        algorithms: &create.algorithms,
        attestation: policy,
    };
    let response = RegistrationResponse::from_json(answer.as_bytes()).unwrap();
    registration.verify(&response).map(|registered| registered.attestation)
}

/// The statement is right, and leads nowhere.
#[track_caller]
fn accepts(create: &Create, format: Format, statement: &Cbor) -> Attestation {
    let policy = AttestationPolicy::NOT_NEEDED;
    let attestation = verify(create, format.as_str(), statement, policy).unwrap();
    assert_eq!(attestation.format, format);
    assert!(!attestation.trusted);
    attestation
}

/// The statement is refused for this reason, though nobody asked for one.
#[track_caller]
fn refuses(create: &Create, format: Format, statement: &Cbor, reason: &'static str) {
    let verdict = verify(create, format.as_str(), statement, AttestationPolicy::NOT_NEEDED);
    let refused = Refused::new(Step::AttestationStatement, reason);
    assert_eq!(verdict.map(drop), Err(refused));
}

/// Each member of a statement is needed, none is too many, and none is of another type.
#[track_caller]
fn has_exactly_its_members(create: &Create, format: Format, statement: &Cbor, names: &[&str]) {
    const SHAPE: &str = "the statement has not the members of its format";
    refuses(create, format, &with(statement, "other", Cbor::Int(1)), SHAPE);
    refuses(create, format, &Cbor::Array(vec![]), SHAPE);
    for name in names {
        refuses(create, format, &without(statement, name), SHAPE);
        let wrong = with(statement, name, Cbor::Null);
        let policy = AttestationPolicy::NOT_NEEDED;
        let refused = verify(create, format.as_str(), &wrong, policy).unwrap_err();
        assert_eq!(refused.step, Step::AttestationStatement, "{name}");
    }
}

/// A policy with these anchors, which nothing but a trusted attestation satisfies.
fn trusting(anchors: &Anchors) -> AttestationPolicy<'_> {
    AttestationPolicy { anchors, now: NOW, require_trusted: true, rules: ProgrammeRules::default() }
}

type Anchors = Vec<Vec<u8>>;

fn es256() -> SigningKey {
    SigningKey::generate(Algorithm::Es256)
}

#[test]
fn a_none_statement_is_an_empty_map() {
    let create = Create::new(&es256());
    let attestation = accepts(&create, Format::None, &map(&[]));
    assert_eq!(attestation.kind, AttestationType::None);
    assert_eq!(attestation.trust_path, Vec::<Vec<u8>>::new());
    has_exactly_its_members(&create, Format::None, &map(&[]), &[]);
}

#[test]
fn a_format_is_known_to_the_letter() {
    let create = Create::new(&es256());
    for wrong in ["None", "PACKED", "android-safetynet", "", "packed2"] {
        let verdict = verify(&create, wrong, &map(&[]), AttestationPolicy::NOT_NEEDED);
        assert_eq!(verdict.unwrap_err().step, Step::AttestationFormat, "{wrong}");
    }
}
