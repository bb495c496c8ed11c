//! The official test vectors (WebAuthn Level 3 §16, from the specification's repository).

use nightlatch_webauthn::{
    Algorithm, Attestation, AttestationPolicy, AttestationType, Authentication,
    AuthenticationResponse, Model, ProgrammeRules, Refused, Registered, Registration,
    RegistrationResponse, RelyingParty, Step, StoredCredential, TrustAnchors, UserVerification,
    base64url,
};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

const NOW: u64 = 1_781_481_600;

#[derive(Deserialize)]
struct Vectors {
    attestation_ca: Authority,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Authority {
    attestation_ca_cert: Bytes,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    rp_id: String,
    origin: String,
    top_origin: Option<String>,
    attestation_format_expected: String,
    cose_alg_expected: i64,
    trust_path: String,
    registration: Ceremony,
    authentication: Ceremony,
    registration_response_json: Box<RawValue>,
    authentication_response_json: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ceremony {
    challenge: Bytes,
    client_data: Value,
    flags: Flags,
    #[serde(rename = "sign_count")]
    sign_count: u32,
}

#[derive(Deserialize)]
struct Flags {
    value: u8,
}

#[derive(Deserialize)]
struct Bytes {
    b64u: String,
}

impl Bytes {
    fn bytes(&self) -> Vec<u8> {
        base64url::decode(&self.b64u).unwrap()
    }
}

struct Anchor(Vec<u8>);

impl TrustAnchors for Anchor {
    fn anchors(&self, _: &Model<'_>) -> Vec<&[u8]> {
        vec![&self.0]
    }
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../vectors/webauthn-l3.json")).unwrap()
}

impl Vector {
    fn relying_party(&self) -> RelyingParty {
        RelyingParty {
            id: self.rp_id.clone(),
            origins: vec![self.origin.clone()],
            allow_cross_origin: self.registration.client_data["crossOrigin"] == true
                || self.authentication.client_data["crossOrigin"] == true,
            top_origins: self.top_origin.iter().cloned().collect(),
        }
    }

    fn register(&self, attestation: AttestationPolicy<'_>) -> Result<Registered, Refused> {
        let json = self.registration_response_json.get();
        Registration {
            relying_party: &self.relying_party(),
            challenge: &self.registration.challenge.bytes(),
            user_verification: UserVerification::Preferred,
            conditional: false,
            algorithms: &Algorithm::ALL,
            attestation,
        }
        .verify(&RegistrationResponse::from_json(json.as_bytes()).unwrap())
    }

    /// Verifies the assertion with the credential that was registered.
    fn authenticate(&self, registered: &Registered) {
        let json = self.authentication_response_json.get();
        let response = AuthenticationResponse::from_json(json.as_bytes()).unwrap();
        let stored = StoredCredential {
            id: &registered.credential_id,
            public_key: &registered.public_key,
            sign_count: registered.sign_count,
            backup_eligible: registered.flags.backup_eligible(),
            user_handle: None,
        };
        let authenticated = Authentication {
            relying_party: &self.relying_party(),
            challenge: &self.authentication.challenge.bytes(),
            user_verification: UserVerification::Preferred,
            allow_credentials: std::slice::from_ref(&registered.credential_id),
            user_identified: true,
            appid: None,
        }
        .verify(&response, &stored)
        .unwrap();
        assert_eq!(authenticated.flags.byte(), self.authentication.flags.value, "{}", self.id);
        assert_eq!(authenticated.sign_count, self.authentication.sign_count, "{}", self.id);
    }
}

fn policy(anchor: &Anchor, require_trusted: bool) -> AttestationPolicy<'_> {
    AttestationPolicy {
        anchors: anchor,
        now: NOW,
        require_trusted,
        rules: ProgrammeRules::default(),
    }
}

#[test]
fn every_vector_verifies() {
    let Vectors { attestation_ca, vectors } = vectors();
    let anchor = Anchor(attestation_ca.attestation_ca_cert.bytes());
    assert_eq!(vectors.len(), 15);
    for vector in vectors.iter().filter(|vector| vector.cose_alg_expected != -53) {
        let certified = vector.trust_path == "x5c";
        let registered = vector.register(policy(&anchor, certified)).expect(&vector.id);
        assert_eq!(registered.algorithm.id(), vector.cose_alg_expected, "{}", vector.id);
        assert_eq!(registered.flags.byte(), vector.registration.flags.value, "{}", vector.id);
        assert_eq!(registered.sign_count, vector.registration.sign_count, "{}", vector.id);
        let Attestation { format, by, kind, trust_path, trusted } = &registered.attestation;
        assert_eq!(by, format);
        assert_eq!(format.as_str(), vector.attestation_format_expected, "{}", vector.id);
        assert_eq!(*trusted, certified, "{}", vector.id);
        assert_eq!(trust_path.len(), usize::from(certified), "{}", vector.id);
        let expected = match (vector.trust_path.as_str(), format.as_str()) {
            ("none", _) => AttestationType::None,
            ("self", _) => AttestationType::SelfAttestation,
            (_, "tpm") => AttestationType::AttCa,
            (_, "apple") => AttestationType::AnonCa,
            _ => AttestationType::Basic,
        };
        assert_eq!(*kind, expected, "{}", vector.id);
        vector.authenticate(&registered);
    }
}

/// The one exception: aws-lc verifies no Ed448, and no other library that does has been audited. Its
/// algorithm is never offered, so that no authenticator makes such a credential.
#[test]
fn ed448_is_refused() {
    let Vectors { attestation_ca, vectors } = vectors();
    let anchor = Anchor(attestation_ca.attestation_ca_cert.bytes());
    let ed448: Vec<_> = vectors.iter().filter(|vector| vector.cose_alg_expected == -53).collect();
    assert_eq!(ed448.len(), 1);
    let reason = "the key's algorithm is not supported";
    let refused = ed448[0].register(policy(&anchor, false)).unwrap_err();
    assert_eq!(refused, Refused::new(Step::PublicKey, reason));
}

/// No certificate of the vectors leads anywhere without their CA.
#[test]
fn certified_vectors_are_untrusted_without_their_ca() {
    let stranger = Anchor(vec![]);
    for vector in vectors().vectors.iter().filter(|vector| vector.cose_alg_expected != -53) {
        let refused = vector.register(policy(&stranger, true)).unwrap_err();
        assert_eq!(refused.step, Step::AttestationTrust, "{}", vector.id);
        let registered = vector.register(policy(&stranger, false)).unwrap();
        assert!(!registered.attestation.trusted, "{}", vector.id);
    }
}

/// Every rule of the FIDO programme refuses the vectors that break it, and no others.
#[test]
fn the_programmes_rules_refuse_the_vectors_that_break_them() {
    let Vectors { attestation_ca, vectors } = vectors();
    let anchor = Anchor(attestation_ca.attestation_ca_cert.bytes());
    let none = ProgrammeRules::default();
    for (rules, breaks) in [
        (ProgrammeRules { zero_u2f_aaguid: true, ..none }, &["fido-u2f"][..]),
        (ProgrammeRules { known_tpm_manufacturer: true, ..none }, &["tpm"]),
        (ProgrammeRules { full_chain: true, ..none }, &["packed", "tpm", "android-key", "apple"]),
    ] {
        for vector in vectors.iter().filter(|vector| vector.cose_alg_expected != -53) {
            let strict = AttestationPolicy { rules, ..policy(&anchor, false) };
            let breaks = vector.trust_path == "x5c"
                && breaks.contains(&vector.attestation_format_expected.as_str());
            let refusal = vector.register(strict).err().map(|refused| refused.step);
            let expected = breaks.then_some(Step::AttestationTrust);
            assert_eq!(refusal, expected, "{} under {rules:?}", vector.id);
        }
    }
}
