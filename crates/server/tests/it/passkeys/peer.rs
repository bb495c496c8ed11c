//! passkey-rs as browser and authenticator: an implementation that is not ours, end to end.

use passkey_authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod};
use passkey_client::{Client, DefaultClientData};
use passkey_crypto::AvailableBackend;
use passkey_types::{
    Passkey,
    ctap2::{Aaguid, Ctap2Error},
};
use serde_json::{Value, json};
use url::Url;

use super::acts::{ORIGIN, answer, asking, challenge, enrolling, present, register};
use crate::{
    acts::{ADA, signed_in},
    app::{App, each_engine},
};

/// Somebody who touches, and looks where they can.
struct Willing;

#[async_trait::async_trait]
impl UserValidationMethod for Willing {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        _: UiHint<'a, Passkey>,
        presence: bool,
        verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck { presence, verification })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

/// What is asked, as it came over the wire.
fn asked<T: serde::de::DeserializeOwned>(public_key: &Value) -> T {
    serde_json::from_value(json!({ "publicKey": public_key })).unwrap()
}

async fn story(app: &App, counts: bool) {
    let mut authenticator =
        Authenticator::new(Aaguid::new_empty(), None::<Passkey>, Willing, AvailableBackend);
    authenticator.set_make_credentials_with_signature_counter(counts);
    let mut peer = Client::new(authenticator).allows_insecure_localhost(true);
    let page: Url = ORIGIN.parse().unwrap();

    let access = signed_in(app, ADA).await;
    let options = enrolling(app, &access, "passkey").await.expect(200);
    let made =
        peer.register(&page, asked(&options.json["public_key"]), DefaultClientData).await.unwrap();
    let made = serde_json::to_value(&made).unwrap();
    let reply = register(app, &access, &options, &made).await.expect(201);
    assert_eq!(reply.json["method"]["synced"], true);
    assert_eq!(reply.json["tokens"]["session"]["level"], "phishing_resistant");

    for _ in 0..2 {
        let options = asking(app).await;
        let asked = asked(&options.json["public_key"]);
        let given = peer.authenticate(&page, asked, DefaultClientData).await.unwrap();
        let given = serde_json::to_value(&given).unwrap();
        let reply = present(app, &options, &given).await.expect(200);
        assert_eq!(reply.json["status"], "complete", "{}", reply.text);
        present(app, &options, &given).await.refused(401, "invalid-credential");
    }

    let temp_token = app.challenge(ADA).await;
    let options = challenge(app, &temp_token).await.expect(200);
    let asked = asked(&options.json["public_key"]);
    let given = peer.authenticate(&page, asked, DefaultClientData).await.unwrap();
    let given = serde_json::to_value(&given).unwrap();
    answer(app, &temp_token, &options, &given).await.expect(200);
}

#[tokio::test]
async fn passkey_rs_enrols_and_signs_in() {
    each_engine(async |app| story(&app, false).await).await;
}

#[tokio::test]
async fn passkey_rs_counts() {
    each_engine(async |app| story(&app, true).await).await;
}
