//! What a client may tell authenticators: which credentials are good, and which one is no more.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    acts::{ORIGIN, asking, enrol, enrolled, present, sign_in},
    ceremonies::{Person, Purpose},
};
use crate::{
    acts::{ADA, BOB},
    app::{App, each_engine},
    device::Device,
};

fn encoded(bytes: &[u8]) -> Value {
    json!(data_encoding::BASE64URL_NOPAD.encode(bytes))
}

async fn signals(app: &App, access: &str) -> Value {
    app.get("/auth/mfa/methods", Some(access)).await.expect(200).json["signals"].clone()
}

#[tokio::test]
async fn only_who_holds_a_removed_key_is_told_that_it_was_removed() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let bob = Person::synced(&app, BOB).await;
        let path = format!("/auth/mfa/methods/{}", ada.method);
        app.call("DELETE", &path, Some(&ada.access), Value::Null).await.expect(204);

        let reply = sign_in(&app, &ada.device, &mut ada.credential).await;
        let reply = reply.refused(401, "invalid-credential");
        let unknown = json!({
            "unknown_credential": {
                "rp_id": "localhost", "credential_id": encoded(&ada.credential.id),
            },
        });
        assert_eq!(reply.json["signal"], unknown);

        // Another key under the same id; another page; the same answer once more.
        let options = asking(&app).await;
        let (mut forged, _) = bob.device.create(&json!({
            "rp": { "id": "localhost" }, "challenge": "", "user": { "id": "" },
        }));
        forged.id.clone_from(&ada.credential.id);
        forged.handle.clone_from(&ada.credential.handle);
        let answer = bob.device.get(&mut forged, &options.json["public_key"]);
        let quiet = present(&app, &options, &answer).await.refused(401, "invalid-credential");
        assert_eq!(quiet.json.get("signal"), None);
        let evil = Device::synced("https://evil.example");
        let quiet = sign_in(&app, &evil, &mut ada.credential).await;
        assert_eq!(quiet.refused(401, "invalid-credential").json.get("signal"), None);
        let options = asking(&app).await;
        let answer = ada.device.get(&mut ada.credential, &options.json["public_key"]);
        let mut wrong = answer.clone();
        wrong["response"]["signature"] = json!("AAAA");
        let quiet = present(&app, &options, &wrong).await.refused(401, "invalid-credential");
        assert_eq!(quiet.json.get("signal"), None);

        // Removed means removed for everything else too.
        assert_eq!(app.sign_in(ADA).await.json["status"], "complete");
    })
    .await;
}

#[tokio::test]
async fn a_ceremony_that_began_before_a_removal_ends_with_a_signal() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let begun = Purpose::SignIn.begin(&app, &ada).await;
        let path = format!("/auth/mfa/methods/{}", ada.method);
        app.call("DELETE", &path, Some(&ada.access), Value::Null).await.expect(204);
        let answer = begun.answer(&mut ada);
        let reply = begun.refused(begun.finish(&app, &answer).await, "removed");
        assert!(reply.json["signal"].is_object());
    })
    .await;
}

#[tokio::test]
async fn the_credentials_that_are_good_are_listed() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        Person::synced(&app, BOB).await;
        let expected = |ids: &[&[u8]], handle: &[u8], name: &str| {
            let ids: Vec<Value> = ids.iter().map(|id| encoded(id)).collect();
            json!({
                "rp_id": "localhost",
                "user_id": encoded(handle),
                "all_accepted_credential_ids": ids,
                "name": ADA,
                "display_name": name,
            })
        };
        let handle = ada.credential.handle.clone();
        let one = &*ada.credential.id.clone();
        assert_eq!(signals(&app, &ada.access).await, expected(&[one], &handle, ADA));

        // Methods are listed in the order of their making.
        app.clock.advance(Duration::from_secs(1));
        let (second, reply) = enrol(&app, &ada.access, &ada.device).await;
        let access = reply.text_at("/tokens/access_token");
        let both: [&[u8]; 2] = [one, &second.id];
        assert_eq!(signals(&app, &access).await, expected(&both, &handle, ADA));

        let named = json!({ "name": "Ada Lovelace" });
        app.call("PATCH", "/auth/me", Some(&access), named).await.expect(200);
        assert_eq!(signals(&app, &access).await, expected(&both, &handle, "Ada Lovelace"));

        let path = format!("/auth/mfa/methods/{}", ada.method);
        app.call("DELETE", &path, Some(&access), Value::Null).await.expect(204);
        let left = expected(&[&second.id], &handle, "Ada Lovelace");
        assert_eq!(signals(&app, &access).await, left);
        let gone = sign_in(&app, &ada.device, &mut ada.credential).await;
        gone.refused(401, "invalid-credential");
        // It is asked for no more.
        let temp_token = app.challenge(ADA).await;
        let options = super::acts::challenge(&app, &temp_token).await.expect(200);
        let allowed = options.json["public_key"]["allowCredentials"].as_array().unwrap();
        let ids: Vec<&Value> = allowed.iter().map(|one| &one["id"]).collect();
        assert_eq!(ids, [&encoded(&second.id)]);
    })
    .await;
}

#[tokio::test]
async fn what_was_opened_with_a_passkey_ends_when_it_is_removed() {
    each_engine(async |app| {
        let device = Device::synced(ORIGIN);
        let (mut kept, reply) = enrolled(&app, ADA, &device).await;
        let access = reply.text_at("/tokens/access_token");
        let (mut stolen, reply) = enrol(&app, &access, &device).await;
        let (access, method) = (reply.text_at("/tokens/access_token"), reply.text_at("/method/id"));
        let thief = sign_in(&app, &device, &mut stolen).await.expect(200).text_at("/access_token");
        app.get("/auth/session", Some(&thief)).await.expect(200);
        let path = format!("/auth/mfa/methods/{method}");
        app.call("DELETE", &path, Some(&access), json!(null)).await.expect(204);
        app.get("/auth/session", Some(&thief)).await.refused(401, "unauthenticated");
        app.get("/auth/session", Some(&access)).await.expect(200);
        sign_in(&app, &device, &mut kept).await.expect(200);
    })
    .await;
}
