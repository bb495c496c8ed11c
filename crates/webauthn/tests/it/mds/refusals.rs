//! Every way in which a blob is refused.

use data_encoding::{BASE64, BASE64URL, BASE64URL_NOPAD};
use nightlatch_webauthn::mds::{Blob, BlobRefused, MAX_BYTES, Signer};
use rcgen::date_time_ymd;
use serde_json::{Value, json};

use super::{HOST, Service, entry, for_host, payload};
use crate::certificates::{Ca, KeyPair, NOW, named};

const UNTRUSTED: BlobRefused =
    BlobRefused::Signer("its certificates do not lead to the root, or are not valid now");
const OTHER_NAME: BlobRefused = BlobRefused::Signer("its certificate is for another name");

fn fine() -> Value {
    payload(&json!([entry(&json!([]))]))
}

/// Verifies a blob whose header is as `change` leaves it.
fn with_header(service: &Service, change: impl FnOnce(&mut Value)) -> Result<Blob, BlobRefused> {
    let mut header = service.header();
    change(&mut header);
    service.verify(&service.signed(&header.to_string(), &fine().to_string()))
}

#[test]
fn a_blob_is_accepted_with_each_of_the_algorithms() {
    for algorithm in ["ES256", "ES384", "ES512", "PS256", "RS256"] {
        let service = Service::with_algorithm(algorithm);
        let blob = service.verify(&service.blob(&fine())).unwrap();
        assert_eq!((blob.no, blob.entries().len(), blob.skipped), (7, 1, 0), "{algorithm}");
    }
}

#[test]
fn no_other_algorithm_is_accepted() {
    let service = Service::new();
    for algorithm in ["none", "None", "", "HS256", "EdDSA", "ES256K", "RS1", "RS512", "es256"] {
        let refused = with_header(&service, |header| header["alg"] = json!(algorithm));
        let expected = BlobRefused::Form("the algorithm is not accepted");
        assert_eq!(refused, Err(expected), "{algorithm:?}");
    }
}

#[test]
fn the_algorithm_is_one_for_the_signers_key() {
    let wrong = BlobRefused::Signer("the key's type is not that of its algorithm");
    for (key, algorithms) in
        [("ES256", ["RS256", "PS256", "ES384", "ES512"]), ("RS256", ["ES256"; 4])]
    {
        let service = Service::with_algorithm(key);
        for algorithm in algorithms {
            let refused = with_header(&service, |header| header["alg"] = json!(algorithm));
            assert_eq!(refused, Err(wrong), "{key} {algorithm}");
        }
    }
    let service = Service::with_algorithm("RS256");
    let refused = with_header(&service, |header| header["alg"] = json!("PS256"));
    assert_eq!(refused, Err(BlobRefused::Signature));
}

#[test]
fn nothing_that_is_signed_can_be_changed() {
    let service = Service::new();
    let header = service.header().to_string();
    let signed = String::from_utf8(service.signed(&header, &fine().to_string())).unwrap();
    let other = payload(&json!([])).to_string();
    let parts: Vec<_> = signed.split('.').collect();
    let forged = format!("{}.{}.{}", parts[0], BASE64URL_NOPAD.encode(other.as_bytes()), parts[2]);
    assert_eq!(service.verify(forged.as_bytes()), Err(BlobRefused::Signature));

    let mut longer = service.header();
    longer["typ"] = json!("jwt");
    let longer = BASE64URL_NOPAD.encode(longer.to_string().as_bytes());
    let forged = format!("{longer}.{}.{}", parts[1], parts[2]);
    assert_eq!(service.verify(forged.as_bytes()), Err(BlobRefused::Signature));

    let mut signature = BASE64URL_NOPAD.decode(parts[2].as_bytes()).unwrap();
    signature[40] ^= 1;
    let forged = format!("{}.{}.{}", parts[0], parts[1], BASE64URL_NOPAD.encode(&signature));
    assert_eq!(service.verify(forged.as_bytes()), Err(BlobRefused::Signature));
}

#[test]
fn a_signature_by_another_key_is_refused() {
    let (service, other) = (Service::new(), Service::new());
    let jwt = other.signed(&service.header().to_string(), &fine().to_string());
    assert_eq!(service.verify(&jwt), Err(BlobRefused::Signature));
}

#[test]
fn a_blob_that_was_cut_off_is_refused_wherever_it_was() {
    let service = Service::new();
    let jwt = service.blob(&fine());
    for length in 0..jwt.len() {
        assert!(service.verify(&jwt[..length]).is_err(), "{length}");
    }
}

#[test]
fn the_form_is_that_of_a_compact_jws_and_nothing_around_it() {
    let service = Service::new();
    let jwt = String::from_utf8(service.blob(&fine())).unwrap();
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    let padded = BASE64URL.encode(&BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap());
    for wrong in [
        signed.to_owned(),
        format!("{jwt}\n"),
        format!(" {jwt}"),
        format!(".{jwt}"),
        format!("{signed}.{padded}"),
        jwt.replacen('.', "=.", 1),
        jwt.replace('.', "\u{2e}\u{200b}"),
    ] {
        let refused = service.verify(wrong.as_bytes());
        assert!(matches!(refused, Err(BlobRefused::Form(_))), "{wrong}: {refused:?}");
    }
    let refused = service.verify(&[&[0xff], jwt.as_bytes()].concat());
    assert_eq!(refused, Err(BlobRefused::Form("not three parts of text")));
    assert_eq!(service.verify(b""), Err(BlobRefused::Form("not three parts of text")));

    let header = BASE64URL_NOPAD.encode(service.header().to_string().as_bytes());
    let payload = BASE64URL_NOPAD.encode(fine().to_string().as_bytes());
    for after in ["=", ".", "\n"] {
        let signed = format!("{header}.{payload}{after}");
        let signature = BASE64URL_NOPAD.encode(&service.signature(signed.as_bytes()));
        let refused = service.verify(format!("{signed}.{signature}").as_bytes());
        assert_eq!(refused, Err(BlobRefused::Payload("not base64url")), "{after:?}");
    }
}

#[test]
fn a_blob_is_read_up_to_its_largest_size() {
    assert_eq!(MAX_BYTES, 33_554_432);
    let service = Service::new();
    let text = vec![b'A'; MAX_BYTES + 1];
    assert_eq!(service.verify(&text), Err(BlobRefused::TooLarge));
    let refused = service.verify(&text[1..]);
    assert_eq!(refused, Err(BlobRefused::Form("not three parts of text")));
}

#[test]
fn the_header_cannot_have_certificates_fetched() {
    let service = Service::new();
    let expected = BlobRefused::Form("the header would have its certificates fetched");
    for x5u in [json!("https://mds.example/chain.pem"), json!(""), json!(null), json!({})] {
        let refused = with_header(&service, |header| header["x5u"] = x5u.clone());
        assert_eq!(refused, Err(expected), "{x5u}");
    }
}

#[test]
fn the_header_cannot_ask_for_extensions() {
    let service = Service::new();
    for crit in [json!(["b64"]), json!([]), json!(null)] {
        let refused = with_header(&service, |header| header["crit"] = crit.clone());
        assert_eq!(refused, Err(BlobRefused::Form("the header asks for an extension")), "{crit}");
    }
}

#[test]
fn the_header_has_certificates_in_base64() {
    let service = Service::new();
    let missing = with_header(&service, |header| {
        header.as_object_mut().unwrap().remove("x5c");
    });
    assert_eq!(missing, Err(BlobRefused::Form("a member is missing or of the wrong type")));
    assert_eq!(with_header(&service, |header| header["x5c"] = json!([])), Err(UNTRUSTED));
    let der = BASE64.encode(&service.certificate);
    for wrong in [BASE64URL.encode(&[0xff; 6]), format!("{der}\n"), format!("{der}=")] {
        let refused = with_header(&service, |header| header["x5c"][0] = json!(wrong));
        assert_eq!(refused, Err(BlobRefused::Form("a certificate is not base64")), "{wrong}");
    }
    let refused = with_header(&service, |header| header["x5c"][0] = json!("AAAA"));
    assert_eq!(refused, Err(UNTRUSTED));
}

#[test]
fn eight_certificates_are_read_and_nine_are_not() {
    let service = Service::new();
    let with = |count: usize| {
        with_header(&service, |header| {
            let intermediate = header["x5c"][1].clone();
            header["x5c"].as_array_mut().unwrap().resize(count, intermediate);
        })
    };
    assert!(with(8).is_ok());
    assert_eq!(with(9), Err(BlobRefused::Form("more certificates than are ever needed")));
}

#[test]
fn the_certificates_lead_to_the_root_of_the_caller_and_to_no_other() {
    let service = Service::new();
    let jwt = service.blob(&fine());
    let other = Ca::root("Root").der();
    for (root, host) in [(other.as_slice(), Some(HOST)), (&other, None), (&[], None)] {
        let refused = Blob::verify(&jwt, &Signer { root, host }, NOW, None);
        assert_eq!(refused, Err(UNTRUSTED));
    }

    let impostor = Service::new();
    let brought = with_header(&impostor, |header| {
        let root = json!(BASE64.encode(&impostor.root_der));
        header["x5c"].as_array_mut().unwrap().push(root);
    });
    assert!(brought.is_ok(), "a root may be sent along");
    let mut header = impostor.header();
    for root in [&impostor.root_der, &service.root_der] {
        header["x5c"].as_array_mut().unwrap().push(json!(BASE64.encode(root)));
        let jwt = impostor.signed(&header.to_string(), &fine().to_string());
        assert_eq!(service.verify(&jwt), Err(UNTRUSTED));
    }

    let shortened = with_header(&service, |header| {
        header["x5c"].as_array_mut().unwrap().truncate(1);
    });
    assert_eq!(shortened, Err(UNTRUSTED));
}

#[test]
fn a_certificate_that_vouches_for_itself_is_refused() {
    let service = Service::new();
    let own = for_host(HOST).self_signed(&service.key).unwrap();
    let refused = with_header(&service, |header| header["x5c"] = json!([BASE64.encode(own.der())]));
    assert_eq!(refused, Err(UNTRUSTED));
}

#[test]
fn the_certificates_are_valid_now() {
    let mut service = Service::new();
    let mut params = for_host(HOST);
    params.not_before = date_time_ymd(2026, 6, 15);
    params.not_after = date_time_ymd(2026, 6, 16);
    service.certificate = service.intermediate.issue(&params, &service.key);
    let jwt = service.blob(&fine());
    for (now, valid) in [(NOW - 1, false), (NOW, true), (NOW + 86_400, true), (NOW + 86_401, false)]
    {
        let verified = Blob::verify(&jwt, &service.signer(), now, None);
        assert_eq!(verified.map(drop), if valid { Ok(()) } else { Err(UNTRUSTED) }, "{now}");
    }
}

#[test]
fn the_certificate_is_for_the_host_that_the_caller_names() {
    let mut service = Service::new();
    for (params, fits) in [
        (for_host(HOST), true),
        (for_host("www.mds.example"), false),
        (for_host("example"), false),
        (named(HOST), false),
    ] {
        service.certificate = service.intermediate.issue(&params, &service.key);
        let jwt = service.blob(&fine());
        let verified = service.verify(&jwt).map(drop);
        assert_eq!(verified, if fits { Ok(()) } else { Err(OTHER_NAME) });
        let anybody = Signer { host: None, ..service.signer() };
        assert!(Blob::verify(&jwt, &anybody, NOW, None).is_ok());
        let nobody = Signer { host: Some("no name"), ..service.signer() };
        assert_eq!(Blob::verify(&jwt, &nobody, NOW, None), Err(OTHER_NAME));
    }
}

#[test]
fn the_root_may_vouch_for_the_signer_without_an_intermediate() {
    let mut service = Service::new();
    let key = KeyPair::generate().unwrap();
    service.certificate = service.root.issue(&for_host(HOST), &key);
    service.key = key;
    assert!(
        with_header(&service, |header| {
            header["x5c"].as_array_mut().unwrap().truncate(1);
        })
        .is_ok()
    );
}

#[test]
fn an_older_blob_is_refused_and_the_same_is_not() {
    let service = Service::new();
    let jwt = service.blob(&fine());
    for (previous, accepted) in
        [(None, true), (Some(0), true), (Some(7), true), (Some(8), false), (Some(u64::MAX), false)]
    {
        let verified = Blob::verify(&jwt, &service.signer(), NOW, previous);
        let expected = if accepted { Ok(7) } else { Err(BlobRefused::Older) };
        assert_eq!(verified.map(|blob| blob.no), expected, "{previous:?}");
    }
}

#[test]
fn a_member_that_stands_twice_is_refused_wherever_it_does() {
    let service = Service::new();
    let (header, payload) = (service.header().to_string(), fine().to_string());
    let twice = |text: &str, name: &str| {
        let member = format!("\"{name}\":");
        assert!(text.contains(&member), "{text}");
        text.replacen(&member, &format!("{member}0,{member}"), 1)
    };
    let jwt = service.signed(&twice(&header, "alg"), &payload);
    let expected = "not JSON without duplicates";
    assert_eq!(service.verify(&jwt), Err(BlobRefused::Form(expected)));
    for name in ["no", "legalHeader", "aaguid", "description"] {
        let jwt = service.signed(&header, &twice(&payload, name));
        assert_eq!(service.verify(&jwt), Err(BlobRefused::Payload(expected)), "{name}");
    }
}

#[test]
fn a_payload_that_is_no_blob_is_refused() {
    const WRONG: &str = "a member is missing or of the wrong type";
    const NOT_JSON: &str = "not JSON without duplicates";
    const NO_DATE: &str = "nextUpdate is no date";
    let service = Service::new();
    let nested = format!(r#"{{"no":7,"x":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    for (payload, reason) in [
        ("", NOT_JSON),
        ("{", NOT_JSON),
        (&nested, NOT_JSON),
        ("7", WRONG),
        ("{}", WRONG),
        (r#"{"nextUpdate":"2026-07-01","entries":[]}"#, WRONG),
        (r#"{"no":-1,"nextUpdate":"2026-07-01","entries":[]}"#, WRONG),
        (r#"{"no":1.5,"nextUpdate":"2026-07-01","entries":[]}"#, WRONG),
        (r#"{"no":"7","nextUpdate":"2026-07-01","entries":[]}"#, WRONG),
        (r#"{"no":7,"entries":[]}"#, WRONG),
        (r#"{"no":7,"nextUpdate":"2026-07-01"}"#, WRONG),
        (r#"{"no":7,"nextUpdate":"2026-07-01","entries":{}}"#, WRONG),
        (r#"{"no":7,"nextUpdate":"2026-07-32","entries":[]}"#, NO_DATE),
        (r#"{"no":7,"nextUpdate":"","entries":[]}"#, NO_DATE),
    ] {
        let refused = service.verify(&service.signed(&service.header().to_string(), payload));
        assert_eq!(refused, Err(BlobRefused::Payload(reason)), "{payload}");
    }
}
