//! The steps of an authentication (WebAuthn Level 3 §7.2) beyond the client data, each with the
//! answer that it refuses and the nearest one that it accepts.

use nightlatch_webauthn::{Algorithm, AuthenticationResponse, Counter, Step, UserVerification};
use serde_json::{Value, json};

use crate::authenticator::{
    AT, BE, BS, CREDENTIAL_ID, Cbor, Create, ED, Get, SigningKey, UP, USER_HANDLE, UV, sha256,
};

#[track_caller]
fn check(change: impl FnOnce(&mut Get<'_>), expected: Result<(), Step>) {
    let key = SigningKey::generate(Algorithm::Es256);
    let mut get = Get::new(&key);
    change(&mut get);
    assert_eq!(get.verify().map(|_| ()).map_err(|refused| refused.step), expected);
}

#[track_caller]
fn json(change: fn(&mut Value), expected: Result<(), Step>) {
    check(|get| get.json = change, expected);
}

#[test]
fn everything_that_updates_a_record_is_reported() {
    let key = SigningKey::generate(Algorithm::Es256);
    let mut get = Get::new(&key);
    get.auth_data.flags = UP | BE | BS | ED;
    get.auth_data.tail = vec![0xa1, 0x61, b'x', 0xf5];
    get.auth_data.counter = 0x0102_0304;
    get.stored_backup_eligible = true;
    get.user_verification = UserVerification::Discouraged;
    get.json = |json| json["clientExtensionResults"]["prf"] = json!({"enabled": true});
    let authenticated = get.verify().unwrap();
    assert_eq!(authenticated.flags.byte(), UP | BE | BS | ED);
    assert!(!authenticated.flags.user_verified());
    assert_eq!(authenticated.sign_count, 0x0102_0304);
    assert_eq!(authenticated.counter, Counter::Rose);
    assert!(!authenticated.appid_used);
    assert_eq!(authenticated.authenticator_attachment.as_deref(), Some("cross-platform"));
    assert_eq!(authenticated.client_extensions.prf.and_then(|prf| prf.enabled), Some(true));
    assert_eq!(authenticated.authenticator_extensions, Some(vec![0xa1, 0x61, b'x', 0xf5]));
}

/// More on the response's form is in `responses`.
#[test]
fn the_response_is_a_public_key_credential_whose_id_is_its_raw_id() {
    json(|_| (), Ok(()));
    json(|json| json["type"] = json!("password"), Err(Step::Response));
    json(|json| json["id"] = json!("AAAA"), Err(Step::Response));
    json(|json| json["rawId"] = json!("AAAA"), Err(Step::Response));
    json(|json| json["response"]["new"] = json!({}), Ok(()));
}

#[test]
fn a_registration_is_no_assertion() {
    let key = SigningKey::generate(Algorithm::Es256);
    let create = Create::new(&key);
    let read = AuthenticationResponse::from_json(create.answer().to_string().as_bytes());
    assert_eq!(read.unwrap_err().step, Step::Response);

    // Nor is one that a self attestation signed, which is the same bytes with the same key.
    let mut get = Get::new(&key);
    get.client_data = create.client_data.clone();
    get.auth_data = create.auth_data.clone();
    assert_eq!(get.verify().unwrap_err().step, Step::Type);
    get.client_data = Get::new(&key).client_data;
    assert_eq!(get.verify().unwrap_err().step, Step::AuthenticatorData);
    get.auth_data.attested = None;
    get.auth_data.flags &= !AT;
    assert!(get.verify().is_ok());
}

#[test]
fn the_credential_is_one_that_was_asked_for() {
    let allowed = |ids: &[&[u8]], expected| {
        let ids = ids.iter().map(|id| id.to_vec()).collect();
        check(|get| get.allow_credentials = ids, expected);
    };
    let refused = Err(Step::AllowCredentials);
    allowed(&[], Ok(()));
    allowed(&[&CREDENTIAL_ID], Ok(()));
    allowed(&[b"another", &CREDENTIAL_ID], Ok(()));
    allowed(&[b"another"], refused);
    allowed(&[&CREDENTIAL_ID[..15]], refused);
    allowed(&[b""], refused);
}

#[test]
fn the_record_is_of_the_credential_that_answered() {
    let refused = Err(Step::CredentialRecord);
    check(|get| get.stored_id = b"another".to_vec(), refused);
    check(|get| get.stored_id = CREDENTIAL_ID[..15].to_vec(), refused);
    check(
        |get| {
            get.allow_credentials.clear();
            get.raw_id = b"another".to_vec();
        },
        refused,
    );
    check(
        |get| {
            get.allow_credentials.clear();
            get.raw_id = b"another".to_vec();
            get.stored_id = b"another".to_vec();
        },
        Ok(()),
    );
    for broken in [&[][..], &[0xa0], &[0xf6], b"no COSE key"] {
        check(|get| get.stored_key = broken.to_vec(), refused);
    }
}

#[test]
fn the_user_handle_is_that_of_the_account() {
    const OTHER: &[u8] = b"somebody else";
    let refused = Err(Step::UserHandle);
    for (given, stored, identified, expected) in [
        (Some(&USER_HANDLE[..]), Some(&USER_HANDLE[..]), true, Ok(())),
        (Some(&USER_HANDLE), Some(&USER_HANDLE), false, Ok(())),
        (Some(&USER_HANDLE), Some(OTHER), true, refused),
        (Some(&USER_HANDLE), Some(OTHER), false, refused),
        (Some(&USER_HANDLE[..7]), Some(&USER_HANDLE), true, refused),
        (Some(&[]), Some(&USER_HANDLE), true, refused),
        (None, Some(&USER_HANDLE), true, Ok(())),
        (None, Some(&USER_HANDLE), false, refused),
        (Some(&USER_HANDLE), None, true, Ok(())),
        (Some(&USER_HANDLE), None, false, refused),
        (None, None, true, Ok(())),
        (None, None, false, refused),
    ] {
        check(
            |get| {
                get.user_handle = given.map(<[u8]>::to_vec);
                get.stored_user_handle = stored.map(<[u8]>::to_vec);
                get.user_identified = identified;
            },
            expected,
        );
    }
    json(|json| drop(json["response"].as_object_mut().unwrap().remove("userHandle")), Ok(()));
}

#[test]
fn authenticator_data_are_read_to_the_last_byte() {
    let refused = Err(Step::AuthenticatorData);
    check(|get| get.auth_data.tail = vec![0], refused);
    check(|get| get.auth_data.tail = vec![0xa0], refused);
    for (tail, expected) in [
        (vec![0xa0], Ok(())),
        (vec![0xa1, 0x61, b'x', 0xf5], Ok(())),
        (vec![], refused),
        (vec![0x80], refused),
        (vec![0xa0, 0], refused),
        (vec![0xa2, 0x61, b'x', 0xf5, 0x61, b'x', 0xf5], refused),
    ] {
        check(
            |get| {
                get.auth_data.flags |= ED;
                get.auth_data.tail = tail;
            },
            expected,
        );
    }
    let key = SigningKey::generate(Algorithm::Es256);
    let get = Get::new(&key);
    let whole = get.response().unwrap();
    assert!(get.verify_response(&whole).is_ok());
    for length in 0..whole.authenticator_data.len() {
        let mut part = whole.clone();
        part.authenticator_data.truncate(length);
        assert_eq!(get.verify_response(&part).unwrap_err().step, Step::AuthenticatorData);
    }
}

#[test]
fn the_credential_is_for_this_rp_id() {
    for other in ["", "evil.example", "login.example.org", "org", "https://example.org"] {
        check(|get| get.auth_data.rp_id_hash = sha256(other.as_bytes()), Err(Step::RpIdHash));
        check(|get| get.relying_party.id = other.to_owned(), Err(Step::RpIdHash));
    }
    for byte in 0..32 {
        check(|get| get.auth_data.rp_id_hash[byte] ^= 1, Err(Step::RpIdHash));
    }
}

#[test]
fn the_appid_counts_if_it_was_asked_for_and_used() {
    const APPID: &str = "https://example.org/appid.json";
    let used: fn(&mut Value) = |json| json["clientExtensionResults"]["appid"] = json!(true);
    let unused: fn(&mut Value) = |json| json["clientExtensionResults"]["appid"] = json!(false);
    let silent: fn(&mut Value) = |_| ();
    let refused = Err(Step::RpIdHash);
    for (asked, claimed, hashed, expected) in [
        (Some(APPID), used, APPID, Ok(true)),
        (Some(APPID), unused, APPID, refused),
        (Some(APPID), silent, APPID, refused),
        (None, used, APPID, refused),
        (None, used, "example.org", Ok(false)),
        (None, silent, "example.org", Ok(false)),
        (Some(APPID), silent, "example.org", Ok(false)),
        (Some(APPID), unused, "example.org", Ok(false)),
        (Some(APPID), used, "example.org", refused),
        (Some(APPID), used, "https://evil.example", refused),
    ] {
        let key = SigningKey::generate(Algorithm::Es256);
        let mut get = Get::new(&key);
        get.appid = asked;
        get.json = claimed;
        get.auth_data.rp_id_hash = sha256(hashed.as_bytes());
        let verified = get.verify().map(|authenticated| authenticated.appid_used);
        assert_eq!(verified.map_err(|refused| refused.step), expected);
    }
    json(|json| json["clientExtensionResults"]["appid"] = json!("true"), Err(Step::Response));
}

#[test]
fn somebody_was_present() {
    check(|get| get.auth_data.flags = UV, Err(Step::UserPresence));
    check(|get| get.auth_data.flags = UP | UV, Ok(()));
}

#[test]
fn the_person_was_verified_where_that_is_required() {
    for (user_verification, expected) in [
        (UserVerification::Required, Err(Step::UserVerification)),
        (UserVerification::Preferred, Ok(())),
        (UserVerification::Discouraged, Ok(())),
    ] {
        for (flags, expected) in [(UP, expected), (UP | UV, Ok(()))] {
            check(
                |get| {
                    get.auth_data.flags = flags;
                    get.user_verification = user_verification;
                },
                expected,
            );
        }
    }
}

#[test]
fn what_is_backed_up_is_eligible_and_eligibility_never_changes() {
    for (flags, eligible, expected) in [
        (0, false, Ok(())),
        (0, true, Err(Step::BackupEligibility)),
        (BE, true, Ok(())),
        (BE, false, Err(Step::BackupEligibility)),
        (BE | BS, true, Ok(())),
        (BE | BS, false, Err(Step::BackupEligibility)),
        (BS, false, Err(Step::BackupState)),
        (BS, true, Err(Step::BackupState)),
    ] {
        check(
            |get| {
                get.auth_data.flags = UP | UV | flags;
                get.stored_backup_eligible = eligible;
            },
            expected,
        );
    }
}

#[test]
fn reserved_flags_are_ignored() {
    check(|get| get.auth_data.flags |= 0x02 | 0x20, Ok(()));
}

/// The hash is that of the bytes that were sent, not of what they mean.
#[test]
fn client_data_that_were_written_anew_are_not_what_was_signed() {
    check(
        |get| {
            let written = get.client_data.write();
            let read: Value = serde_json::from_slice(&written).unwrap();
            get.signed_client_data = Some(written.clone());
            get.client_data.raw = Some(serde_json::to_vec_pretty(&read).unwrap());
            assert_ne!(get.client_data.raw, Some(written));
        },
        Err(Step::Signature),
    );
    check(
        |get| {
            let written = get.client_data.write();
            get.client_data.raw = Some(["\u{feff}".as_bytes(), &written].concat());
            get.signed_client_data = Some(written);
        },
        Err(Step::Signature),
    );
}

#[test]
fn the_signature_is_that_of_the_key_on_record() {
    for algorithm in Algorithm::ALL {
        let (key, other) = (SigningKey::generate(algorithm), SigningKey::generate(algorithm));
        let mut get = Get::new(&key);
        assert!(get.verify().is_ok(), "{algorithm:?}");
        get.stored_key = Cbor::Map(other.cose()).write();
        assert_eq!(get.verify().unwrap_err().step, Step::Signature, "{algorithm:?}");
    }
}

#[test]
fn a_signature_that_was_cut_or_extended_is_refused() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
        let key = SigningKey::generate(algorithm);
        let spoils: [fn(&mut Vec<u8>); 7] = [
            Vec::clear,
            |signature| signature.truncate(signature.len().saturating_sub(1)),
            |signature| signature.push(0),
            |signature| signature.insert(0, 0),
            |signature| signature.rotate_left(1),
            |signature| signature.fill(0),
            |signature| signature.fill(0xff),
        ];
        for spoil in spoils {
            let mut get = Get::new(&key);
            get.signature = spoil;
            assert_eq!(get.verify().unwrap_err().step, Step::Signature, "{algorithm:?}");
        }
    }
}

#[test]
fn the_counter_is_a_signal_for_the_caller() {
    const MAX: u32 = u32::MAX;
    for (stored, sent, expected) in [
        (0, 0, Counter::BothZero),
        (0, 1, Counter::Rose),
        (1, 0, Counter::Fell),
        (1, 1, Counter::Equal),
        (1, 2, Counter::Rose),
        (2, 1, Counter::Fell),
        (0, MAX, Counter::Rose),
        (MAX, 0, Counter::Fell),
        (MAX, MAX, Counter::Equal),
        (MAX - 1, MAX, Counter::Rose),
        (MAX, MAX - 1, Counter::Fell),
        (0x7fff_ffff, 0x8000_0000, Counter::Rose),
        (0x00ff, 0x0100, Counter::Rose),
    ] {
        assert_eq!(Counter::compare(stored, sent), expected, "{stored} {sent}");
        let key = SigningKey::generate(Algorithm::Es256);
        let mut get = Get::new(&key);
        get.stored_count = stored;
        get.auth_data.counter = sent;
        let authenticated = get.verify().unwrap();
        assert_eq!((authenticated.counter, authenticated.sign_count), (expected, sent));
    }
}

#[test]
fn counters_have_stable_names() {
    let names = [Counter::Rose, Counter::Equal, Counter::Fell, Counter::BothZero];
    assert_eq!(names.map(Counter::as_str), ["rose", "equal", "fell", "both_zero"]);
}
