//! People's passkeys and security keys, made and used as a browser would.

use std::{sync::Arc, time::Duration};

use data_encoding::BASE64URL_NOPAD;
use nightlatch_core::{
    MethodId, Timestamp,
    factors::webauthn::{
        Asserted, AuthenticationResponse, Credential, CredentialKind, Refused,
        RegistrationResponse, RelyingParty, Verifier,
    },
    methods::Allowed,
    proof::Proofs,
    token::{Ceremony, SignInStep},
};
use nightlatch_store::units::{
    enrol::{Enrol, Enroller},
    second_factor::{Aim, Attempted},
    session::Session,
    webauthn::{Burn, Credentials, Passkey, Present, Presented, SignedIn},
};
use serde_json::{Value, json};

use super::{
    fixture::{LATER, World},
    person::Person,
};
use crate::{
    device::{self, Device},
    harness::NOW,
};

const ORIGIN: &str = "https://id.example.org";

/// A provider that syncs and counts nothing: what is once with it is once by the ceremony.
pub(super) fn synced() -> Device {
    Device::synced(ORIGIN)
}

/// A device whose keys stay in it, and are counted.
pub(super) fn platform() -> Device {
    Device::platform(ORIGIN)
}

/// A provider that syncs and counts all the same.
pub(super) fn counting() -> Device {
    Device { counts: 1, ..synced() }
}

/// A key that shows presence alone.
pub(super) fn touched() -> Device {
    Device::touched(ORIGIN)
}

fn party() -> RelyingParty {
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

/// What a browser is asked in `ceremony`, as far as it decides the answer.
pub(super) fn options(ceremony: &Ceremony, person: &Person) -> Value {
    json!({
        "challenge": BASE64URL_NOPAD.encode(&ceremony.challenge),
        "rpId": "id.example.org",
        "rp": { "id": "id.example.org" },
        "user": { "id": BASE64URL_NOPAD.encode(person.account.id.as_bytes()) },
    })
}

pub(super) fn burn(ceremony: &Ceremony) -> Burn {
    Burn { id: ceremony.id, expires_at: ceremony.expires_at }
}

/// Somebody's credential, in its device.
pub(super) struct Key {
    pub(super) device: Device,
    pub(super) held: device::Credential,
    pub(super) method: MethodId,
}

impl Key {
    /// Answers `ceremony` as if it had signed `counter` times.
    pub(super) fn answer_at(
        &mut self,
        ceremony: &Ceremony,
        person: &Person,
        counter: u32,
    ) -> Value {
        self.held.counter = counter - self.device.counts;
        self.answer(ceremony, person)
    }

    pub(super) fn answer(&mut self, ceremony: &Ceremony, person: &Person) -> Value {
        self.device.get(&mut self.held, &options(ceremony, person))
    }
}

/// What the server makes of an answer to `ceremony`, by the credential as it was `stored`.
pub(super) fn verify_answer(
    stored: &Credential,
    ceremony: &Ceremony,
    answer: &Value,
    now: Timestamp,
) -> Result<Asserted, Refused> {
    let answer = AuthenticationResponse::from_json(answer.to_string().as_bytes()).unwrap();
    verifier(&party()).assert(ceremony, &answer, stored, true, now)
}

impl World {
    pub(super) fn ceremony(&self, now: Timestamp) -> Ceremony {
        let expires_at = now.plus(Duration::from_mins(5));
        Ceremony { id: self.id(), challenge: self.random(), expires_at }
    }

    /// A sign-in that may not complete without an enrolment.
    pub(super) fn enroller(&self, person: &Person, now: Timestamp) -> Enroller {
        let expires_at = now.plus(Duration::from_mins(15));
        Enroller::SignIn { id: self.id(), proofs: person.proofs(now), expires_at }
    }

    /// The enrolment of what `device` makes, for a sign-in that demanded it.
    pub(super) fn enrolling(
        &self,
        person: &Person,
        device: &Device,
        now: Timestamp,
    ) -> (Enrol, device::Credential) {
        let ceremony = self.ceremony(now);
        let (held, answer) = device.create(&options(&ceremony, person));
        (self.enrolling_answer(person, &ceremony, &answer, now), held)
    }

    /// The enrolment of what `answer` brings.
    pub(super) fn enrolling_answer(
        &self,
        person: &Person,
        ceremony: &Ceremony,
        answer: &Value,
        now: Timestamp,
    ) -> Enrol {
        let answer = RegistrationResponse::from_json(answer.to_string().as_bytes()).unwrap();
        let record = (person.id(), MethodId::new(now, self.random()), CredentialKind::Passkey);
        let enrolled = verifier(&party()).enrol(ceremony, &answer, record, now).unwrap();
        let (_, set) = self.recovery_set(person.id());
        Enrol {
            completion: self.completion(person, &self.enroller(person, now), now),
            burn: burn(ceremony),
            epoch: person.account.epoch,
            credential: enrolled.credential,
            nonce: self.random(),
            name: "Passkey".to_owned(),
            proof: enrolled.proof,
            codes: Some(set),
        }
    }

    /// Enrols what `device` makes.
    pub(super) async fn enrol_key(&self, person: &mut Person, device: Device) -> Key {
        let (unit, held) = self.enrolling(person, &device, NOW);
        let enrolled = self.write(unit).await.unwrap();
        person.account = *enrolled.account;
        Key { device, held, method: enrolled.method }
    }

    /// Somebody with a credential of `device` and ten recovery codes.
    pub(super) async fn key_owner(&self, device: Device) -> (Person, Key) {
        let mut person = self.newcomer().await;
        let key = self.enrol_key(&mut person, device).await;
        (person, key)
    }

    /// A credential as it is stored.
    pub(super) async fn stored(&self, person: &Person, key: &Key) -> Credential {
        let unit = Credentials { ring: self.ring.clone(), user: person.id() };
        let stored = self.write(unit).await.into_iter().map(|(_, credential)| credential);
        stored.into_iter().find(|credential| credential.method == key.method).unwrap()
    }

    /// What the server makes of the key's answer to `ceremony`.
    pub(super) async fn assert(
        &self,
        person: &Person,
        key: &mut Key,
        ceremony: &Ceremony,
        now: Timestamp,
    ) -> Result<Asserted, Refused> {
        let answer = key.answer(ceremony, person);
        verify_answer(&self.stored(person, key).await, ceremony, &answer, now)
    }

    pub(super) fn presenting(
        &self,
        aim: Aim,
        ceremony: &Ceremony,
        asserted: Result<Asserted, Refused>,
        now: Timestamp,
    ) -> Present {
        let presented = match asserted {
            Ok(asserted) => Presented::Right(asserted),
            Err(refused) => Presented::Wrong(refused.reason()),
        };
        let (attempt, name) = (self.attempt(aim, now), "Passkey".to_owned());
        Present { attempt, burn: burn(ceremony), presented, name }
    }

    /// A right answer for `aim` that was verified, and not presented yet.
    pub(super) async fn verified(&self, person: &Person, key: &mut Key, aim: Aim) -> Present {
        let ceremony = self.ceremony(LATER);
        let asserted = self.assert(person, key, &ceremony, LATER).await;
        assert!(asserted.is_ok(), "{asserted:?}");
        self.presenting(aim, &ceremony, asserted, LATER)
    }

    /// Presents the key for `aim`.
    pub(super) async fn use_key(&self, person: &Person, key: &mut Key, aim: Aim) -> Attempted {
        let ceremony = self.ceremony(LATER);
        let asserted = self.assert(person, key, &ceremony, LATER).await;
        self.write(self.presenting(aim, &ceremony, asserted, LATER)).await
    }

    /// A session with the password and the key.
    pub(super) async fn sign_in_by(&self, person: &Person, key: &mut Key) -> Session {
        *self.use_key(person, key, self.step(person, true)).await.unwrap().0
    }

    pub(super) fn passkey(
        &self,
        person: &Person,
        ceremony: &Ceremony,
        asserted: Asserted,
    ) -> Passkey {
        Passkey {
            ring: self.ring.clone(),
            burn: burn(ceremony),
            account: person.account.clone(),
            asserted,
            fresh: self.fresh(LATER),
            allowed: Allowed::default(),
        }
    }

    /// A whole sign-in by the key, verified, and not presented yet.
    pub(super) async fn verified_passkey(&self, person: &Person, key: &mut Key) -> Passkey {
        let ceremony = self.ceremony(LATER);
        let asserted = self.assert(person, key, &ceremony, LATER).await.unwrap();
        self.passkey(person, &ceremony, asserted)
    }

    /// Signs in by the key alone.
    pub(super) async fn sign_in_alone(&self, person: &Person, key: &mut Key) -> SignedIn {
        self.write(self.verified_passkey(person, key).await).await
    }

    /// Between a passkey that showed presence alone and the password.
    pub(super) fn step_after(
        &self,
        person: &Person,
        proofs: Proofs,
        verified: Option<MethodId>,
    ) -> Arc<SignInStep> {
        Arc::new(SignInStep {
            id: self.id(),
            user: person.id(),
            epoch: person.account.epoch,
            proofs,
            known_device: true,
            verified,
            expires_at: LATER.plus(Duration::from_mins(5)),
        })
    }

    /// A sign-in that the key began, and that waits for the password.
    pub(super) async fn key_step(&self, person: &Person, key: &mut Key) -> Arc<SignInStep> {
        let unit = self.verified_passkey(person, key).await;
        let verified = unit.asserted.verified.then_some(key.method);
        match self.write(unit).await {
            SignedIn::AskPassword(proofs) => self.step_after(person, proofs, verified),
            other => panic!("{other:?}"),
        }
    }
}
