//! Every journey once, with what goes wrong on the way.

use nightlatch_flows::admin::invite::{Invited, invite};
use serde_json::{Value, json};

use crate::{
    acts::{ADA, BOB, STEP, wrong_code},
    app::{PASSWORD, Totp},
    calls::APPLICATION,
    device::Device,
    passkeys::acts::ORIGIN,
    secrets::witness::Witness,
};

const NEW: &str = "walnut ember parade";

/// Makes every call.
pub(super) async fn tell(witness: &mut Witness<'_>) {
    let access = join(witness).await;
    let (access, totp) = enrol(witness, &access).await;
    sign_in(witness, &totp).await;
    let access = step_up(witness, &access, &totp).await;
    let access = passkey(witness, &access).await;
    manage(witness, &access).await;
    sessions(witness).await;
    administrate(witness).await;
    for path in [
        "/auth/config",
        "/.well-known/jwks.json",
        "/.well-known/webauthn",
        "/.well-known/passkey-endpoints",
    ] {
        witness.call("GET", path, None, Value::Null).await.expect(200);
    }
}

async fn join(witness: &mut Witness<'_>) -> String {
    let body = json!({ "email": ADA, "password": PASSWORD, "name": "Ada", "locale": "en" });
    let registered = witness.post("/auth/register", None, body).await.expect(201);
    witness.mailed(ADA).await;
    witness.post("/auth/register/resend", None, json!({ "email": ADA })).await.expect(202);
    let link = witness.mailed(ADA).await;
    let verify = "/auth/register/verify";
    witness.post(verify, None, json!({ "token": link })).await.refused(422, "password-required");
    let weak = json!({ "token": link, "password": "weak but known" });
    witness.post(verify, None, weak).await.refused(422, "invalid-values");
    let kept = registered.text_at("/registration_token");
    let body = json!({ "token": link, "registration_token": kept });
    let tokens = witness.post(verify, None, body.clone()).await.expect(200);
    witness.post(verify, None, body).await.refused(400, "invalid-token");

    let wrong = json!({ "email": ADA, "password": "wrong but known" });
    witness.post("/auth/login", None, wrong).await.refused(401, "invalid-credentials");
    let access = tokens.text_at("/access_token");
    let prove = json!({ "method": "email" });
    witness.post("/auth/step-up/options", Some(&access), prove).await.expect(202);
    let code = witness.mailed(ADA).await;
    let body = json!({ "method": "email", "code": code });
    let proved = witness.post("/auth/step-up", Some(&access), body).await.expect(200);
    proved.text_at("/access_token")
}

async fn enrol(witness: &mut Witness<'_>, access_token: &str) -> (String, Totp) {
    let bearer = Some(access_token);
    witness.call("GET", "/auth/mfa/available", bearer, Value::Null).await.expect(200);
    let setup = witness.post("/auth/mfa/enable", bearer, Value::Null).await.expect(200);
    let totp = Totp::from_base32(&setup.text_at("/secret"));
    let now = witness.app.now();
    let confirm = "/auth/mfa/confirm";
    let wrong = json!({ "token": wrong_code(&totp, now) });
    witness.post(confirm, bearer, wrong).await.refused(400, "invalid-code");
    let right = json!({ "token": totp.code_at(now) });
    let confirmed = witness.post(confirm, bearer, right).await.expect(200);
    for code in setup.json["backup_codes"].as_array().unwrap() {
        witness.add("a recovery code", code.as_str().unwrap());
    }
    (confirmed.text_at("/tokens/access_token"), totp)
}

async fn sign_in(witness: &mut Witness<'_>, totp: &Totp) {
    let lookups: Vec<String> = witness
        .secrets
        .values()
        .filter(|secret| secret.len() == 19 && secret.matches('-').count() == 3)
        .cloned()
        .collect();
    witness.app.clock.advance(STEP);
    let body = json!({ "email": ADA, "password": PASSWORD });
    let challenge = witness.post("/auth/login", None, body.clone()).await.expect(200);
    let step = challenge.text_at("/temp_token");
    let now = witness.app.now();
    let options = json!({ "temp_token": step, "method": "totp" });
    let refused = witness.post("/auth/login/mfa/options", None, options).await;
    refused.refused(403, "method-not-allowed");
    for (code, status) in [
        (wrong_code(totp, now), 401),
        ("no code".to_owned(), 422),
        (totp.code_at(now), 200),
        (lookups[1].clone(), 401),
    ] {
        let body = json!({ "temp_token": step, "mfa_token": code });
        witness.post("/auth/login/mfa", None, body).await.expect(status);
    }
    for status in [200, 401] {
        let mut shot = body.clone();
        shot["mfa_token"] = json!(lookups[0]);
        witness.post("/auth/login/mfa", None, shot).await.expect(status);
    }
}

async fn step_up(witness: &mut Witness<'_>, access_token: &str, totp: &Totp) -> String {
    witness.app.clock.advance(STEP);
    let code = totp.code_at(witness.app.now());
    let mut access = access_token.to_owned();
    for body in [
        json!({ "method": "password", "password": "wrong but known too" }),
        json!({ "method": "password", "password": PASSWORD }),
        json!({ "method": "totp", "code": code }),
        json!({ "method": "totp", "code": code }),
    ] {
        let reply = witness.post("/auth/step-up", Some(&access), body).await;
        if reply.status.is_success() {
            access = reply.text_at("/access_token");
        } else {
            reply.refused(401, "invalid-code");
        }
    }
    access
}

/// Enrols a passkey and uses it in every way; what it protects is changed with it alone from now on.
async fn passkey(witness: &mut Witness<'_>, access_token: &str) -> String {
    let device = Device::synced(ORIGIN);
    let register = "/auth/mfa/webauthn/register";
    let options = format!("{register}/options");
    let wish = json!({ "kind": "passkey", "name": "Key ring" });
    let asked = witness.post(&options, Some(access_token), wish).await.expect(200);
    let (mut credential, made) = device.create(&asked.json["public_key"]);
    let body = json!({ "challenge_token": asked.json["challenge_token"], "credential": made });
    let enrolled = witness.post(register, Some(access_token), body.clone()).await.expect(201);
    let access = enrolled.text_at("/tokens/access_token");
    witness.post(register, Some(&access), body).await.refused(400, "invalid-credential");

    let asked = witness.post("/auth/passkey/options", None, json!({})).await.expect(200);
    let answer = device.get(&mut credential, &asked.json["public_key"]);
    let body = json!({ "challenge_token": asked.json["challenge_token"], "credential": answer });
    witness.post("/auth/passkey", None, body.clone()).await.expect(200);
    witness.post("/auth/passkey", None, body).await.refused(401, "invalid-credential");

    let asking = json!({ "method": "webauthn" });
    let asked = witness.post("/auth/step-up/options", Some(&access), asking).await.expect(200);
    let answer = device.get(&mut credential, &asked.json["public_key"]);
    let mut body = json!({ "method": "webauthn", "credential": answer });
    body["challenge_token"] = asked.json["challenge_token"].clone();
    let raised = witness.post("/auth/step-up", Some(&access), body.clone()).await.expect(200);
    let access = raised.text_at("/access_token");
    witness.post("/auth/step-up", Some(&access), body).await.refused(401, "invalid-code");
    access
}

async fn manage(witness: &mut Witness<'_>, access_token: &str) {
    let bearer = Some(access_token);
    witness.call("GET", "/auth/me", bearer, Value::Null).await.expect(200);
    witness.call("PATCH", "/auth/me", bearer, json!({ "name": "Ada L" })).await.expect(200);
    let held = witness.call("GET", "/auth/mfa/methods", bearer, Value::Null).await.expect(200);
    let method = format!("/auth/mfa/methods/{}", held.text_at("/methods/0/id"));
    let passkey = format!("/auth/mfa/methods/{}", held.text_at("/methods/1/id"));
    witness.call("PATCH", &method, bearer, json!({ "name": "Old phone" })).await.expect(200);
    let regenerate = "/auth/mfa/recovery-codes";
    let codes = witness.post(regenerate, bearer, Value::Null).await.expect(201);
    let kept = json!({ "generated_at": codes.text_at("/generated_at") });
    let acknowledge = format!("{regenerate}/acknowledge");
    witness.post(&acknowledge, bearer, kept).await.expect(204);
    let body = json!({ "audience": APPLICATION });
    witness.post("/auth/token", bearer, body).await.expect(200);
    let body = json!({ "current_password": PASSWORD, "new_password": NEW });
    witness.post("/auth/password", bearer, body).await.expect(204);
    witness.call("DELETE", &method, bearer, Value::Null).await.expect(204);
    witness.call("DELETE", &passkey, bearer, Value::Null).await.expect(204);
}

async fn sessions(witness: &mut Witness<'_>) {
    let login = json!({ "email": ADA, "password": NEW });
    let other = witness.post("/auth/login", None, login.clone()).await.expect(200);
    let tokens = witness.post("/auth/login", None, login).await.expect(200);
    let old = json!({ "refresh_token": tokens.text_at("/refresh_token") });
    let next = witness.post("/auth/refresh", None, old.clone()).await.expect(200);
    witness.post("/auth/refresh", None, old).await.refused(409, "refresh-superseded");
    let access = next.text_at("/access_token");
    let bearer = Some(&*access);
    for path in ["/auth/session", "/auth/sessions"] {
        witness.call("GET", path, bearer, Value::Null).await.expect(200);
    }
    let path = format!("/auth/sessions/{}", other.text_at("/session/id"));
    witness.call("DELETE", &path, bearer, Value::Null).await.expect(204);
    witness.post("/auth/sessions/revoke-others", bearer, Value::Null).await.expect(204);
    witness.post("/auth/logout", bearer, json!({ "everywhere": true })).await.expect(204);
    witness.call("GET", "/auth/me", bearer, Value::Null).await.refused(401, "unauthenticated");
}

async fn administrate(witness: &mut Witness<'_>) {
    let Invited::Link(link) = invite(&witness.app.env, BOB).await.unwrap() else {
        panic!("there is no account yet");
    };
    let body = json!({ "email": BOB, "password": PASSWORD, "invite": link.expose() });
    witness.post("/auth/register", None, body.clone()).await.expect(201);
    witness.post("/auth/register", None, body).await.refused(400, "invalid-token");
    let login = json!({ "email": BOB, "password": PASSWORD });
    let required = witness.post("/auth/login", None, login).await.expect(200);
    enrol(witness, &required.text_at("/temp_token")).await;
}
