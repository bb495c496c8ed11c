//! Before the first factor nothing tells who is known here, or who has a passkey.

use nightlatch_core::methods::State;
use nightlatch_flows::admin::users;
use nightlatch_store::units::account::Standing;
use serde_json::{Value, json};

use super::{
    acts::{asking, present},
    ceremonies::Person,
};
use crate::{
    acts::{ADA, BOB, login, signed_in},
    app::{App, Reply, each_engine},
    database::{count, tamper},
    device::{Credential, Device},
};

/// Everything that whoever asks can see or measure.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    hashes: u64,
    statements: u64,
    mails: usize,
    events: usize,
}

/// Does what is to be measured.
async fn observe(app: &App, act: impl Future<Output = Reply>) -> Seen {
    let (hashes, statements) = (app.env.hasher.jobs(), app.env.store.statements());
    let rows = [count(app, "outbox").await, count(app, "audit").await];
    let reply = act.await;
    let (hashes, statements) =
        (app.env.hasher.jobs() - hashes, app.env.store.statements() - statements);
    let id = reply.json["request_id"].as_str().unwrap_or("no request id").to_owned();
    let headers = reply.headers.iter().map(|(name, value)| {
        (name.to_string(), value.to_str().unwrap().replace(&id, "the request's id"))
    });
    Seen {
        status: reply.status.as_u16(),
        headers: headers.collect(),
        body: reply.text.replace(&id, "the request's id"),
        hashes,
        statements,
        mails: count(app, "outbox").await - rows[0],
        events: count(app, "audit").await - rows[1],
    }
}

/// Presents an answer with this id and handle by a key that belongs to nobody.
async fn forged(app: &App, device: &Device, id: &[u8], handle: &[u8]) -> Seen {
    let options = asking(app).await;
    let public_key = &options.json["public_key"];
    let new = json!({ "rp": { "id": "localhost" }, "challenge": "", "user": { "id": "" } });
    let (mut credential, _) = device.create(&new);
    credential.id = id.to_vec();
    credential.handle = handle.to_vec();
    let answer = device.get(&mut credential, public_key);
    observe(app, present(app, &options, &answer)).await
}

/// Presents an answer that was spoilt.
async fn spoilt(
    app: &App,
    device: &Device,
    credential: &mut Credential,
    spoil: impl Fn(&mut Value),
) -> Seen {
    let options = asking(app).await;
    let mut answer = device.get(credential, &options.json["public_key"]);
    spoil(&mut answer);
    observe(app, present(app, &options, &answer)).await
}

#[tokio::test]
async fn an_unknown_passkey_looks_like_a_wrong_answer_of_a_known_one() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let mut bob = Person::synced(&app, BOB).await;
        let mut carol = Person::synced(&app, "carol@example.org").await;
        let mut dave = Person::synced(&app, "dave@example.org").await;
        let path = format!("/auth/mfa/methods/{}", dave.method);
        app.call("DELETE", &path, Some(&dave.access), Value::Null).await.expect(204);
        let account = users::find(&app.env, BOB).await.unwrap();
        users::set_standing(&app.env, &account, Standing::Disabled).await.unwrap();
        // All the same, whatever became of them.
        let state = State::Suspended.code();
        let lost = json!({ "name": "Lost" });
        let path = format!("/auth/mfa/methods/{}", carol.method);
        app.call("PATCH", &path, Some(&carol.access), lost).await.expect(200);
        let suspend = format!("UPDATE methods SET state = {state} WHERE name = 'Lost'");
        tamper(&app, &suspend).await;

        let expected = forged(&app, &ada.device, &[9; 32], b"nobody, as it is").await;
        assert_eq!((expected.status, expected.hashes, expected.mails), (401, 0, 0));
        assert_eq!(forged(&app, &ada.device, &[8; 32], &ada.credential.handle).await, expected);
        for person in [&mut ada, &mut bob, &mut carol, &mut dave] {
            let Person { device, credential, email, .. } = person;
            let id = credential.id.clone();
            let handle = credential.handle.clone();
            let seen = forged(&app, device, &id, &handle).await;
            assert_eq!(seen, expected, "{email}: another key");
            let seen = forged(&app, device, &id, b"somebody else").await;
            assert_eq!(seen, expected, "{email}: another key and handle");
            let seen = spoilt(&app, device, credential, |answer| {
                answer["response"]["signature"] = json!("MAYCAQECAQE");
            })
            .await;
            assert_eq!(seen, expected, "{email}: a wrong signature");
            let evil = Device::synced("https://evil.example");
            let seen = spoilt(&app, &evil, credential, |_| {}).await;
            assert_eq!(seen, expected, "{email}: another page");
            let seen = spoilt(&app, device, credential, |answer| {
                answer["response"].as_object_mut().unwrap().remove("userHandle");
            })
            .await;
            assert_eq!(seen, expected, "{email}: nobody named");
        }
    })
    .await;
}

/// Options without what is random in them.
fn masked(reply: &Reply) -> Value {
    let mut json = reply.json.clone();
    for pointer in ["/challenge_token", "/public_key/challenge"] {
        let random = json.pointer_mut(pointer).unwrap();
        *random = json!(random.as_str().unwrap().len());
    }
    json
}

#[tokio::test]
async fn the_options_of_a_sign_in_name_nobody() {
    each_engine(async |app| {
        let before = masked(&asking(&app).await);
        assert_eq!(before["public_key"].get("allowCredentials"), None);
        let statements = app.env.store.statements();
        let first = asking(&app).await;
        assert_eq!(app.env.store.statements(), statements, "nothing is looked up or remembered");
        assert_ne!(first.json["challenge_token"], asking(&app).await.json["challenge_token"]);
        let ada = Person::synced(&app, ADA).await;
        assert_eq!(masked(&asking(&app).await), before);
        let path = "/auth/passkey/options";
        let signed_in = app.post(path, Some(&ada.access), json!({})).await.expect(200);
        assert_eq!(masked(&signed_in), before);
        app.post(path, None, json!({ "email": ADA })).await.refused(400, "malformed");
    })
    .await;
}

#[tokio::test]
async fn a_wrong_password_does_not_tell_who_has_passkeys() {
    each_engine(async |app| {
        Person::synced(&app, ADA).await;
        signed_in(&app, BOB).await;
        for guess in 0..15 {
            let wrong = format!("not this one, surely {guess}");
            let [unknown, with, without] =
                ["new@example.org", ADA, BOB].map(|email| (email, wrong.clone()));
            let mut seen = Vec::new();
            for (email, wrong) in [unknown, with, without] {
                let seen_now = observe(&app, login(&app, email, &wrong)).await;
                // Failures of known accounts are events; the statements for it are not told apart.
                seen.push(Seen { events: 0, ..seen_now });
            }
            assert_eq!(seen[1], seen[0], "{guess}");
            assert_eq!(seen[2], seen[0], "{guess}");
        }
    })
    .await;
}
