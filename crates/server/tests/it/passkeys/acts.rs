//! What stories with passkeys begin with.

use serde_json::{Value, json};

use crate::{
    acts::signed_in,
    app::{App, Reply},
    device::{Credential, Device},
};

/// Where the pages of the tests' server are.
pub(crate) const ORIGIN: &str = "http://localhost:8080";

/// Asks for the enrolment of a passkey; the answer of the call.
pub(crate) async fn enrolling(app: &App, access: &str, kind: &str) -> Reply {
    let path = "/auth/mfa/webauthn/register/options";
    app.post(path, Some(access), json!({ "kind": kind })).await
}

/// Sends what a browser made of an enrolment.
pub(crate) async fn register(
    app: &App,
    access: &str,
    options: &Reply,
    credential: &Value,
) -> Reply {
    let body =
        json!({ "challenge_token": options.json["challenge_token"], "credential": credential });
    app.post("/auth/mfa/webauthn/register", Some(access), body).await
}

/// Enrols what `device` makes; the credential, and the answer.
pub(crate) async fn enrol(app: &App, access: &str, device: &Device) -> (Credential, Reply) {
    let options = enrolling(app, access, "passkey").await.expect(200);
    let (credential, answer) = device.create(&options.json["public_key"]);
    let reply = register(app, access, &options, &answer).await.expect(201);
    (credential, reply)
}

/// Registers an address and enrols what `device` makes; the credential, and the answer.
pub(crate) async fn enrolled(app: &App, email: &str, device: &Device) -> (Credential, Reply) {
    let access = signed_in(app, email).await;
    enrol(app, &access, device).await
}

/// Begins a sign-in with a passkey.
pub(crate) async fn asking(app: &App) -> Reply {
    app.post("/auth/passkey/options", None, json!({})).await.expect(200)
}

/// Sends what a browser made of a sign-in with a passkey.
pub(crate) async fn present(app: &App, options: &Reply, credential: &Value) -> Reply {
    let body =
        json!({ "challenge_token": options.json["challenge_token"], "credential": credential });
    app.post("/auth/passkey", None, body).await
}

/// Signs in with a passkey.
pub(crate) async fn sign_in(app: &App, device: &Device, credential: &mut Credential) -> Reply {
    let options = asking(app).await;
    let answer = device.get(credential, &options.json["public_key"]);
    present(app, &options, &answer).await
}

/// Asks for a credential as the second factor of a sign-in.
pub(crate) async fn challenge(app: &App, temp_token: &str) -> Reply {
    let body = json!({ "temp_token": temp_token, "method": "webauthn" });
    app.post("/auth/login/mfa/options", None, body).await
}

/// Answers a second factor.
pub(crate) async fn answer(
    app: &App,
    temp_token: &str,
    options: &Reply,
    credential: &Value,
) -> Reply {
    let body = json!({
        "temp_token": temp_token,
        "method": "webauthn",
        "challenge_token": options.json["challenge_token"],
        "credential": credential,
    });
    app.post("/auth/login/mfa", None, body).await
}

/// Steps up by a credential.
pub(crate) async fn step_up(
    app: &App,
    access: &str,
    device: &Device,
    credential: &mut Credential,
) -> Reply {
    let options = json!({ "method": "webauthn" });
    let options = app.post("/auth/step-up/options", Some(access), options).await.expect(200);
    let credential = device.get(credential, &options.json["public_key"]);
    let body = json!({
        "method": "webauthn",
        "challenge_token": options.json["challenge_token"],
        "credential": credential,
    });
    app.post("/auth/step-up", Some(access), body).await
}
