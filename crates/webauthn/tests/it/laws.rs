//! What holds for whole answers, whichever they are: right ones are accepted, and nothing of them is
//! ignored.

use nightlatch_webauthn::{
    Aaguid, Algorithm, AuthenticationResponse, RegistrationResponse, Step, base64url,
    response::MAX_CREDENTIAL_ID,
};
use proptest::prelude::*;
use serde_json::json;

use crate::authenticator::{BE, BS, Cbor, Create, ED, Get, SigningKey, cbor::head};

#[test]
fn every_part_of_an_attestation_object_is_refused() {
    let create = Create::new(&SigningKey::generate(Algorithm::Es256));
    let mut response =
        RegistrationResponse::from_json(create.answer().to_string().as_bytes()).unwrap();
    let whole = response.attestation_object.clone();
    for length in 0..whole.len() {
        response.attestation_object = whole[..length].to_vec();
        let refused = create.verify_response(&response).unwrap_err();
        assert_eq!(refused.step, Step::AttestationObject, "{length}");
    }

    let auth_data = create.auth_data.write();
    for length in 0..auth_data.len() {
        let mut object = whole[..whole.len() - auth_data.len() - 2].to_vec();
        object.extend(head(2, length.try_into().unwrap()));
        object.extend(&auth_data[..length]);
        response.attestation_object = object;
        let refused = create.verify_response(&response).unwrap_err();
        assert_eq!(refused.step, Step::AuthenticatorData, "{length}");
    }
}

/// A caller who reads another answer than the one that was verified would notice no difference.
#[test]
fn nothing_of_the_answer_is_ignored() {
    let create = Create::new(&SigningKey::generate(Algorithm::Es256));
    let response = RegistrationResponse::from_json(create.answer().to_string().as_bytes()).unwrap();
    let whole = format!("{:?}", create.verify_response(&response).unwrap());
    for at in 0..response.attestation_object.len() {
        for bit in 0..8 {
            let mut changed = response.clone();
            changed.attestation_object[at] ^= 1 << bit;
            if let Ok(registered) = create.verify_response(&changed) {
                assert_ne!(format!("{registered:?}"), whole, "byte {at}, bit {bit}");
            }
        }
    }
}

/// Of all that is signed or signs, no bit is free.
#[test]
fn no_bit_of_an_assertion_may_change() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let key = SigningKey::generate(algorithm);
        let mut get = Get::new(&key);
        get.auth_data.flags |= ED;
        get.auth_data.tail = vec![0xa1, 0x61, b'x', 0xf5];
        let whole = get.response().unwrap();
        assert!(get.verify_response(&whole).is_ok());
        let parts: [fn(&mut AuthenticationResponse) -> &mut Vec<u8>; 4] = [
            |response| &mut response.signature,
            |response| &mut response.authenticator_data,
            |response| &mut response.client_data_json,
            |response| &mut response.raw_id,
        ];
        for part in parts {
            for at in 0..part(&mut whole.clone()).len() {
                for bit in 0..8 {
                    let mut changed = whole.clone();
                    part(&mut changed)[at] ^= 1 << bit;
                    assert!(get.verify_response(&changed).is_err(), "byte {at}, bit {bit}");
                }
            }
        }
    }
}

proptest! {
    /// Any credential that is made according to the rules is registered, and what is reported is
    /// what was made.
    #[test]
    fn a_right_answer_is_accepted(
        algorithm in prop::sample::select(&[Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa][..]),
        id in prop::collection::vec(any::<u8>(), 1..=MAX_CREDENTIAL_ID),
        challenge in prop::collection::vec(any::<u8>(), 1..100),
        aaguid: [u8; 16],
        counter: u32,
        backup in prop::sample::select(&[0, BE, BE | BS][..]),
        extra in "x[a-zA-Z]{0,20}",
    ) {
        let key = SigningKey::generate(algorithm);
        let mut create = Create::new(&key);
        create.client_data.set("challenge", json!(base64url::encode(&challenge)));
        create.client_data.add(&extra, json!({"a": [extra]}));
        create.challenge = challenge;
        create.auth_data.counter = counter;
        create.auth_data.flags |= backup;
        create.auth_data.attested = Some((aaguid, id.clone(), Cbor::Map(key.cose())));
        create.raw_id.clone_from(&id);
        let registered = create.verify().unwrap();
        prop_assert_eq!(registered.credential_id, id);
        prop_assert_eq!(registered.public_key, Cbor::Map(key.cose()).write());
        prop_assert_eq!(registered.sign_count, counter);
        prop_assert_eq!(registered.aaguid, Aaguid(aaguid));
        prop_assert_eq!(registered.flags.backup_eligible(), backup & BE != 0);
    }

    /// Any assertion that is made according to the rules is accepted, and no byte of what it signs
    /// can be another.
    #[test]
    fn a_right_answer_is_accepted_and_a_changed_one_refused(
        algorithm in prop::sample::select(&[Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa][..]),
        challenge in prop::collection::vec(any::<u8>(), 1..100),
        counters: (u32, u32),
        backup in prop::sample::select(&[0, BE, BE | BS][..]),
        extra in "x[a-zA-Z]{0,20}",
        at: prop::sample::Index,
        change in 1..=u8::MAX,
    ) {
        let key = SigningKey::generate(algorithm);
        let mut get = Get::new(&key);
        get.client_data.set("challenge", json!(base64url::encode(&challenge)));
        get.client_data.add(&extra, json!([extra]));
        get.challenge = challenge;
        (get.stored_count, get.auth_data.counter) = counters;
        get.auth_data.flags |= backup;
        get.stored_backup_eligible = backup & BE != 0;
        let mut response = get.response().unwrap();
        let authenticated = get.verify_response(&response).unwrap();
        prop_assert_eq!(authenticated.sign_count, counters.1);
        prop_assert_eq!(authenticated.flags.backup_state(), backup & BS != 0);

        let authenticator_data = response.authenticator_data.len();
        let at = at.index(authenticator_data + response.client_data_json.len());
        match at.checked_sub(authenticator_data) {
            None => response.authenticator_data[at] ^= change,
            Some(at) => response.client_data_json[at] ^= change,
        }
        prop_assert!(get.verify_response(&response).is_err());
    }
}
