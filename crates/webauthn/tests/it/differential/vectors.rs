//! The official test vectors, to both relying parties.

use nightlatch_webauthn::{
    Algorithm, AttestationPolicy, Authentication, AuthenticationResponse, Registration,
    RegistrationResponse, RelyingParty, StoredCredential, UserVerification, base64url,
};
use serde_json::Value;

use super::counterpart::Counterpart;

/// Vectors that the other relying party refuses, with the reason.
const REFUSED_BY_THEM: [(&str, &str); 9] = [
    ("packed-self.ES256", VERIFIED_ONCE),
    ("none.ES256.crossOrigin", NO_IFRAMES),
    ("none.ES256.topOrigin", NO_IFRAMES),
    ("packed.ES512", VERIFIED_ONCE),
    ("packed.RS256", "they take RSA keys of 2048 bits with an exponent of three bytes alone"),
    ("packed.EdDSA", "they register Ed25519 keys and verify no signature of one"),
    ("packed.Ed448", "neither of us has it"),
    ("tpm.ES256", "they know SHA-1 alone for the statement of a TPM, and refuse it as insecure"),
    ("android-key.ES256", "they do not read the vector's key description"),
];

const VERIFIED_ONCE: &str = "a person whom the authenticator verified at the registration must be \
                             verified ever after; we leave that to policy";
const NO_IFRAMES: &str = "they cannot be told to expect an iframe";

/// Ed448 is the documented exception of ours.
const REFUSED_BY_US: [&str; 1] = ["packed.Ed448"];

#[test]
fn both_accept_the_official_vectors_where_no_reason_is_given() {
    let file: Value = serde_json::from_str(include_str!("../../vectors/webauthn-l3.json")).unwrap();
    let mut differences = Vec::new();
    for vector in file["vectors"].as_array().unwrap() {
        let id = vector["id"].as_str().unwrap();
        let (ours, theirs) = (ours(vector), theirs(vector));
        if ours.is_ok() == REFUSED_BY_US.contains(&id) {
            differences.push(format!("{id}: we say {ours:?}"));
        }
        if theirs.is_ok() == REFUSED_BY_THEM.iter().any(|(refused, _)| *refused == id) {
            differences.push(format!("{id}: they say {theirs:?}"));
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

fn text<'v>(vector: &'v Value, pointer: &str) -> &'v str {
    vector.pointer(pointer).unwrap().as_str().unwrap()
}

fn ours(vector: &Value) -> Result<(), String> {
    let relying_party = RelyingParty {
        id: text(vector, "/rp_id").to_owned(),
        origins: vec![text(vector, "/origin").to_owned()],
        allow_cross_origin: true,
        top_origins: vector["top_origin"].as_str().map(str::to_owned).into_iter().collect(),
    };
    let challenge = base64url::decode(text(vector, "/registration/challenge/b64u")).unwrap();
    let registration = Registration {
        relying_party: &relying_party,
        challenge: &challenge,
        user_verification: UserVerification::Preferred,
        conditional: false,
        algorithms: &Algorithm::ALL,
        attestation: AttestationPolicy::NOT_NEEDED,
    };
    let answer = vector["registration_response_json"].to_string();
    let registered = RegistrationResponse::from_json(answer.as_bytes())
        .and_then(|response| registration.verify(&response))
        .map_err(|refused| refused.to_string())?;
    let challenge = base64url::decode(text(vector, "/authentication/challenge/b64u")).unwrap();
    let authentication = Authentication {
        relying_party: &relying_party,
        challenge: &challenge,
        user_verification: UserVerification::Preferred,
        allow_credentials: &[],
        user_identified: true,
        appid: None,
    };
    let stored = StoredCredential {
        id: &registered.credential_id,
        public_key: &registered.public_key,
        sign_count: registered.sign_count,
        backup_eligible: registered.flags.backup_eligible(),
        user_handle: None,
    };
    let answer = vector["authentication_response_json"].to_string();
    AuthenticationResponse::from_json(answer.as_bytes())
        .and_then(|response| authentication.verify(&response, &stored))
        .map(drop)
        .map_err(|refused| refused.to_string())
}

fn theirs(vector: &Value) -> Result<(), String> {
    let counterpart = Counterpart::new(text(vector, "/rp_id"), text(vector, "/origin"), false);
    let challenge = text(vector, "/registration/challenge/b64u");
    let answer = vector["registration_response_json"].to_string();
    let credential = counterpart.register(challenge, answer.as_bytes())?;
    let state = counterpart.expect(text(vector, "/authentication/challenge/b64u"), &credential);
    let answer = vector["authentication_response_json"].to_string();
    counterpart.authenticate(&state, answer.as_bytes())
}
