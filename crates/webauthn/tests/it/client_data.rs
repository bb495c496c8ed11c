//! The steps from the client data's form to `topOrigin`, in both ceremonies alike.

use std::borrow::Borrow;

use nightlatch_webauthn::{Algorithm, RelyingParty, Step, client_data::ClientData};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::authenticator::{CHALLENGE, ClientDataParts, Create, Get, SigningKey};

/// Changes the client data, and what is expected of them, in a registration and an authentication.
#[track_caller]
fn check(change: impl Fn(&mut ClientDataParts, &mut RelyingParty), expected: Result<(), Step>) {
    let key = SigningKey::generate(Algorithm::Es256);
    let mut create = Create::new(&key);
    change(&mut create.client_data, &mut create.relying_party);
    let registered = create.verify().map(|_| ()).map_err(|refused| refused.step);
    assert_eq!(registered, expected, "registration");

    let mut get = Get::new(&key);
    change(&mut get.client_data, &mut get.relying_party);
    let authenticated = get.verify().map(|_| ()).map_err(|refused| refused.step);
    assert_eq!(authenticated, expected, "authentication");
}

#[track_caller]
fn with(name: &str, value: impl Borrow<Value>, expected: Result<(), Step>) {
    check(|data, _| data.set(name, value.borrow()), expected);
}

fn raw(change: impl Fn(String) -> Vec<u8>) -> impl Fn(&mut ClientDataParts, &mut RelyingParty) {
    move |data, _| data.raw = Some(change(String::from_utf8(data.write()).unwrap()))
}

#[test]
fn client_data_are_one_json_object_in_utf8() {
    check(|_, _| (), Ok(()));
    check(raw(|text| format!("\u{feff}{text}").into_bytes()), Ok(()));
    check(raw(|text| format!(" {text}\n").into_bytes()), Ok(()));

    let refused = Err(Step::ClientData);
    check(raw(|text| format!("\u{feff}\u{feff}{text}").into_bytes()), refused);
    check(raw(|text| format!("{text}\u{feff}").into_bytes()), refused);
    check(raw(|text| text.encode_utf16().flat_map(u16::to_le_bytes).collect()), refused);
    check(raw(|text| [text.as_bytes(), b"}"].concat()), refused);
    check(raw(|text| format!("{text}{text}").into_bytes()), refused);
    check(raw(|text| format!("[{text}]").into_bytes()), refused);
    check(raw(|text| text[..text.len() - 1].into()), refused);
    check(raw(|text| text.replace("example", "ex\u{1}ample").into_bytes()), refused);
    check(raw(|_| vec![]), refused);
    check(raw(|_| b"null".to_vec()), refused);
}

#[test]
fn text_that_is_not_utf_8_is_refused_even_in_a_member_that_nobody_reads() {
    let extra = |bytes: &'static [u8]| {
        raw(move |text| [&text.as_bytes()[..text.len() - 1], b",\"x\":\"", bytes, b"\"}"].concat())
    };
    check(extra("\u{fc}".as_bytes()), Ok(()));
    check(extra(b"\xff"), Err(Step::ClientData));
    check(extra(b"\xc0\xaf"), Err(Step::ClientData));
    check(extra(b"\xed\xa0\x80"), Err(Step::ClientData));
}

/// A struct's values in a row are not the struct, though it is an easy mistake of a reader.
#[test]
fn the_members_values_in_an_array_are_no_client_data() {
    let values = |text: String| {
        let data: Value = serde_json::from_str(&text).unwrap();
        json!([data["type"], data["challenge"], data["origin"], false, "https://a.example"])
            .to_string()
            .into_bytes()
    };
    check(raw(values), Err(Step::ClientData));
}

#[test]
fn unknown_members_are_ignored_and_duplicate_ones_refused() {
    check(|data, _| data.add("tokenBinding", json!({"status": "supported"})), Ok(()));
    check(|data, _| data.add("other_keys_can_be_added_here", json!([1, -1.5e3, null])), Ok(()));
    for (name, value) in [
        ("type", json!("webauthn.create")),
        ("type", json!("webauthn.get")),
        ("origin", json!("https://example.org")),
        ("origin", json!("https://evil.example")),
        ("crossOrigin", json!(false)),
        ("other", json!({"a": [{"b": 1, "c": 2}]})),
    ] {
        check(
            |data, _| {
                data.set(name, &value);
                data.add(name, &value);
            },
            Err(Step::ClientData),
        );
    }
    let twice_within = |text: String| text.replacen('{', r#"{"x":{"a":1,"\u0061":1},"#, 1).into();
    check(raw(twice_within), Err(Step::ClientData));
}

#[test]
fn client_data_are_bounded() {
    let padded = |size: usize| {
        raw(move |text| {
            let padding = size - text.len() - r#","x":"""#.len();
            format!(r#"{},"x":"{}"}}"#, &text[..text.len() - 1], "x".repeat(padding)).into_bytes()
        })
    };
    check(padded(64 * 1024), Ok(()));
    check(padded(64 * 1024 + 1), Err(Step::ClientData));
    check(padded(1024 * 1024), Err(Step::ClientData));
    check(raw(|_| vec![b'['; 1024]), Err(Step::ClientData));
}

#[test]
fn every_member_that_is_needed_is_there_and_of_its_type() {
    for name in ["type", "challenge", "origin"] {
        check(|data, _| data.remove(name), Err(Step::ClientData));
        for value in [json!(null), json!(1), json!(true), json!(["https://example.org"]), json!({})]
        {
            with(name, &value, Err(Step::ClientData));
        }
    }
}

#[test]
fn the_type_is_that_of_the_ceremony() {
    let key = SigningKey::generate(Algorithm::Es256);
    let mut create = Create::new(&key);
    create.client_data.set("type", json!("webauthn.get"));
    assert_eq!(create.verify().unwrap_err().step, Step::Type);
    create.client_data.set("type", json!("webauthn.create"));
    assert!(create.verify().is_ok());
    let mut get = Get::new(&key);
    get.client_data.set("type", json!("webauthn.create"));
    assert_eq!(get.verify().unwrap_err().step, Step::Type);
    get.client_data.set("type", json!("webauthn.get"));
    assert!(get.verify().is_ok());

    for wrong in
        ["", "webauthn", "webauthn.creat", "webauthn.create ", "WebAuthn.Get", "payment.get"]
    {
        with("type", json!(wrong), Err(Step::Type));
    }
}

#[test]
fn the_challenge_is_the_one_that_was_issued() {
    let challenge = nightlatch_webauthn::base64url::encode(&CHALLENGE);
    with("challenge", json!(challenge), Ok(()));
    let mut other = CHALLENGE;
    other[15] ^= 1;
    let mut longer = CHALLENGE.to_vec();
    longer.push(0);
    for wrong in [
        nightlatch_webauthn::base64url::encode(&other),
        nightlatch_webauthn::base64url::encode(&longer),
        nightlatch_webauthn::base64url::encode(&CHALLENGE[..15]),
        format!("{challenge}=="),
        format!("{challenge} "),
        challenge[1..].to_owned(),
        challenge[..challenge.len() - 1].to_owned(),
        challenge.to_uppercase(),
        String::new(),
    ] {
        with("challenge", json!(wrong), Err(Step::Challenge));
    }
}

/// A caller that lost the challenge must not accept whoever answers none.
#[test]
fn an_empty_challenge_is_never_answered() {
    let key = SigningKey::generate(Algorithm::Es256);
    let mut create = Create::new(&key);
    create.challenge.clear();
    create.client_data.set("challenge", json!(""));
    assert_eq!(create.verify().unwrap_err().step, Step::Challenge);
    let mut get = Get::new(&key);
    get.challenge.clear();
    get.client_data.set("challenge", json!(""));
    assert_eq!(get.verify().unwrap_err().step, Step::Challenge);

    create.challenge.push(0);
    create.client_data.set("challenge", json!("AA"));
    assert!(create.verify().is_ok());
}

#[test]
fn the_origin_is_expected_to_the_letter() {
    for wrong in [
        "https://login.example.org",
        "http://example.org",
        "https://example.org:443",
        "https://example.org:8443",
        "https://example.org.",
        "https://example.org/",
        "https://xn--exmple-cua.org",
        "https://ex\u{e4}mple.org",
        "https://EXAMPLE.org",
        "HTTPS://example.org",
        "https://example.org.evil.example",
        "https://evil-example.org",
        "https://evil.example?https://example.org",
        "https://someone@example.org",
        "https://example.or",
        "https://example.com",
        "example.org",
        "null",
        "",
        " https://example.org",
        "android:apk-key-hash:AAAA",
    ] {
        with("origin", json!(wrong), Err(Step::Origin));
        check(
            |data, expected| {
                data.set("origin", json!(wrong));
                expected.origins.push(wrong.to_owned());
            },
            Ok(()),
        );
    }
    check(|_, expected| expected.origins.clear(), Err(Step::Origin));
}

#[test]
fn an_iframe_of_another_origin_is_refused_unless_expected() {
    with("crossOrigin", json!(true), Err(Step::CrossOrigin));
    with("crossOrigin", json!(false), Ok(()));
    check(|data, _| data.remove("crossOrigin"), Ok(()));
    for (cross_origin, expected) in [(json!(true), Ok(())), (json!(false), Ok(()))] {
        check(
            |data, relying_party| {
                data.set("crossOrigin", &cross_origin);
                relying_party.allow_cross_origin = true;
            },
            expected,
        );
    }
    for wrong in [json!(null), json!("true"), json!("false"), json!(1), json!(0), json!([])] {
        with("crossOrigin", &wrong, Err(Step::ClientData));
    }
}

#[test]
fn the_page_around_an_iframe_is_expected_to_the_letter() {
    let check = |cross_origin: Value, top_origin: Value, allowed: bool, expected| {
        check(
            |data, relying_party| {
                data.set("crossOrigin", &cross_origin);
                data.set("topOrigin", &top_origin);
                relying_party.allow_cross_origin = allowed;
                relying_party.top_origins = vec!["https://shop.example".to_owned()];
            },
            expected,
        );
    };
    check(json!(true), json!("https://shop.example"), true, Ok(()));
    check(json!(false), json!("https://shop.example"), true, Ok(()));
    check(json!(true), json!("https://shop.example"), false, Err(Step::CrossOrigin));
    check(json!(false), json!("https://shop.example"), false, Err(Step::TopOrigin));
    for wrong in [
        "https://evil.example",
        "https://example.org",
        "https://shop.example.",
        "http://shop.example",
        "null",
        "",
    ] {
        check(json!(true), json!(wrong), true, Err(Step::TopOrigin));
    }
    check(json!(true), json!(null), true, Err(Step::ClientData));
    check(json!(true), json!(["https://shop.example"]), true, Err(Step::ClientData));
}

#[test]
fn what_is_read_is_what_was_written() {
    let text = r#"{"origin":"o","challenge":"c","type":"t","topOrigin":"p","crossOrigin":true}"#;
    let read = ClientData::read(text.as_bytes()).unwrap();
    assert_eq!(
        read,
        ClientData {
            r#type: "t".to_owned(),
            challenge: "c".to_owned(),
            origin: "o".to_owned(),
            cross_origin: Some(true),
            top_origin: Some("p".to_owned()),
        }
    );
    let read = ClientData::read(br#"{"origin":"","challenge":"","type":""}"#).unwrap();
    assert_eq!((read.cross_origin, read.top_origin), (None, None));
}

proptest! {
    /// Whatever the bytes, reading them gives client data or a refusal.
    #[test]
    fn reading_never_panics(bytes: Vec<u8>) {
        let _ = ClientData::read(&bytes);
    }

    /// No string but the origin itself is the origin.
    #[test]
    fn no_other_origin_passes(other in "(https?://)?[a-z.:/]{0,4}example\\.org[a-z.:/]{0,4}") {
        let key = SigningKey::generate(Algorithm::Es256);
        let mut create = Create::new(&key);
        create.client_data.set("origin", json!(other));
        prop_assert_eq!(create.verify().is_ok(), other == "https://example.org");
    }
}
