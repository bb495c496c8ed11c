//! How the answer of a browser is read: what is refused, and what is let pass.

use nightlatch_webauthn::{AuthenticationResponse, RegistrationResponse, Step};
use serde_json::{Value, json};

fn registration() -> Value {
    json!({
        "id": "_-8",
        "rawId": "_-8",
        "type": "public-key",
        "response": {
            "clientDataJSON": "e30",
            "attestationObject": "oA",
            "authenticatorData": "not read: the attestation object has it",
            "transports": ["internal", "hybrid"],
            "publicKeyAlgorithm": -7,
        },
        "authenticatorAttachment": "platform",
        "clientExtensionResults": { "credProps": { "rk": true } },
    })
}

fn authentication() -> Value {
    json!({
        "id": "_-8",
        "rawId": "_-8",
        "type": "public-key",
        "response": {
            "clientDataJSON": "e30",
            "authenticatorData": "AQ",
            "signature": "Ag",
            "userHandle": "Aw",
        },
        "authenticatorAttachment": "cross-platform",
        "clientExtensionResults": { "appid": true },
    })
}

fn read_registration(json: &Value) -> Option<RegistrationResponse> {
    register(&json.to_string())
}

fn register(text: &str) -> Option<RegistrationResponse> {
    let read = RegistrationResponse::from_json(text.as_bytes());
    if let Err(refused) = &read {
        assert_eq!(refused.step, Step::Response);
    }
    read.ok()
}

fn read_authentication(json: &Value) -> Option<AuthenticationResponse> {
    authenticate(&json.to_string())
}

fn authenticate(text: &str) -> Option<AuthenticationResponse> {
    let read = AuthenticationResponse::from_json(text.as_bytes());
    if let Err(refused) = &read {
        assert_eq!(refused.step, Step::Response);
    }
    read.ok()
}

/// The answer with `value` at `pointer`, or without the member there.
fn with(mut json: Value, pointer: &str, value: Option<Value>) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = json.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(name.into(), value),
        None => parent.remove(name),
    };
    json
}

#[track_caller]
fn check_registration(pointer: &str, value: Option<Value>, accepted: bool) {
    let json = with(registration(), pointer, value);
    assert_eq!(read_registration(&json).is_some(), accepted, "{json}");
}

#[track_caller]
fn check_authentication(pointer: &str, value: Option<Value>, accepted: bool) {
    let json = with(authentication(), pointer, value);
    assert_eq!(read_authentication(&json).is_some(), accepted, "{json}");
}

#[test]
fn a_registration_is_read() {
    let read = read_registration(&registration()).unwrap();
    assert_eq!(read.raw_id, [0xff, 0xef]);
    assert_eq!(read.authenticator_attachment.as_deref(), Some("platform"));
    assert_eq!(read.client_extension_results.cred_props.unwrap().rk, Some(true));
    assert_eq!(read.client_data_json, b"{}");
    assert_eq!(read.attestation_object, [0xa0]);
    assert_eq!(read.transports, ["hybrid", "internal"]);
}

#[test]
fn an_authentication_is_read() {
    let read = read_authentication(&authentication()).unwrap();
    assert_eq!(read.raw_id, [0xff, 0xef]);
    assert_eq!(read.authenticator_attachment.as_deref(), Some("cross-platform"));
    assert_eq!(read.client_extension_results.appid, Some(true));
    assert_eq!(read.client_data_json, b"{}");
    assert_eq!(read.authenticator_data, [1]);
    assert_eq!(read.signature, [2]);
    assert_eq!(read.user_handle, Some(vec![3]));
}

#[test]
fn a_member_that_is_needed_may_not_be_missing_or_null_or_of_another_type() {
    for pointer in ["/id", "/rawId", "/type", "/response"] {
        for value in [None, Some(json!(null)), Some(json!(1)), Some(json!([])), Some(json!({}))] {
            check_registration(pointer, value.clone(), false);
            check_authentication(pointer, value, false);
        }
    }
    for value in [None, Some(json!(null)), Some(json!(1)), Some(json!([123, 125])), Some(json!({}))]
    {
        check_registration("/response/clientDataJSON", value.clone(), false);
        check_registration("/response/attestationObject", value.clone(), false);
        check_authentication("/response/clientDataJSON", value.clone(), false);
        check_authentication("/response/authenticatorData", value.clone(), false);
        check_authentication("/response/signature", value, false);
    }
}

#[test]
fn an_answer_of_one_ceremony_is_none_of_the_other() {
    assert!(read_registration(&authentication()).is_none());
    assert!(read_authentication(&registration()).is_none());
}

#[test]
fn a_member_that_may_be_missing_may_be_missing() {
    let members = ["/authenticatorAttachment", "/clientExtensionResults"];
    for pointer in members.into_iter().chain(["/response/transports"]) {
        check_registration(pointer, None, true);
    }
    for pointer in members.into_iter().chain(["/response/userHandle"]) {
        check_authentication(pointer, None, true);
    }
    let json = with(authentication(), "/response/userHandle", None);
    assert_eq!(read_authentication(&json).unwrap().user_handle, None);
}

#[test]
fn null_is_nothing_where_a_browser_writes_it() {
    let json = with(authentication(), "/response/userHandle", Some(json!(null)));
    assert_eq!(read_authentication(&json).unwrap().user_handle, None);
    let json = with(authentication(), "/authenticatorAttachment", Some(json!(null)));
    assert_eq!(read_authentication(&json).unwrap().authenticator_attachment, None);
    check_registration("/authenticatorAttachment", Some(json!(null)), true);
    check_registration("/clientExtensionResults/credProps", Some(json!(null)), true);
    check_registration("/clientExtensionResults/prf", Some(json!({ "results": null })), true);
}

#[test]
fn the_type_is_public_key_to_the_letter() {
    for wrong in ["", "Public-Key", "public-key ", "password", "webauthn.create"] {
        check_registration("/type", Some(json!(wrong)), false);
        check_authentication("/type", Some(json!(wrong)), false);
    }
}

#[test]
fn id_and_raw_id_are_the_same() {
    check_registration("/id", Some(json!("_-4")), false);
    check_registration("/rawId", Some(json!("_-4")), false);
    check_authentication("/id", Some(json!("_-4")), false);
    check_authentication("/rawId", Some(json!("_-4")), false);
    let empty = with(with(registration(), "/id", Some(json!(""))), "/rawId", Some(json!("")));
    assert!(read_registration(&empty).is_none());
    let empty = with(with(authentication(), "/id", Some(json!(""))), "/rawId", Some(json!("")));
    assert!(read_authentication(&empty).is_none());
}

#[test]
fn base64_is_strict_wherever_it_stands() {
    // Padded, with the other alphabet, with white space, with spare bits, cut short, not ASCII.
    for wrong in ["_-8=", "/+8", "_-8 ", " _-8", "_-8\n", "_-\t8", "_-9", "_", "_-é"] {
        let wrong = json!(wrong);
        for pointer in ["/rawId", "/response/clientDataJSON", "/response/attestationObject"] {
            check_registration(pointer, Some(wrong.clone()), false);
        }
        let members = ["/rawId", "/response/clientDataJSON", "/response/authenticatorData"];
        for pointer in members.into_iter().chain(["/response/signature", "/response/userHandle"]) {
            check_authentication(pointer, Some(wrong.clone()), false);
        }
        // The two agree to the letter, and are refused nevertheless.
        let both = with(registration(), "/id", Some(wrong.clone()));
        assert!(read_registration(&with(both, "/rawId", Some(wrong))).is_none());
    }
}

#[test]
fn unknown_members_are_ignored_at_every_level() {
    let unknown = json!({ "deep": [{ "down": 1e3 }, null, "x"] });
    for parent in ["", "/response", "/clientExtensionResults", "/clientExtensionResults/credProps"]
    {
        check_registration(&format!("{parent}/unknown"), Some(unknown.clone()), true);
    }
    for parent in ["", "/response", "/clientExtensionResults"] {
        check_authentication(&format!("{parent}/unknown"), Some(unknown.clone()), true);
    }
}

#[test]
fn duplicate_members_are_refused_at_every_level() {
    let text = registration().to_string();
    for member in [
        r#""type":"public-key""#,
        r#""clientDataJSON":"e30""#,
        r#""credProps":{"rk":true}"#,
        r#""rk":true"#,
        r#""publicKeyAlgorithm":-7"#,
    ] {
        assert_eq!(text.matches(member).count(), 1);
        assert!(
            register(&text.replace(member, &format!("{member},{member}"))).is_none(),
            "{member}"
        );
    }
    let text = authentication().to_string();
    for member in [r#""rawId":"_-8""#, r#""signature":"Ag""#, r#""appid":true"#] {
        assert_eq!(text.matches(member).count(), 1);
        let twice = text.replace(member, &format!("{member},{member}"));
        assert!(authenticate(&twice).is_none(), "{member}");
    }
    // Also where the name is written another way, and in a member that nobody reads.
    assert!(authenticate(&text.replacen('{', r#"{"\u0074ype":"public-key","#, 1)).is_none());
    assert!(authenticate(&text.replacen('{', r#"{"new":[{"a":1,"a":1}],"#, 1)).is_none());
}

#[test]
fn an_array_is_no_object() {
    assert!(
        register(r#"["_-8","_-8","public-key",{"clientDataJSON":"e30","attestationObject":"oA"}]"#)
            .is_none()
    );
    check_registration("/response", Some(json!(["e30", "oA", []])), false);
    check_authentication("/response", Some(json!(["e30", "AQ", "Ag", null])), false);
    check_registration("/clientExtensionResults", Some(json!([])), false);
    check_registration("/clientExtensionResults", Some(json!(null)), false);
    check_registration("/clientExtensionResults/credProps", Some(json!([true])), false);
    check_registration("/clientExtensionResults/prf", Some(json!([true])), false);
    check_registration("/clientExtensionResults/prf", Some(json!({ "results": ["AQ"] })), false);
}

#[test]
fn an_extension_that_is_known_has_its_type() {
    check_registration("/clientExtensionResults/credProps", Some(json!({ "rk": "yes" })), false);
    check_registration("/clientExtensionResults/prf", Some(json!({ "enabled": 1 })), false);
    check_authentication("/clientExtensionResults/appid", Some(json!("true")), false);
}

#[test]
fn what_a_pseudo_random_function_gave_is_not_printed() {
    let prf = json!({ "enabled": true, "results": { "first": "c2VjcmV0", "second": "c2VjcmV0" } });
    let json = with(registration(), "/clientExtensionResults/prf", Some(prf));
    let prf = read_registration(&json).unwrap().client_extension_results.prf.unwrap();
    assert_eq!(prf.enabled, Some(true));
    assert_eq!(prf.results.as_ref().unwrap().first.0, b"secret");
    let values = prf.results.as_ref().unwrap();
    assert_eq!(format!("{values:?}"), "PrfValues(..)");
    assert!(!format!("{prf:?}").contains("c2VjcmV0"));
}

#[test]
fn transports_are_plain_names_sorted_once_each_and_at_most_eight() {
    let read = |transports: Value| {
        let json = with(registration(), "/response/transports", Some(transports));
        read_registration(&json).map(|read| read.transports)
    };
    assert_eq!(read(json!(["usb", "nfc", "usb"])).unwrap(), ["nfc", "usb"]);
    assert_eq!(read(json!(["carrier-pigeon", "5g"])).unwrap(), ["5g", "carrier-pigeon"]);
    let long = "x".repeat(33);
    assert_eq!(read(json!(["", "USB", "u s b", "<b>", "é", long])).unwrap(), [""; 0]);
    assert_eq!(read(json!(["x".repeat(32)])).unwrap().len(), 1);
    let many: Vec<String> = (10..99).map(|number| format!("t{number}")).collect();
    assert_eq!(
        read(json!(many)).unwrap(),
        ["t10", "t11", "t12", "t13", "t14", "t15", "t16", "t17"]
    );
    for wrong in [json!(null), json!("usb"), json!([1]), json!([null]), json!({})] {
        assert_eq!(read(wrong), None);
    }
}

#[test]
fn an_attachment_that_is_unknown_counts_as_none() {
    for unknown in ["", "Platform", "implanted"] {
        let json = with(registration(), "/authenticatorAttachment", Some(json!(unknown)));
        assert_eq!(read_registration(&json).unwrap().authenticator_attachment, None);
        let json = with(authentication(), "/authenticatorAttachment", Some(json!(unknown)));
        assert_eq!(read_authentication(&json).unwrap().authenticator_attachment, None);
    }
    check_registration("/authenticatorAttachment", Some(json!(1)), false);
}

#[test]
fn what_is_no_json_object_is_refused() {
    let text = registration().to_string();
    let cut = text.strip_suffix('}').unwrap();
    for wrong in ["", " ", "null", "[]", "{}", "\"\"", "\u{feff}{}", cut, &format!("{text}x")] {
        assert!(register(wrong).is_none(), "{wrong:?}");
        assert!(authenticate(wrong).is_none(), "{wrong:?}");
    }
    let latin = text.replacen('{', "{\"caf\u{e9}\":1,", 1).replace('\u{e9}', "\u{1}");
    let latin: Vec<u8> = latin.bytes().map(|byte| if byte == 1 { 0xe9 } else { byte }).collect();
    assert!(RegistrationResponse::from_json(&latin).is_err());
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let bomb = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        assert!(register(&bomb).is_none());
        let text = registration().to_string();
        assert!(register(&text.replacen('{', &format!(r#"{{"new":{bomb},"#), 1)).is_none());
        let text = authentication().to_string();
        assert!(authenticate(&text.replacen('{', &format!(r#"{{"new":{bomb},"#), 1)).is_none());
    }
}
