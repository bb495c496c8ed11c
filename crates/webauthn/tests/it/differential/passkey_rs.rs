//! passkey-rs as client and authenticator: from our options to our verdict, through JSON both ways.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use nightlatch_webauthn::{
    Algorithm, AttestationPolicy, AttestationType, Authentication, AuthenticationResponse, Counter,
    CreationOptions, Registered, Registration, RegistrationResponse, RequestOptions, Step,
    StoredCredential, UserVerification,
    options::{Challenge, RpEntity, UserEntity, UserHandle},
};
use passkey_authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod};
use passkey_client::{Client, DefaultClientData};
use passkey_crypto::AvailableBackend;
use passkey_types::{
    Passkey,
    ctap2::{Aaguid, Ctap2Error},
};
use serde_json::json;

use crate::authenticator::relying_party;

/// Somebody who touches and looks whenever asked.
struct Willing;

#[async_trait::async_trait]
impl UserValidationMethod for Willing {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        _: UiHint<'a, Passkey>,
        presence: bool,
        verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck { presence, verification })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

/// Nothing in these futures waits for anything.
fn now<T>(future: impl Future<Output = T>) -> T {
    let polled = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    let ready = if let Poll::Ready(value) = polled { Some(value) } else { None };
    ready.unwrap()
}

/// Registers and then authenticates, with the client in between, and returns what we make of it.
fn ceremonies(algorithm: Algorithm, counts: bool) -> (Registered, Counter) {
    let origin: url::Url = "https://example.org".parse().unwrap();
    let relying_party = relying_party();
    let mut authenticator =
        Authenticator::new(Aaguid::new_empty(), None::<Passkey>, Willing, AvailableBackend);
    authenticator.set_make_credentials_with_signature_counter(counts);
    let mut client = Client::new(authenticator);

    let challenge = Challenge::new(b"the challenge to register").unwrap();
    let mut options = CreationOptions::new(
        RpEntity { id: "example.org".to_owned(), name: "Example".to_owned() },
        UserEntity {
            id: UserHandle::new(b"somebody").unwrap(),
            name: "somebody@example.org".to_owned(),
            display_name: "Somebody".to_owned(),
        },
        challenge.clone(),
    );
    options.pub_key_cred_params = vec![algorithm];
    options.authenticator_selection.user_verification = UserVerification::Required;
    let asked = serde_json::from_value(json!({ "publicKey": options })).unwrap();
    let answer = now(client.register(&origin, asked, DefaultClientData)).unwrap();
    let answer = serde_json::to_vec(&answer).unwrap();
    let registration = Registration {
        relying_party: &relying_party,
        challenge: challenge.as_bytes(),
        user_verification: UserVerification::Required,
        conditional: false,
        algorithms: &[algorithm],
        attestation: AttestationPolicy::NOT_NEEDED,
    };
    let response = RegistrationResponse::from_json(&answer).unwrap();
    let registered = registration.verify(&response).unwrap();

    let challenge = Challenge::new(b"the challenge to authenticate").unwrap();
    let mut options = RequestOptions::new("example.org".to_owned(), challenge.clone());
    options.user_verification = UserVerification::Required;
    let asked = serde_json::from_value(json!({ "publicKey": options })).unwrap();
    let answer = now(client.authenticate(&origin, asked, DefaultClientData)).unwrap();
    let answer = serde_json::to_vec(&answer).unwrap();
    let authentication = Authentication {
        relying_party: &relying_party,
        challenge: challenge.as_bytes(),
        user_verification: UserVerification::Required,
        allow_credentials: &[],
        user_identified: false,
        appid: None,
    };
    let stored = StoredCredential {
        id: &registered.credential_id,
        public_key: &registered.public_key,
        sign_count: registered.sign_count,
        backup_eligible: registered.flags.backup_eligible(),
        user_handle: Some(b"somebody"),
    };
    let response = AuthenticationResponse::from_json(&answer).unwrap();
    let authenticated = authentication.verify(&response, &stored).unwrap();
    assert!(authenticated.flags.user_verified());

    let other = Authentication { challenge: b"another challenge, never asked", ..authentication };
    let refused = other.verify(&response, &stored).unwrap_err();
    assert_eq!(refused.step, Step::Challenge);
    (registered, authenticated.counter)
}

#[test]
fn a_credential_of_passkey_rs_is_registered_and_authenticates() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let (registered, counter) = ceremonies(algorithm, false);
        assert_eq!(registered.algorithm, algorithm);
        assert!(registered.flags.user_verified() && registered.flags.backup_eligible());
        assert_eq!(registered.attestation.kind, AttestationType::None);
        assert_eq!(counter, Counter::BothZero);
    }
}

#[test]
fn a_credential_of_passkey_rs_that_counts_is_seen_to_count() {
    let (_, counter) = ceremonies(Algorithm::Es256, true);
    assert_eq!(counter, Counter::Rose);
}
