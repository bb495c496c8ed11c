//! An enrolled authenticator whose model turns out to be broken.

use std::net::Ipv4Addr;

use nightlatch::{
    config::{Config, Dev, Keys},
    wiring::{
        installation::{open, open_beside},
        metadata::renew,
        server::{Listeners, run},
    },
};
use nightlatch_core::{SecretText, keys::KeyRing, proof::Factor};
use nightlatch_flows::{admin::audit::verify, upkeep::authenticators::review};
use nightlatch_store::{Engine, units::audit::Events};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::service::{Service, revoked};
use crate::{
    acts::{ADA, BOB, STEP, login, signed_in},
    app::{App, PASSWORD, Setup, each_engine_with},
    device::Device,
};

const ORIGIN: &str = "http://localhost:8080";

/// The model of [`Device::platform`].
const MODEL: &str = "07070707-0707-0707-0707-070707070707";

/// Nothing but passkeys, so that nothing is left when they are suspended.
fn passkeys_only() -> Setup {
    Setup::default().settings(|settings| {
        settings.allowed.0.retain(|factor| *factor == Factor::WebAuthn);
    })
}

/// Registers an address and enrols a device.
async fn enrolled(app: &App, email: &str, device: &Device) {
    let access = signed_in(app, email).await;
    let wish = json!({ "kind": "passkey", "name": "Her phone" });
    let path = "/auth/mfa/webauthn/register/options";
    let options = app.post(path, Some(&access), wish).await.expect(200);
    let (_, credential) = device.create(&options.json["public_key"]);
    let answer = json!({
        "challenge_token": options.text_at("/challenge_token"),
        "credential": credential,
    });
    app.post("/auth/mfa/webauthn/register", Some(&access), answer).await.expect(201);
}

/// The events of suspended methods: whose, and why.
async fn suspensions(app: &App) -> Vec<(Value, Value)> {
    let all = Events { after: ([0; 16], 0), limit: 1_000 };
    let events = app.env.store.read_slow(all).await.unwrap();
    let bodies = events.iter().map(|event| serde_json::from_str::<Value>(&event.body).unwrap());
    bodies
        .filter(|body| body["kind"] == "method_suspended")
        .map(|body| (body["user"].clone(), body["reason"].clone()))
        .collect()
}

#[tokio::test]
async fn a_broken_model_is_suspended_its_owner_told_and_nothing_else_touched() {
    each_engine_with(passkeys_only(), async |app| {
        let service = Service::new();
        enrolled(&app, ADA, &Device::platform(ORIGIN)).await;
        enrolled(&app, BOB, &Device { aaguid: [8; 16], ..Device::platform(ORIGIN) }).await;
        renew(&app.env, &service.file()).await;
        assert_eq!(review(&app.env).await.unwrap(), 0);
        assert_eq!(app.sign_in(ADA).await.json["status"], "mfa_required");

        // The notice is newer than that of the enrolment.
        app.clock.advance(STEP);
        service.publish(2, "2027-02-01", &json!([revoked(MODEL)]));
        assert_eq!(review(&app.env).await.unwrap(), 0, "nothing is known before it is read");
        renew(&app.env, &service.file()).await;
        assert_eq!(review(&app.env).await.unwrap(), 1);
        assert_eq!(review(&app.env).await.unwrap(), 0, "once");

        login(&app, ADA, PASSWORD).await.refused(403, "recovery-required");
        let mail = app.mail(ADA).await.unwrap();
        assert_eq!(mail.subject, "A sign-in method was suspended");
        assert!(mail.text.contains("Her phone"), "{}", mail.text);
        let ada = suspensions(&app).await;
        assert_eq!(ada.len(), 1);
        assert_eq!(ada[0].1, "compromised_model");
        assert_eq!(app.sign_in(BOB).await.json["status"], "mfa_required");
    })
    .await;
}

#[tokio::test]
async fn a_server_looks_again_at_its_authenticators_when_it_starts() {
    let app = App::new(Engine::Sqlite, passkeys_only()).await;
    enrolled(&app, ADA, &Device::platform(ORIGIN)).await;
    // What the enrolment has mailed is not what is looked for.
    app.mails(ADA).await;
    app.env.store.close(app.now()).await;
    let service = Service::new();
    service.publish(1, "2099-01-01", &json!([revoked(MODEL)]));

    let data = TempDir::new().unwrap();
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    let mut config = Config::dev(&Dev {
        listen: any,
        admin_listen: any,
        data: data.path().to_owned(),
        database: Some(app.database()),
    })
    .unwrap();
    let ring = KeyRing::line(&[7; 32]);
    config.keys = Keys::Ring(SecretText::new(str::from_utf8(ring.expose()).unwrap().to_owned()));
    config.webauthn.metadata = Some(service.file());

    let env = open(&config).await.unwrap();
    let listeners = Listeners::bind(any, any).await.unwrap();
    let address = listeners.public.local_addr().unwrap();
    let (stop, mut stops) = mpsc::channel(1);
    let waiting = async {
        let inbox = format!("http://{address}/dev/v1/messages?to={ADA}&wait=20");
        let inbox: Value = reqwest::get(inbox).await.unwrap().json().await.unwrap();
        stop.send(()).await.unwrap();
        inbox
    };
    let asked = async || {
        let _ = stops.recv().await;
    };
    let (ended, inbox) = tokio::join!(run(&config, env, listeners, asked), waiting);
    ended.unwrap();
    assert_eq!(inbox["messages"][0]["subject"], "A sign-in method was suspended", "{inbox}");
    let env = open_beside(&config).await.unwrap();
    assert_eq!(verify(&env).await.unwrap().flaws.len(), 0);
    env.store.close(env.clock.now()).await;
}
