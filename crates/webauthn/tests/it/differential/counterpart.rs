//! webauthn-rs-core, told to ask what we ask.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use webauthn_rs_core::{
    WebauthnCore,
    proto::{
        AuthenticationState, COSEAlgorithm, Credential, PublicKeyCredential,
        RegisterPublicKeyCredential, RegistrationState, UserVerificationPolicy,
    },
};

/// A relying party of one origin. No challenge is its own: each is given.
pub(crate) struct Counterpart {
    core: WebauthnCore,
    user_verification: UserVerificationPolicy,
}

impl Counterpart {
    pub(crate) fn new(rp_id: &str, origin: &str, user_verification_required: bool) -> Self {
        let origins = vec![origin.parse().unwrap()];
        let timeout = Duration::from_mins(1);
        let core = WebauthnCore::new_unsafe_experts_only("", rp_id, origins, timeout, None, None);
        let user_verification = if user_verification_required {
            UserVerificationPolicy::Required
        } else {
            UserVerificationPolicy::Preferred
        };
        Self { core, user_verification }
    }

    /// Registers with this answer, a `RegistrationResponseJSON`.
    pub(crate) fn register(&self, challenge: &str, answer: &[u8]) -> Result<Credential, String> {
        let answer: RegisterPublicKeyCredential =
            serde_json::from_slice(answer).map_err(|error| error.to_string())?;
        let builder =
            self.core.new_challenge_register_builder(b"somebody", "name", "name").unwrap();
        let builder = builder
            .user_verification_policy(self.user_verification)
            .credential_algorithms(COSEAlgorithm::all_possible_algs());
        let (_, state): (_, RegistrationState) =
            self.core.generate_challenge_register(builder).unwrap();
        let state = with_challenge(&state, challenge);
        self.core.register_credential(&answer, &state, None).map_err(|error| format!("{error:?}"))
    }

    /// What is expected of an authentication with this credential.
    pub(crate) fn expect(&self, challenge: &str, credential: &Credential) -> AuthenticationState {
        let credentials = vec![credential.clone()];
        let policy = Some(self.user_verification);
        let builder = self.core.new_challenge_authenticate_builder(credentials, policy).unwrap();
        let (_, state) = self.core.generate_challenge_authenticate(builder).unwrap();
        with_challenge(&state, challenge)
    }

    /// Authenticates with this answer, an `AuthenticationResponseJSON`.
    pub(crate) fn authenticate(
        &self,
        state: &AuthenticationState,
        answer: &[u8],
    ) -> Result<(), String> {
        let answer: PublicKeyCredential =
            serde_json::from_slice(answer).map_err(|error| error.to_string())?;
        let result = self.core.authenticate_credential(&answer, state);
        result.map(drop).map_err(|error| format!("{error:?}"))
    }
}

/// The same state with another challenge; it can only be had by way of JSON.
fn with_challenge<T: Serialize + DeserializeOwned>(state: &T, challenge: &str) -> T {
    let mut value = serde_json::to_value(state).unwrap();
    value.as_object_mut().unwrap().insert("challenge".to_owned(), json!(challenge));
    serde_json::from_value(value).unwrap()
}
