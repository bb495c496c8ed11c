//! What is made of an authenticator's answers: a proof, or a refusal with its reason.

use std::time::Duration;

use nightlatch_core::{
    MethodId, UserId,
    assurance::Level,
    audit::Reason,
    factors::webauthn::{
        Aaguid, Asserted, AuthenticationResponse, Credential, CredentialKind, Enrolled, Person,
        Refused, RegistrationResponse, RelyingParty, Verifier, Wanted, creation_options,
        request_options,
    },
    proof::{Evidence, Proof, Proofs},
    token::Ceremony,
};
use serde_json::Value;

use crate::{
    device::{self, Device},
    models::{NOW, metadata},
};

pub(crate) const ORIGIN: &str = "https://id.example.org";
pub(crate) const USER: UserId = UserId::from_bytes([1; 16]);
const METHOD: MethodId = MethodId::from_bytes([2; 16]);

pub(crate) fn party() -> RelyingParty {
    RelyingParty {
        id: "id.example.org".to_owned(),
        origins: vec![ORIGIN.to_owned()],
        allow_cross_origin: false,
        top_origins: Vec::new(),
    }
}

fn verifier(party: &RelyingParty) -> Verifier<'_> {
    Verifier { party, highest: &[], metadata: None }
}

pub(crate) fn ceremony(number: u8) -> Ceremony {
    Ceremony { id: [number; 16], challenge: [number; 32], expires_at: NOW }
}

/// What a browser is asked for a new credential.
fn creating(ceremony: &Ceremony) -> Value {
    let person = Person { id: USER, email: "ada@example.org", name: None };
    let kind = CredentialKind::Passkey;
    let wanted = Wanted { kind, attachment: None, service: "Example", attested: false };
    serde_json::to_value(creation_options(&party(), ceremony, person, wanted, &[])).unwrap()
}

fn enrol(device: &Device) -> (Enrolled, device::Credential) {
    let (held, answer) = device.create(&creating(&ceremony(1)));
    (verify_registration(&answer).unwrap(), held)
}

fn verify_registration(answer: &Value) -> Result<Enrolled, Refused> {
    let answer = RegistrationResponse::from_json(answer.to_string().as_bytes()).unwrap();
    let record = (USER, METHOD, CredentialKind::Passkey);
    verifier(&party()).enrol(&ceremony(1), &answer, record, NOW)
}

/// A credential of `device`.
pub(crate) fn credential(device: &Device) -> Credential {
    enrol(device).0.credential
}

/// The answer of `device` to the ceremony with this number.
fn answer(device: &Device, held: &mut device::Credential, number: u8) -> AuthenticationResponse {
    let options = request_options(&party(), &ceremony(number), &[]);
    let answer = device.get(held, &serde_json::to_value(options).unwrap());
    AuthenticationResponse::from_json(answer.to_string().as_bytes()).unwrap()
}

/// What is made of an answer of `device` to a ceremony.
fn assert(
    device: &Device,
    held: &mut device::Credential,
    credential: &Credential,
) -> Result<Asserted, Refused> {
    let answer = answer(device, held, 2);
    verifier(&party()).assert(&ceremony(2), &answer, credential, false, NOW)
}

fn level(proof: &Proof) -> Level {
    Proofs::default().with(proof).level()
}

#[test]
fn a_new_credential_is_kept_as_its_authenticator_describes_it() {
    for (device, level, verified) in [
        (Device::synced(ORIGIN), Level::PhishingResistant, true),
        (Device::platform(ORIGIN), Level::PhishingResistant, true),
        (Device::touched(ORIGIN), Level::Aal1, false),
    ] {
        let (Enrolled { credential, proof }, held) = enrol(&device);
        assert_eq!((credential.user, credential.method), (USER, METHOD));
        assert_eq!((&credential.id, credential.rp_id.as_str()), (&held.id, "id.example.org"));
        assert_eq!(credential.aaguid, Aaguid(device.aaguid));
        assert_eq!(credential.backup_eligible, device.synced);
        assert_eq!(credential.state.backup_state, device.synced);
        assert_eq!(credential.state.sign_count, device.counts);
        assert_eq!(credential.state.uv_initialized, verified);
        assert_eq!((credential.discoverable, credential.trusted), (Some(true), false));
        assert_eq!(credential.attestation_key, None);
        assert_eq!(credential.attestation, "none/none");
        let evidence = Evidence::Registration { ceremony: [1; 16], method: METHOD };
        assert_eq!((proof.user(), proof.evidence()), (USER, &evidence));
        assert_eq!(self::level(&proof), level);
    }
}

#[test]
fn the_answer_of_another_ceremony_or_page_enrols_nothing() {
    let device = Device::platform(ORIGIN);
    let (_, other) = device.create(&creating(&ceremony(9)));
    let phished = Device::platform("https://id.example.com").create(&creating(&ceremony(1))).1;
    let absent = Device { present: false, ..device };
    let absent = absent.create(&creating(&ceremony(1))).1;
    for answer in [other, phished, absent] {
        let refused = verify_registration(&answer).unwrap_err();
        assert!(matches!(refused, Refused::Ceremony(_)), "{refused:?}");
        assert_eq!(refused.reason(), Reason::WrongCredential);
    }
}

#[test]
fn an_assertion_is_worth_what_the_authenticator_showed() {
    for (device, level) in [
        (Device::synced(ORIGIN), Level::PhishingResistant),
        (Device::platform(ORIGIN), Level::PhishingResistant),
        (Device::touched(ORIGIN), Level::Aal1),
    ] {
        let (Enrolled { credential, .. }, mut held) = enrol(&device);
        let asserted = assert(&device, &mut held, &credential).unwrap();
        assert_eq!(self::level(&asserted.proof), level);
        assert_eq!((asserted.verified, asserted.suspicious), (device.verifies, false));
        let evidence = Evidence::Assertion {
            ceremony: [2; 16],
            method: METHOD,
            from: device.counts,
            to: 2 * device.counts,
            backup_state: device.synced,
        };
        assert_eq!((asserted.proof.user(), asserted.proof.evidence()), (USER, &evidence));
    }
}

#[test]
fn a_verification_that_nobody_vouched_for_is_presence() {
    let mut device = Device::touched(ORIGIN);
    let (Enrolled { mut credential, .. }, mut held) = enrol(&device);
    device.verifies = true;
    let asserted = assert(&device, &mut held, &credential).unwrap();
    assert!(asserted.verified);
    assert_eq!(level(&asserted.proof), Level::Aal1);
    credential.state.uv_initialized = true;
    let asserted = assert(&device, &mut held, &credential).unwrap();
    assert_eq!(level(&asserted.proof), Level::PhishingResistant);
}

#[test]
fn only_a_trusted_model_that_is_allowed_proves_the_highest_level() {
    let device = Device::platform(ORIGIN);
    let (Enrolled { credential, .. }, mut held) = enrol(&device);
    let synced = Device::synced(ORIGIN);
    let (Enrolled { credential: roaming, .. }, mut shared) = enrol(&synced);
    let (allowed, other) = ([Aaguid([7; 16])], [Aaguid([8; 16])]);
    let metadata = metadata();
    let stale = NOW.plus(Duration::from_hours(24 * 30));
    for (highest, trusted, metadata, now, level) in [
        (&allowed[..], true, Some(&metadata), NOW, Level::Aal3),
        (&allowed[..], true, Some(&metadata), stale, Level::PhishingResistant),
        (&allowed[..], true, None, NOW, Level::PhishingResistant),
        (&allowed[..], false, Some(&metadata), NOW, Level::PhishingResistant),
        (&other[..], true, Some(&metadata), NOW, Level::PhishingResistant),
        (&[], true, Some(&metadata), NOW, Level::PhishingResistant),
    ] {
        let party = party();
        let verifier = Verifier { highest, metadata, ..verifier(&party) };
        let credential = Credential { trusted, ..credential.clone() };
        let answered = answer(&device, &mut held, 2);
        let asserted = verifier.assert(&ceremony(2), &answered, &credential, false, now).unwrap();
        assert_eq!(self::level(&asserted.proof), level);
        // What is synced is not bound to a device, whoever made it.
        let roaming = Credential { trusted, ..roaming.clone() };
        let answered = answer(&synced, &mut shared, 2);
        let asserted = verifier.assert(&ceremony(2), &answered, &roaming, false, now).unwrap();
        assert_eq!(self::level(&asserted.proof), Level::PhishingResistant);
    }
}

#[test]
fn a_counter_that_does_not_rise_is_a_clone_of_what_is_bound_and_suspicious_in_what_is_synced() {
    for signed in [5, 4, 0] {
        let bound = Device { counts: 0, ..Device::platform(ORIGIN) };
        let (Enrolled { mut credential, .. }, mut held) = enrol(&bound);
        (credential.state.sign_count, held.counter) = (5, signed);
        let refused = assert(&bound, &mut held, &credential).unwrap_err();
        assert_eq!((refused, refused.reason()), (Refused::Cloned, Reason::ClonedCredential));

        let synced = Device::synced(ORIGIN);
        let (Enrolled { mut credential, .. }, mut held) = enrol(&synced);
        (credential.state.sign_count, held.counter) = (5, signed);
        let asserted = assert(&synced, &mut held, &credential).unwrap();
        assert!(asserted.suspicious);
        let Evidence::Assertion { from, to, .. } = asserted.proof.evidence() else {
            panic!("{asserted:?}")
        };
        assert_eq!((*from, *to), (5, 5), "it never falls");
    }
}

#[test]
fn a_clone_that_cannot_sign_is_no_clone() {
    let device = Device { counts: 0, ..Device::platform(ORIGIN) };
    let (Enrolled { mut credential, .. }, mut held) = enrol(&device);
    let (Enrolled { credential: other, .. }, _) = enrol(&device);
    credential.state.sign_count = 5;
    credential.public_key = other.public_key;
    let refused = assert(&device, &mut held, &credential).unwrap_err();
    assert_eq!(refused.reason(), Reason::WrongCredential);
}

#[test]
fn an_answer_of_another_account_ceremony_or_page_proves_nothing() {
    let device = Device::platform(ORIGIN);
    let (Enrolled { credential, .. }, mut held) = enrol(&device);
    let other = Credential { user: UserId::from_bytes([9; 16]), ..credential.clone() };
    let moved = Credential { backup_eligible: true, ..credential.clone() };
    for credential in [other, moved] {
        let refused = assert(&device, &mut held, &credential).unwrap_err();
        assert_eq!(refused.reason(), Reason::WrongCredential);
    }
    for device in [
        Device { origin: "https://id.example.com".to_owned(), ..device.clone() },
        Device { top_origin: Some("https://evil.example".to_owned()), ..device.clone() },
        Device { rp_id: Some("example.com".to_owned()), ..device.clone() },
        Device { present: false, ..device.clone() },
    ] {
        let refused = assert(&device, &mut held, &credential).unwrap_err();
        assert_eq!(refused.reason(), Reason::WrongCredential, "{device:?}");
    }
    let stale = answer(&device, &mut held, 3);
    let refused = verifier(&party()).assert(&ceremony(2), &stale, &credential, false, NOW);
    assert_eq!(refused.unwrap_err().reason(), Reason::WrongCredential);
    assert!(assert(&device, &mut held, &credential).is_ok());
}

#[test]
fn who_holds_the_key_of_a_removed_credential_is_told_and_nobody_else() {
    for device in [Device::platform(ORIGIN), Device::synced(ORIGIN)] {
        let (Enrolled { credential, .. }, mut held) = enrol(&device);
        let (Enrolled { credential: other, .. }, _) = enrol(&device);
        let answered = answer(&device, &mut held, 2);
        let party = party();
        let removed =
            |number, key| verifier(&party).assert_removed(&ceremony(number), &answered, key);
        assert!(removed(2, Some(credential.public_key.as_slice())));
        assert!(!removed(2, Some(other.public_key.as_slice())), "another key");
        assert!(!removed(3, Some(credential.public_key.as_slice())), "another ceremony");
        assert!(!removed(2, Some(b"no key".as_slice())));
        assert!(!removed(2, None), "no key");
    }
}
