//! The steps of a registration (WebAuthn Level 3 §7.1) beyond the client data, each with the answer
//! that it refuses and the nearest one that it accepts.

use nightlatch_webauthn::{
    Aaguid, Algorithm, AttestationType, Format, Registered, RegistrationResponse, Step,
    UserVerification, response::MAX_CREDENTIAL_ID,
};
use serde_json::{Value, json};

use crate::authenticator::{
    AT, BE, BS, CREDENTIAL_ID, Cbor, Create, ED, Get, SigningKey, UP, UV, sha256,
};

fn create(change: impl FnOnce(&mut Create)) -> Result<Registered, Step> {
    let mut create = Create::new(&SigningKey::generate(Algorithm::Es256));
    change(&mut create);
    create.verify().map_err(|refused| refused.step)
}

#[track_caller]
fn check(change: impl FnOnce(&mut Create), expected: Result<(), Step>) {
    assert_eq!(create(change).map(|_| ()), expected);
}

#[track_caller]
fn json(change: fn(&mut Value), expected: Result<(), Step>) {
    check(|create| create.json = change, expected);
}

#[test]
fn everything_that_a_record_keeps_is_reported() {
    let key = SigningKey::generate(Algorithm::Es256);
    let mut create = Create::new(&key);
    create.auth_data.flags = UP | UV | BE | BS | AT | ED;
    create.auth_data.counter = 0x0102_0304;
    create.auth_data.tail = vec![0xa1, 0x61, b'x', 0xf5];
    let registered = create.verify().unwrap();
    assert_eq!(registered.credential_id, CREDENTIAL_ID);
    assert_eq!(registered.public_key, Cbor::Map(key.cose()).write());
    assert_eq!(registered.algorithm, Algorithm::Es256);
    assert_eq!(registered.sign_count, 0x0102_0304);
    assert_eq!(registered.flags.byte(), UP | UV | BE | BS | AT | ED);
    assert!(registered.flags.user_present() && registered.flags.user_verified());
    assert!(registered.flags.backup_eligible() && registered.flags.backup_state());
    assert_eq!(registered.aaguid, Aaguid(*b"model of the key"));
    assert_eq!(registered.transports, ["hybrid", "internal"]);
    assert_eq!(registered.authenticator_attachment.as_deref(), Some("platform"));
    assert_eq!(registered.attestation.format, Format::None);
    assert_eq!(registered.attestation.kind, AttestationType::None);
    assert!(registered.attestation.trust_path.is_empty() && !registered.attestation.trusted);
    let properties = registered.client_extensions.cred_props;
    assert_eq!(properties.and_then(|properties| properties.rk), Some(true));
    assert_eq!(registered.authenticator_extensions, Some(vec![0xa1, 0x61, b'x', 0xf5]));
}

/// More on the response's form is in `responses`.
#[test]
fn the_response_is_a_public_key_credential_whose_id_is_its_raw_id() {
    json(|_| (), Ok(()));
    json(|json| json["type"] = json!("Public-Key"), Err(Step::Response));
    json(|json| json["id"] = json!("AAAA"), Err(Step::Response));
    json(|json| json["rawId"] = json!("AAAA"), Err(Step::Response));
    json(|json| json["publicKeyAlgorithm"] = json!(-7), Ok(()));
}

#[test]
fn an_assertion_is_no_registration() {
    let key = SigningKey::generate(Algorithm::Es256);
    let assertion = Get::new(&key).answer().to_string();
    let read = RegistrationResponse::from_json(assertion.as_bytes());
    assert_eq!(read.unwrap_err().step, Step::Response);

    // Nor is one whose authenticator data were put into an attestation object.
    let get = Get::new(&key);
    check(
        |create| {
            create.client_data = get.client_data.clone();
            create.auth_data = get.auth_data.clone();
        },
        Err(Step::Type),
    );
    check(|create| create.auth_data = get.auth_data.clone(), Err(Step::AuthenticatorData));
}

#[test]
fn the_attestation_object_is_strict_cbor_with_three_members() {
    let refused = Err(Step::AttestationObject);
    check(|create| create.tail = vec![0], refused);
    check(|create| create.tail = vec![0xf6], refused);
    check(|create| create.entries = vec![(Cbor::text("epAtt"), Cbor::Bool(false))], refused);
    check(|create| create.entries = vec![(Cbor::text("fmt"), Cbor::text("none"))], refused);
    check(|create| create.entries = vec![(Cbor::Int(1), Cbor::text("none"))], refused);
    check(|create| create.statement = None, refused);
    check(
        |create| {
            create.statement = None;
            create.entries = vec![(Cbor::text("attstmt"), Cbor::Map(vec![]))];
        },
        refused,
    );
    check(|create| create.format = Cbor::bytes(b"none"), refused);
    check(|create| create.format = Cbor::Null, refused);
    check(|create| create.format = Cbor::Raw([&[0x78, 4][..], b"none"].concat()), refused);
    check(|create| create.format = Cbor::Raw(b"\x7f\x64none\xff".to_vec()), refused);
    check(|create| create.statement = Some(Cbor::Raw(vec![0xbf, 0xff])), refused);
    check(|create| create.statement = Some(Cbor::Raw(vec![0xc1, 0xa0])), refused);
    check(
        |create| create.statement = Some(Cbor::Raw([vec![0x81; 100], vec![0]].concat())),
        refused,
    );
    json(|json| json["response"]["attestationObject"] = json!(""), refused);
    json(|json| json["response"]["attestationObject"] = json!("gA"), refused);
    json(|json| json["response"]["attestationObject"] = json!("oA"), refused);
}

#[test]
fn the_order_of_the_attestation_object_is_free() {
    let key = SigningKey::generate(Algorithm::Es256);
    let create = Create::new(&key);
    let mut response =
        RegistrationResponse::from_json(create.answer().to_string().as_bytes()).unwrap();
    let object = |auth_data: Cbor| {
        Cbor::Map(vec![
            (Cbor::text("authData"), auth_data),
            (Cbor::text("attStmt"), Cbor::Map(vec![])),
            (Cbor::text("fmt"), Cbor::text("none")),
        ])
        .write()
    };
    response.attestation_object = object(Cbor::Bytes(create.auth_data.write()));
    assert!(create.verify_response(&response).is_ok());
    response.attestation_object = object(Cbor::Text("authData".to_owned()));
    assert_eq!(create.verify_response(&response).unwrap_err().step, Step::AttestationObject);
}

#[test]
fn authenticator_data_are_read_to_the_last_byte() {
    let refused = Err(Step::AuthenticatorData);
    check(|create| create.auth_data.tail = vec![0], refused);
    check(|create| create.auth_data.tail = vec![0xa0], refused);
    check(|create| create.auth_data.attested = None, refused);
    check(|create| create.auth_data.flags = UP | UV, refused);
    check(
        |create| {
            create.auth_data.attested = None;
            create.auth_data.flags = UP | UV;
        },
        refused,
    );
    for (tail, expected) in [
        (vec![0xa0], Ok(())),
        (vec![0xa1, 0x61, b'x', 0xf5], Ok(())),
        (vec![], refused),
        (vec![0x80], refused),
        (vec![0xf6], refused),
        (vec![0xa0, 0], refused),
        (vec![0xa0, 0xa0], refused),
        (vec![0xbf, 0xff], refused),
    ] {
        check(
            |create| {
                create.auth_data.flags = UP | UV | AT | ED;
                create.auth_data.tail = tail;
            },
            expected,
        );
    }
}

#[test]
fn the_credential_is_for_this_rp_id() {
    let refused = Err(Step::RpIdHash);
    for other in
        ["", "evil.example", "login.example.org", "org", "EXAMPLE.ORG", "https://example.org"]
    {
        check(|create| create.auth_data.rp_id_hash = sha256(other.as_bytes()), refused);
        check(|create| create.relying_party.id = other.to_owned(), refused);
        check(
            |create| {
                create.relying_party.id = other.to_owned();
                create.auth_data.rp_id_hash = sha256(other.as_bytes());
            },
            Ok(()),
        );
    }
    for byte in 0..32 {
        check(|create| create.auth_data.rp_id_hash[byte] ^= 0x80, refused);
    }
}

#[test]
fn somebody_was_present_unless_the_registration_was_conditional() {
    for (flags, conditional, expected) in [
        (UP | UV, false, Ok(())),
        (UV, false, Err(Step::UserPresence)),
        (UV, true, Ok(())),
        (UP | UV, true, Ok(())),
        (0, true, Err(Step::UserVerification)),
    ] {
        check(
            |create| {
                create.auth_data.flags = flags | AT;
                create.conditional = conditional;
            },
            expected,
        );
    }
}

#[test]
fn the_person_was_verified_where_that_is_required() {
    for (user_verification, expected) in [
        (UserVerification::Required, Err(Step::UserVerification)),
        (UserVerification::Preferred, Ok(())),
        (UserVerification::Discouraged, Ok(())),
    ] {
        for (flags, expected) in [(UP, expected), (UP | UV, Ok(()))] {
            let registered = create(|create| {
                create.auth_data.flags = flags | AT;
                create.user_verification = user_verification;
            });
            let verified = registered.map(|registered| registered.flags.user_verified());
            assert_eq!(verified, expected.map(|()| flags & UV != 0));
        }
    }
}

#[test]
fn what_is_backed_up_is_eligible_for_it() {
    for (flags, expected) in
        [(0, Ok(())), (BE, Ok(())), (BE | BS, Ok(())), (BS, Err(Step::BackupState))]
    {
        check(|create| create.auth_data.flags = UP | UV | AT | flags, expected);
    }
}

/// Bits that Level 3 does not name may mean something one day.
#[test]
fn reserved_flags_are_ignored() {
    check(|create| create.auth_data.flags |= 0x02 | 0x20, Ok(()));
}

#[test]
fn the_algorithm_was_offered() {
    for algorithm in Algorithm::ALL {
        let mut create = Create::new(&SigningKey::generate(algorithm));
        create.algorithms = vec![algorithm];
        assert_eq!(create.verify().unwrap().algorithm, algorithm);
        create.algorithms =
            Algorithm::ALL.into_iter().filter(|other| *other != algorithm).collect();
        assert_eq!(create.verify().unwrap_err().step, Step::Algorithm);
        create.algorithms.clear();
        assert_eq!(create.verify().unwrap_err().step, Step::Algorithm);
    }
}

/// What keys are refused is in `keys`; here, that a registration asks.
#[test]
fn the_public_key_is_well_formed() {
    let refused = Err(Step::PublicKey);
    let key = |change: fn(&mut Vec<(Cbor, Cbor)>)| {
        move |create: &mut Create| {
            let (_, _, Cbor::Map(entries)) = create.auth_data.attested.as_mut().unwrap() else {
                return;
            };
            change(entries);
        }
    };
    check(key(|entries| entries[4].1 = Cbor::Bytes(vec![1; 32])), refused);
    check(key(|entries| entries.truncate(4)), refused);
    check(key(|entries| entries.reverse()), Ok(()));
    let attested =
        |key: Cbor| move |create: &mut Create| create.auth_data.attested.as_mut().unwrap().2 = key;
    check(attested(Cbor::Map(vec![])), refused);
    check(attested(Cbor::Array(vec![])), Err(Step::AuthenticatorData));
    check(attested(Cbor::Raw(vec![])), Err(Step::AuthenticatorData));
    check(attested(Cbor::Raw(vec![0xbf, 0xff])), Err(Step::AuthenticatorData));
}

#[test]
fn the_format_is_known_to_the_letter() {
    for format in ["None", "NONE", "none ", " none", "", "PACKED", "Packed", "android-safetynet"] {
        check(|create| create.format = Cbor::text(format), Err(Step::AttestationFormat));
    }
}

#[test]
fn a_none_statement_is_empty() {
    check(|create| create.statement = Some(Cbor::Map(vec![])), Ok(()));
    for statement in [
        Cbor::Map(vec![(Cbor::text("sig"), Cbor::bytes(&[0]))]),
        Cbor::Array(vec![]),
        Cbor::Null,
        Cbor::bytes(&[]),
    ] {
        check(|create| create.statement = Some(statement), Err(Step::AttestationStatement));
    }
}

#[test]
fn no_attestation_is_refused_where_a_trusted_one_is_required() {
    check(|create| create.attestation.require_trusted = true, Err(Step::AttestationTrust));
    check(|create| create.attestation.require_trusted = false, Ok(()));
}

#[test]
fn the_credential_id_is_the_attested_one_and_not_too_long() {
    let with_id = |attested: Vec<u8>, raw: Vec<u8>, expected| {
        check(
            |create| {
                create.auth_data.attested.as_mut().unwrap().1 = attested;
                create.raw_id = raw;
            },
            expected,
        );
    };
    let refused = Err(Step::CredentialId);
    with_id(vec![1; MAX_CREDENTIAL_ID], vec![1; MAX_CREDENTIAL_ID], Ok(()));
    with_id(vec![1; MAX_CREDENTIAL_ID + 1], vec![1; MAX_CREDENTIAL_ID + 1], refused);
    assert_eq!(MAX_CREDENTIAL_ID, 1023);
    with_id(vec![1], vec![1], Ok(()));
    with_id(vec![1], vec![2], refused);
    with_id(vec![1, 2], vec![1], refused);
    with_id(vec![1], vec![1, 2], refused);
    with_id(vec![], vec![1], refused);
    with_id(vec![], vec![], Err(Step::Response));
}

#[test]
fn a_credential_id_that_claims_to_be_longer_than_it_is_is_refused() {
    let create = Create::new(&SigningKey::generate(Algorithm::Es256));
    let mut bytes = create.auth_data.write();
    bytes[53] = 0xff;
    let mut response =
        RegistrationResponse::from_json(create.answer().to_string().as_bytes()).unwrap();
    let map = |bytes: Vec<u8>| {
        let entries = vec![
            (Cbor::text("fmt"), Cbor::text("none")),
            (Cbor::text("attStmt"), Cbor::Map(vec![])),
            (Cbor::text("authData"), Cbor::Bytes(bytes)),
        ];
        Cbor::Map(entries).write()
    };
    response.attestation_object = map(bytes);
    let refused = create.verify_response(&response).unwrap_err();
    assert_eq!(refused.step, Step::AuthenticatorData);
    response.attestation_object = map(create.auth_data.write());
    assert!(create.verify_response(&response).is_ok());
}
