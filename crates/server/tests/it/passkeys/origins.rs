//! What a browser and an authenticator may say: other pages, other relying parties, other flags and
//! other people's credentials are refused, at every ceremony.

use serde_json::{Value, json};

use super::{
    acts::{ORIGIN, asking, present},
    ceremonies::{Ceremony, Person, Purpose},
};
use crate::{
    acts::{ADA, BOB},
    app::{App, each_engine},
    device::Device,
};

/// Presents what this device makes of every ceremony: each is refused, and leaves nothing behind.
async fn refused_everywhere(app: &App, ada: &mut Person, device: &Device) {
    let before = ada.state(app).await;
    for purpose in Purpose::ALL {
        let begun = purpose.begin(app, ada).await;
        let answer = begun.answer_by(device, &mut ada.credential);
        begun.refused(begun.finish(app, &answer).await, &format!("{device:?}"));
    }
    assert_eq!(ada.state(app).await, before);
}

#[tokio::test]
async fn a_foreign_page_is_refused() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        for origin in [
            "https://evil.example",
            "https://localhost:8080",
            "http://localhost",
            "http://localhost:8081",
            "http://www.localhost:8080",
            "http://localhost:8080.evil.example",
            "http://localhost:8080/",
            "http://localhost:8080@evil.example",
            "HTTP://localhost:8080",
            "http://LOCALHOST:8080",
            "http://127.0.0.1:8080",
            "localhost:8080",
            "null",
            "",
        ] {
            refused_everywhere(&app, &mut ada, &Device::synced(origin)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_foreign_relying_party_is_refused() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        for rp_id in ["evil.example", "www.localhost", "LOCALHOST", "localhost:8080", ORIGIN, ""] {
            let device = Device { rp_id: Some(rp_id.to_owned()), ..Device::synced(ORIGIN) };
            refused_everywhere(&app, &mut ada, &device).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_page_in_a_page_is_refused() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        for top_origin in ["https://evil.example", ORIGIN, "null", ""] {
            let top_origin = Some(top_origin.to_owned());
            let device = Device { top_origin, ..Device::synced(ORIGIN) };
            refused_everywhere(&app, &mut ada, &device).await;
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_there_is_refused() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let absent = Device { present: false, ..ada.device.clone() };
        refused_everywhere(&app, &mut ada, &absent).await;
    })
    .await;
}

/// Backup eligibility and state.
const BE: u8 = 0x08;
const BS: u8 = 0x10;

#[tokio::test]
async fn what_cannot_be_backed_up_has_no_backup() {
    each_engine(async |app| {
        for device in [Device::platform(ORIGIN), Device::synced(ORIGIN)] {
            let email = if device.synced { ADA } else { BOB };
            let flips = if device.synced { BE } else { BS };
            let mut person = Person::new(&app, email, device).await;
            let odd = Device { flips, ..person.device.clone() };
            refused_everywhere(&app, &mut person, &odd).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_credential_neither_becomes_synced_nor_ceases_to_be() {
    each_engine(async |app| {
        for device in [Device::platform(ORIGIN), Device::synced(ORIGIN)] {
            let email = if device.synced { ADA } else { BOB };
            let mut person = Person::new(&app, email, device).await;
            let before = person.state(&app).await;
            for flips in [BE, BE | BS] {
                let odd = Device { flips, ..person.device.clone() };
                for purpose in [Purpose::SignIn, Purpose::SecondFactor, Purpose::StepUp] {
                    let begun = purpose.begin(&app, &person).await;
                    let answer = begun.answer_by(&odd, &mut person.credential);
                    begun.refused(begun.finish(&app, &answer).await, &format!("{odd:?}"));
                }
            }
            assert_eq!(person.state(&app).await, before);
        }
    })
    .await;
}

#[tokio::test]
async fn a_backup_may_come_and_go() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        for flips in [BS, 0, BS] {
            let device = Device { flips, ..ada.device.clone() };
            let reply = super::acts::sign_in(&app, &device, &mut ada.credential).await;
            reply.expect(200);
        }
    })
    .await;
}

#[tokio::test]
async fn a_registration_is_no_authentication_and_the_other_way_round() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let before = ada.state(&app).await;
        for purpose in Purpose::ALL {
            let begun = purpose.begin(&app, &ada).await;
            let mut options = begun.public_key.clone();
            // What the other call of the browser would need beside the challenge.
            options["rp"] = json!({ "id": "localhost" });
            options["rpId"] = json!("localhost");
            options["user"] = json!({ "id": data_encoding::BASE64URL_NOPAD.encode(b"somebody") });
            let wrong = if purpose == Purpose::Enrolling {
                ada.device.get(&mut ada.credential, &options)
            } else {
                ada.device.attest(&ada.credential, &options)
            };
            begun.refused(begun.finish(&app, &wrong).await, "the other kind");

            // Members of both.
            let begun = purpose.begin(&app, &ada).await;
            let mut mixed = begun.answer(&mut ada);
            options["challenge"] = begun.public_key["challenge"].clone();
            let other = if purpose == Purpose::Enrolling {
                ada.device.get(&mut ada.credential, &options)
            } else {
                ada.device.attest(&ada.credential, &options)
            };
            for (name, value) in other["response"].as_object().unwrap() {
                mixed["response"][name] = value.clone();
            }
            begun.refused(begun.finish(&app, &mixed).await, "a mixture");
        }
        assert_eq!(ada.state(&app).await, before);
    })
    .await;
}

#[tokio::test]
async fn another_persons_credential_proves_nothing() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let mut bob = Person::synced(&app, BOB).await;
        let before = [ada.state(&app).await, bob.state(&app).await];
        for purpose in [Purpose::SecondFactor, Purpose::StepUp] {
            // Whether or not it claims to be hers.
            for handle in [None, Some(ada.credential.handle.clone())] {
                let begun = purpose.begin(&app, &ada).await;
                let mut answer = begun.answer(&mut bob);
                if let Some(handle) = handle {
                    answer["response"]["userHandle"] = encoded(&handle);
                }
                begun.refused(begun.finish(&app, &answer).await, "Bob's credential");
            }
            // Her credential's id over his key.
            let begun = purpose.begin(&app, &ada).await;
            let own = std::mem::replace(&mut bob.credential.id, ada.credential.id.clone());
            let answer = begun.answer(&mut bob);
            bob.credential.id = own;
            begun.refused(begun.finish(&app, &answer).await, "Bob's key");
            begun.refused(begun.finish(&app, &begun.answer(&mut ada)).await, "too late");
        }
        assert_eq!([ada.state(&app).await, bob.state(&app).await], before);
    })
    .await;
}

fn encoded(bytes: &[u8]) -> Value {
    json!(data_encoding::BASE64URL_NOPAD.encode(bytes))
}

#[tokio::test]
async fn the_handle_is_the_accounts() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let bob = Person::synced(&app, BOB).await;
        let before = ada.state(&app).await;
        for purpose in [Purpose::SignIn, Purpose::SecondFactor, Purpose::StepUp] {
            let foreign = [encoded(&bob.credential.handle), encoded(b"somebody"), json!("")];
            for handle in foreign {
                let begun = purpose.begin(&app, &ada).await;
                let mut answer = begun.answer(&mut ada);
                answer["response"]["userHandle"] = handle.clone();
                begun.refused(begun.finish(&app, &answer).await, &handle.to_string());
            }
        }
        // Only who was not named before has to say who they are.
        for absent in [None, Some(Value::Null)] {
            let options = asking(&app).await;
            let mut answer = ada.device.get(&mut ada.credential, &options.json["public_key"]);
            forget_handle(&mut answer, absent.clone());
            present(&app, &options, &answer).await.refused(401, "invalid-credential");
        }
        assert_eq!(ada.state(&app).await, before);
        let begun: Ceremony = Purpose::SecondFactor.begin(&app, &ada).await;
        let mut answer = begun.answer(&mut ada);
        forget_handle(&mut answer, None);
        begun.finish(&app, &answer).await.expect(200);
    })
    .await;
}

fn forget_handle(answer: &mut Value, instead: Option<Value>) {
    let response = answer["response"].as_object_mut().unwrap();
    response.remove("userHandle");
    response.extend(instead.map(|value| ("userHandle".to_owned(), value)));
}

#[tokio::test]
async fn the_methods_that_were_not_asked_for_do_not_answer() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let (mut second, reply) = super::acts::enrol(&app, &ada.access, &ada.device).await;
        ada.access = reply.text_at("/tokens/access_token");
        let before = ada.state(&app).await;
        let temp_token = app.challenge(ADA).await;
        let body = json!({
            "temp_token": temp_token, "method": "webauthn", "method_id": ada.method,
        });
        let options = app.post("/auth/login/mfa/options", None, body).await.expect(200);
        let allowed = options.json["public_key"]["allowCredentials"].as_array().unwrap();
        assert_eq!(allowed.len(), 1);
        assert_eq!(allowed[0]["id"], encoded(&ada.credential.id));
        let answer = ada.device.get(&mut second, &options.json["public_key"]);
        let reply = super::acts::answer(&app, &temp_token, &options, &answer).await;
        reply.refused(401, "invalid-code");
        assert_eq!(ada.state(&app).await, before);
    })
    .await;
}
