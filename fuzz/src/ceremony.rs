//! Ceremonies that expect whatever their client data say, so that the steps behind are reached.

use nightlatch_webauthn::{
    Algorithm, AttestationPolicy, Authenticated, Authentication, AuthenticationResponse,
    ProgrammeRules, Registered, Registration, RegistrationResponse, RelyingParty, StoredCredential,
    TrustAnchors, UserVerification, base64url, client_data::ClientData,
};

/// Within the validity of every certificate that a seed has.
pub const NOW: u64 = 1_750_000_000;

/// The RP ID of the official test vectors, and of [`crate::frame`].
pub const RP_ID: &str = "example.org";

/// Anchors nothing real; a chain is built, and does not end.
struct Anchors;

impl TrustAnchors for Anchors {
    fn anchors(&self, _: &nightlatch_webauthn::Model<'_>) -> Vec<&[u8]> {
        vec![crate::frame::root()]
    }
}

fn expected(client_data: &[u8]) -> (RelyingParty, Vec<u8>) {
    let read = ClientData::read(client_data).ok();
    let challenge = read.as_ref().and_then(|read| base64url::decode(&read.challenge));
    let relying_party = RelyingParty {
        id: RP_ID.to_owned(),
        origins: read.iter().map(|read| read.origin.clone()).collect(),
        allow_cross_origin: true,
        top_origins: read.into_iter().filter_map(|read| read.top_origin).collect(),
    };
    (relying_party, challenge.unwrap_or_default())
}

/// Registers with this answer.
pub fn register(response: &RegistrationResponse) -> Option<Registered> {
    let (relying_party, challenge) = expected(&response.client_data_json);
    let registration = Registration {
        relying_party: &relying_party,
        challenge: &challenge,
        user_verification: UserVerification::Preferred,
        conditional: false,
        algorithms: &Algorithm::ALL,
        attestation: AttestationPolicy {
            anchors: &Anchors,
            now: NOW,
            require_trusted: false,
            rules: ProgrammeRules::default(),
        },
    };
    registration.verify(response).ok()
}

/// Authenticates with this answer, under a credential of this key.
pub fn authenticate(response: &AuthenticationResponse, public_key: &[u8]) -> Option<Authenticated> {
    let (relying_party, challenge) = expected(&response.client_data_json);
    let authentication = Authentication {
        relying_party: &relying_party,
        challenge: &challenge,
        user_verification: UserVerification::Preferred,
        allow_credentials: &[],
        user_identified: true,
        appid: Some("https://example.org/appid.json"),
    };
    let stored = StoredCredential {
        id: &response.raw_id,
        public_key,
        sign_count: 0,
        backup_eligible: response.authenticator_data.get(32).is_some_and(|flags| flags & 8 != 0),
        user_handle: response.user_handle.as_deref(),
    };
    authentication.verify(response, &stored).ok()
}
