//! Answers that no browser gives: malformed, doubled, endless.

use serde_json::{Value, json};

use super::ceremonies::{Ceremony, Person, Purpose};
use crate::{
    acts::ADA,
    app::{App, Reply, each_engine},
};

/// Sends a body as it is.
async fn send(app: &App, begun: &Ceremony, body: String) -> Reply {
    let (path, bearer, _) = begun.request(&Value::Null);
    let bearer = bearer.map(|token| format!("Bearer {token}"));
    let mut headers = vec![("user-agent", "a test"), ("content-type", "application/json")];
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    app.raw("POST", path, &headers, body).await
}

/// What is wrong with an answer that can be read.
fn spoilt(answer: &Value) -> Vec<Value> {
    let mut spoilt = Vec::new();
    let response = answer["response"].as_object().unwrap();
    let members = ["id", "rawId", "type", "response", "clientExtensionResults"];
    for name in members {
        for value in [Value::Null, json!(1), json!([]), json!({ "a": 1 }), json!("not+base64url/=")]
        {
            if name == "clientExtensionResults" && value.is_object() {
                continue;
            }
            let mut wrong = answer.clone();
            wrong[name] = value;
            spoilt.push(wrong);
        }
    }
    for name in ["id", "rawId", "type", "response"] {
        let mut wrong = answer.clone();
        wrong.as_object_mut().unwrap().remove(name);
        spoilt.push(wrong);
    }
    let needed = ["clientDataJSON", "attestationObject", "authenticatorData", "signature"];
    for name in response.keys().filter(|name| needed.contains(&name.as_str())) {
        let text = response[name].as_str().unwrap();
        let padded = format!("{text}=");
        let standard = format!("{text}+/");
        let cut = text[..text.len() / 2].to_owned();
        for value in [padded, standard, cut, format!(" {text}"), String::new()] {
            let mut wrong = answer.clone();
            wrong["response"][name] = json!(value);
            spoilt.push(wrong);
        }
        for value in [Value::Null, json!(7), json!([text]), json!({ "text": text })] {
            let mut wrong = answer.clone();
            wrong["response"][name] = value;
            spoilt.push(wrong);
        }
        let mut wrong = answer.clone();
        wrong["response"].as_object_mut().unwrap().remove(name);
        spoilt.push(wrong);
    }
    spoilt.push(json!({}));
    spoilt
}

#[tokio::test]
async fn a_malformed_answer_is_refused_like_a_wrong_one() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let before = ada.state(&app).await;
        for purpose in Purpose::ALL {
            let model = purpose.begin(&app, &ada).await.answer(&mut ada);
            let count = spoilt(&model).len();
            let mut begun = purpose.begin(&app, &ada).await;
            for number in 0..count {
                begun = match purpose {
                    // A sign-in has ten tries.
                    Purpose::SecondFactor => purpose.begin(&app, &ada).await,
                    _ => purpose.begin_with(&app, begun.key).await,
                };
                let wrong = spoilt(&begun.answer(&mut ada)).swap_remove(number);
                begun.refused(begun.finish(&app, &wrong).await, &wrong.to_string());
            }
        }
        assert_eq!(ada.state(&app).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_ends_after_ten_wrong_answers() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let mut begun = Purpose::SecondFactor.begin(&app, &ada).await;
        for _ in 0..10 {
            begun = Purpose::SecondFactor.begin_with(&app, begun.key).await;
            let wrong = spoilt(&begun.answer(&mut ada)).swap_remove(0);
            begun.finish(&app, &wrong).await.refused(401, "invalid-code");
        }
        super::acts::challenge(&app, &begun.key).await.refused(401, "flow-ended");
    })
    .await;
}

#[tokio::test]
async fn what_is_no_json_object_is_malformed() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        for purpose in Purpose::ALL {
            let begun = purpose.begin(&app, &ada).await;
            let answer = begun.answer(&mut ada);
            for odd in [json!(null), json!("a text"), json!([]), json!([answer]), json!(1)] {
                begun.finish(&app, &odd).await.refused(400, "malformed");
            }
            // Doubled members, wherever they are, and more than the body takes.
            let (_, _, body) = begun.request(&answer);
            let text = body.to_string();
            let id = format!("\"id\":{}", answer["id"]);
            let kind = "\"type\":\"public-key\"";
            let client_data =
                format!("\"clientDataJSON\":{}", answer["response"]["clientDataJSON"]);
            for member in [id.as_str(), kind, &client_data] {
                let doubled = text.replacen(member, &format!("{member},{member}"), 1);
                assert_ne!(doubled, text, "{member}");
                send(&app, &begun, doubled).await.refused(400, "malformed");
            }
            let token = format!("\"challenge_token\":{}", body["challenge_token"]);
            let doubled = text.replacen(&token, &format!("{token},{token}"), 1);
            assert_ne!(doubled, text);
            send(&app, &begun, doubled).await.refused(400, "malformed");
            let mut more = body.clone();
            more["more"] = json!(1);
            send(&app, &begun, more.to_string()).await.refused(400, "malformed");
            let mut less = body.clone();
            less.as_object_mut().unwrap().remove("challenge_token");
            send(&app, &begun, less.to_string()).await.refused(400, "malformed");
            // None of it was a presentation; and browsers add members of their own.
            let mut added = answer.clone();
            added["newer"] = json!({ "than": ["this", "server"] });
            added["response"]["newer"] = json!(true);
            let done = begun.finish(&app, &added).await;
            assert!(done.status.is_success(), "{purpose:?}: {}", done.text);
            match purpose {
                Purpose::Enrolling => ada.access = done.text_at("/tokens/access_token"),
                Purpose::StepUp => ada.access = done.text_at("/access_token"),
                Purpose::SignIn | Purpose::SecondFactor => {}
            }
        }
    })
    .await;
}

#[tokio::test]
async fn depth_and_length_are_bounded() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        for purpose in Purpose::ALL {
            let begun = purpose.begin(&app, &ada).await;
            let answer = begun.answer(&mut ada);
            for (depth, refused) in [(28, false), (40, true), (100_000, true)] {
                let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
                let (_, _, body) = begun.request(&json!({ "deep": 0 }));
                let text =
                    body.to_string().replacen("{\"deep\":0}", &format!("{{\"deep\":{deep}}}"), 1);
                let reply = send(&app, &begun, text).await;
                if refused {
                    reply.refused(400, "malformed");
                } else {
                    // It was read, and the ceremony is over.
                    begun.refused(reply, "deep");
                }
            }
            let begun = purpose.begin_with(&app, begun.key).await;
            let answer_now = begun.answer(&mut ada);
            let mut long = answer;
            long["more"] = json!("a".repeat(256 * 1024));
            let (_, _, body) = begun.request(&long);
            send(&app, &begun, body.to_string()).await.refused(413, "too-large");
            // Attestations may be long.
            let mut long = answer_now;
            long["more"] = json!("a".repeat(65 * 1024));
            let done = begun.finish(&app, &long).await;
            assert!(done.status.is_success(), "{purpose:?}: {}", done.text);
            match purpose {
                Purpose::Enrolling => ada.access = done.text_at("/tokens/access_token"),
                Purpose::StepUp => ada.access = done.text_at("/access_token"),
                Purpose::SignIn | Purpose::SecondFactor => {}
            }
        }
        // Whatever carries no answer of an authenticator may not.
        let long = "a".repeat(65 * 1024);
        for (path, body) in [
            ("/auth/passkey/options", json!({ "more": long })),
            ("/auth/login/mfa/options", json!({ "temp_token": long, "method": "webauthn" })),
            ("/auth/step-up/options", json!({ "method": long })),
            ("/auth/mfa/webauthn/register/options", json!({ "kind": long })),
        ] {
            let reply = app.post(path, Some(&ada.access), body).await;
            reply.refused(413, "too-large");
        }
    })
    .await;
}

#[tokio::test]
async fn options_take_what_they_know() {
    each_engine(async |app| {
        let ada = Person::synced(&app, ADA).await;
        let path = "/auth/mfa/webauthn/register/options";
        for (body, field) in [
            (json!({ "kind": "Passkey" }), "kind"),
            (json!({ "kind": "" }), "kind"),
            (json!({ "kind": "passkey", "attachment": "usb" }), "attachment"),
            (json!({ "kind": "passkey", "name": "" }), "name"),
            (json!({ "kind": "passkey", "name": "a\nb" }), "name"),
            (json!({ "kind": "passkey", "name": "a".repeat(101) }), "name"),
        ] {
            let reply = app.post(path, Some(&ada.access), body).await;
            let reply = reply.refused(422, "invalid-values");
            assert_eq!(reply.json["errors"][0]["field"], field);
        }
        for body in [json!({}), json!({ "kind": 1 }), json!({ "kind": "passkey", "more": 1 })] {
            app.post(path, Some(&ada.access), body).await.refused(400, "malformed");
        }
        app.post(path, None, json!({ "kind": "passkey" })).await.refused(401, "unauthenticated");
    })
    .await;
}
