//! What is asked of a browser, to the letter.

use std::collections::BTreeMap;

use nightlatch_webauthn::{
    Algorithm, Format, UserVerification,
    base64url::Bytes,
    options::{
        AttestationConveyance, AuthenticatorAttachment, AuthenticatorSelection, Challenge,
        CreationExtensions, CreationOptions, CreationPrf, CredentialDescriptor, Hint,
        RequestExtensions, RequestOptions, RequestPrf, ResidentKey, RpEntity, UserEntity,
        UserHandle,
    },
    response::PrfValues,
};
use serde::Serialize;

/// `value` in JSON, against what the specification's IDL has it look like; line breaks and the white
/// space around them do not count.
#[track_caller]
fn check(value: &impl Serialize, expected: &str) {
    let expected: String = expected.lines().map(str::trim).collect();
    assert_eq!(serde_json::to_string(value).unwrap(), expected);
}

fn challenge() -> Challenge {
    Challenge::new(&[0xfb; 16]).unwrap()
}

fn creation() -> CreationOptions {
    let rp = RpEntity { id: "example.org".into(), name: "Example".into() };
    let user = UserEntity {
        id: UserHandle::new(&[1, 2, 255]).unwrap(),
        name: "ada@example.org".into(),
        display_name: "Ada \"Countess\" L.".into(),
    };
    CreationOptions::new(rp, user, challenge())
}

fn descriptor(id: &[u8], transports: &[&str]) -> CredentialDescriptor {
    let transports = transports.iter().map(ToString::to_string).collect();
    CredentialDescriptor { id: id.into(), transports }
}

fn prf(first: &[u8], second: Option<&[u8]>) -> PrfValues {
    PrfValues { first: first.into(), second: second.map(Bytes::from) }
}

#[test]
fn creation_options_leave_out_what_is_the_default() {
    check(
        &creation(),
        r#"{
            "rp":{"id":"example.org","name":"Example"},
            "user":{"id":"AQL_","name":"ada@example.org","displayName":"Ada \"Countess\" L."},
            "challenge":"-_v7-_v7-_v7-_v7-_v7-w",
            "pubKeyCredParams":[
                {"type":"public-key","alg":-8},
                {"type":"public-key","alg":-7},
                {"type":"public-key","alg":-35},
                {"type":"public-key","alg":-36},
                {"type":"public-key","alg":-37},
                {"type":"public-key","alg":-257}
            ],
            "authenticatorSelection":{
                "residentKey":"discouraged",
                "requireResidentKey":false,
                "userVerification":"preferred"
            }
        }"#,
    );
}

#[test]
fn creation_options_say_all_that_is_asked_for() {
    let options = CreationOptions {
        pub_key_cred_params: vec![Algorithm::Es256, Algorithm::Rs256],
        timeout_ms: Some(300_000),
        exclude_credentials: vec![
            descriptor(&[0xff, 0xfe], &["hybrid", "internal", "carrier-pigeon"]),
            descriptor(&[7], &[]),
        ],
        authenticator_selection: AuthenticatorSelection {
            authenticator_attachment: Some(AuthenticatorAttachment::CrossPlatform),
            resident_key: ResidentKey::Required,
            user_verification: UserVerification::Required,
        },
        hints: vec![Hint::SecurityKey, Hint::Hybrid, Hint::ClientDevice],
        attestation: AttestationConveyance::Enterprise,
        attestation_formats: vec![Format::Packed, Format::FidoU2f],
        extensions: CreationExtensions {
            appid_exclude: Some("https://example.org/app-id.json".into()),
            cred_props: true,
            prf: Some(CreationPrf { eval: Some(prf(b"one", Some(b"two"))) }),
        },
        ..creation()
    };
    check(
        &options,
        r#"{
            "rp":{"id":"example.org","name":"Example"},
            "user":{"id":"AQL_","name":"ada@example.org","displayName":"Ada \"Countess\" L."},
            "challenge":"-_v7-_v7-_v7-_v7-_v7-w",
            "pubKeyCredParams":[{"type":"public-key","alg":-7},{"type":"public-key","alg":-257}],
            "timeout":300000,
            "excludeCredentials":[
                {"type":"public-key","id":"__4","transports":["hybrid","internal","carrier-pigeon"]},
                {"type":"public-key","id":"Bw"}
            ],
            "authenticatorSelection":{
                "authenticatorAttachment":"cross-platform",
                "residentKey":"required",
                "requireResidentKey":true,
                "userVerification":"required"
            },
            "hints":["security-key","hybrid","client-device"],
            "attestation":"enterprise",
            "attestationFormats":["packed","fido-u2f"],
            "extensions":{
                "appidExclude":"https://example.org/app-id.json",
                "credProps":true,
                "prf":{"eval":{"first":"b25l","second":"dHdv"}}
            }
        }"#,
    );
}

#[test]
fn request_options_leave_out_what_is_the_default() {
    check(
        &RequestOptions::new("example.org".into(), challenge()),
        r#"{"challenge":"-_v7-_v7-_v7-_v7-_v7-w","rpId":"example.org","userVerification":"preferred"}"#,
    );
}

#[test]
fn request_options_say_all_that_is_asked_for() {
    let by_credential = BTreeMap::from([(Bytes(vec![0xff, 0xfe]), prf(b"three", None))]);
    let options = RequestOptions {
        timeout_ms: Some(60_000),
        allow_credentials: vec![descriptor(&[0xff, 0xfe], &["usb"])],
        user_verification: UserVerification::Discouraged,
        hints: vec![Hint::ClientDevice],
        extensions: RequestExtensions {
            appid: Some("https://example.org/app-id.json".into()),
            prf: Some(RequestPrf {
                eval: Some(prf(b"one", None)),
                eval_by_credential: by_credential,
            }),
        },
        ..RequestOptions::new("example.org".into(), challenge())
    };
    check(
        &options,
        r#"{
            "challenge":"-_v7-_v7-_v7-_v7-_v7-w",
            "timeout":60000,
            "rpId":"example.org",
            "allowCredentials":[{"type":"public-key","id":"__4","transports":["usb"]}],
            "userVerification":"discouraged",
            "hints":["client-device"],
            "extensions":{
                "appid":"https://example.org/app-id.json",
                "prf":{"eval":{"first":"b25l"},"evalByCredential":{"__4":{"first":"dGhyZWU"}}}
            }
        }"#,
    );
}

#[test]
fn a_pseudo_random_function_can_be_asked_for_without_an_input() {
    let extensions =
        CreationExtensions { prf: Some(CreationPrf::default()), ..CreationExtensions::default() };
    check(&extensions, r#"{"prf":{}}"#);
}

#[test]
fn every_value_has_the_name_that_the_specification_gives_it() {
    use AttestationConveyance as Conveyance;
    use AuthenticatorAttachment as Attachment;
    check(&[Attachment::Platform, Attachment::CrossPlatform], r#"["platform","cross-platform"]"#);
    check(
        &[ResidentKey::Discouraged, ResidentKey::Preferred, ResidentKey::Required],
        r#"["discouraged","preferred","required"]"#,
    );
    check(
        &[Conveyance::None, Conveyance::Indirect, Conveyance::Direct, Conveyance::Enterprise],
        r#"["none","indirect","direct","enterprise"]"#,
    );
    check(
        &[UserVerification::Required, UserVerification::Preferred, UserVerification::Discouraged],
        r#"["required","preferred","discouraged"]"#,
    );
    let options = CreationOptions { attestation_formats: Format::ALL.to_vec(), ..creation() };
    let formats = serde_json::to_value(&options).unwrap()["attestationFormats"].take();
    check(&formats, r#"["none","packed","fido-u2f","tpm","android-key","apple","compound"]"#);
}

#[test]
fn only_a_required_resident_key_is_required_of_old_clients() {
    for (resident_key, required) in [
        (ResidentKey::Discouraged, false),
        (ResidentKey::Preferred, false),
        (ResidentKey::Required, true),
    ] {
        let selection =
            AuthenticatorSelection { resident_key, ..AuthenticatorSelection::default() };
        let json = serde_json::to_value(selection).unwrap();
        assert_eq!(json["requireResidentKey"], required, "{resident_key:?}");
    }
}

#[test]
fn a_challenge_has_at_least_16_bytes() {
    assert!(Challenge::new(&[]).is_err());
    assert!(Challenge::new(&[9; 15]).is_err());
    assert_eq!(Challenge::new(&[9; 16]).unwrap().as_bytes(), [9; 16]);
    assert!(Challenge::new(&[9; 64]).is_ok());
}

#[test]
fn a_user_handle_has_1_to_64_bytes() {
    assert!(UserHandle::new(&[]).is_err());
    assert_eq!(UserHandle::new(&[9]).unwrap().as_bytes(), [9]);
    assert!(UserHandle::new(&[9; 64]).is_ok());
    assert!(UserHandle::new(&[9; 65]).is_err());
}
