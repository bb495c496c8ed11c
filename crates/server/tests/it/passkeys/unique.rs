//! A credential id belongs to one account.

use std::sync::Arc;

use super::{
    acts::{ORIGIN, enrolling, register, sign_in},
    ceremonies::Person,
};
use crate::{
    acts::{ADA, BOB, at_once, only_one, signed_in},
    app::{App, Reply, each_engine},
    database::count,
    device::{Credential, Device},
};

const AT_ONCE: usize = 8;

/// Registers a credential that exists already.
async fn claim(app: &App, access: &str, device: &Device, credential: &Credential) -> Reply {
    let options = enrolling(app, access, "passkey").await.expect(200);
    let answer = device.attest(credential, &options.json["public_key"]);
    register(app, access, &options, &answer).await
}

/// A refusal without what differs from one request to the next.
fn seen(reply: &Reply) -> (u16, String, Vec<String>) {
    let id = reply.text_at("/request_id");
    let names = reply.headers.keys().map(ToString::to_string).collect();
    (reply.status.as_u16(), reply.text.replace(&id, ""), names)
}

#[tokio::test]
async fn somebody_elses_credential_is_refused_like_a_wrong_one() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let bob = Person::synced(&app, BOB).await;
        let before = [ada.state(&app).await, bob.state(&app).await];
        let taken = claim(&app, &bob.access, &bob.device, &ada.credential).await;
        let taken = taken.refused(400, "invalid-credential");
        // The same id over a key of his own.
        let options = enrolling(&app, &bob.access, "passkey").await.expect(200);
        let (mut own, _) = bob.device.create(&options.json["public_key"]);
        own.id.clone_from(&ada.credential.id);
        let answer = bob.device.attest(&own, &options.json["public_key"]);
        let squatted = register(&app, &bob.access, &options, &answer).await;
        let evil = Device::synced("https://evil.example");
        let wrong = claim(&app, &bob.access, &evil, &bob.credential).await;
        assert_eq!(seen(&taken), seen(&wrong));
        assert_eq!(seen(&squatted), seen(&wrong));
        assert_eq!([ada.state(&app).await, bob.state(&app).await], before);
        ada.session(&app).await;
    })
    .await;
}

#[tokio::test]
async fn ones_own_credential_is_there_already() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let before = ada.state(&app).await;
        let again = claim(&app, &ada.access, &ada.device, &ada.credential).await;
        again.refused(409, "credential-exists");
        assert_eq!(ada.state(&app).await, before);
        ada.session(&app).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_accounts_one_gets_a_credential() {
    each_engine(async |app| {
        let app = Arc::new(app);
        let device = Device::synced(ORIGIN);
        let mut calls = Vec::new();
        let mut shared: Option<Credential> = None;
        for number in 0..AT_ONCE {
            let access = signed_in(&app, &format!("person{number}@example.org")).await;
            let options = enrolling(&app, &access, "passkey").await.expect(200);
            let public_key = &options.json["public_key"];
            let credential = shared.get_or_insert_with(|| device.create(public_key).0);
            let answer = device.attest(credential, public_key);
            let app = Arc::clone(&app);
            calls.push(async move { register(&app, &access, &options, &answer).await });
        }
        only_one(at_once(calls).await, &[(400, "invalid-credential")]);
        let rows = [count(&app, "credentials").await, count(&app, "methods").await];
        assert_eq!(rows, [1, 1]);
        // Who lost may still enrol another one, and has no recovery codes of the attempt.
        assert_eq!(count(&app, "recovery_sets").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_credential_that_was_removed_is_enrolled_again() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let path = format!("/auth/mfa/methods/{}", ada.method);
        let removed = app.call("DELETE", &path, Some(&ada.access), serde_json::Value::Null).await;
        removed.expect(204);
        let access = app.sign_in(ADA).await.text_at("/access_token");
        claim(&app, &access, &ada.device, &ada.credential).await.expect(201);
        sign_in(&app, &ada.device, &mut ada.credential).await.expect(200);
        assert_eq!(count(&app, "removed_credentials").await, 0);
    })
    .await;
}
