//! What became of a passkey, or of its account: it goes on to require, and proves nothing.

use nightlatch_core::methods::State;
use nightlatch_flows::admin::users;
use nightlatch_store::units::account::Standing;
use serde_json::json;

use super::{
    acts::{ORIGIN, asking, enrol, present, sign_in},
    ceremonies::{Person, Purpose},
};
use crate::{
    acts::{ADA, STEP, login, signed_in},
    app::{App, Enrolled, PASSWORD, Totp, each_engine},
    database::{count, tamper},
    device::{Credential, Device},
};

fn devices() -> [Device; 2] {
    [Device::synced(ORIGIN), Device::touched(ORIGIN)]
}

/// Sets all passkeys aside, behind the back of every journey.
async fn set(app: &App, state: State) {
    let code = state.code();
    tamper(app, &format!("UPDATE methods SET state = {code} WHERE factor = 5")).await;
}

async fn spend_codes(app: &App) {
    tamper(app, "UPDATE recovery_codes SET used_at = 1").await;
}

#[tokio::test]
async fn a_passkey_that_is_not_active_requires_and_proves_nothing() {
    for device in devices() {
        each_engine(async |app| {
            let mut ada = Person::new(&app, ADA, device.clone()).await;
            for state in [State::Disabled, State::Suspended] {
                set(&app, State::Active).await;
                let temp = Purpose::SecondFactor.begin(&app, &ada).await;
                let step_up = Purpose::StepUp.begin(&app, &ada).await;
                set(&app, state).await;
                let sessions = count(&app, "sessions").await;
                let reply = sign_in(&app, &ada.device, &mut ada.credential).await;
                reply.refused(403, "method-not-allowed");
                for begun in [temp, step_up] {
                    let answer = begun.answer(&mut ada);
                    let reply = begun.finish(&app, &answer).await;
                    reply.refused(403, "method-not-allowed");
                }
                // The recovery codes are left.
                let asked = login(&app, ADA, PASSWORD).await.expect(200);
                assert_eq!(asked.json["mfa_types"], json!(["backup_code"]));
                let temp_token = asked.text_at("/temp_token");
                let options = super::acts::challenge(&app, &temp_token).await;
                options.refused(403, "method-not-allowed");
                let body = json!({ "method": "webauthn" });
                let options = app.post("/auth/step-up/options", Some(&ada.access), body).await;
                options.refused(403, "method-not-allowed");
                assert_eq!(count(&app, "sessions").await, sessions);
            }
            spend_codes(&app).await;
            let reply = login(&app, ADA, PASSWORD).await;
            reply.refused(403, "recovery-required");
            let reply = sign_in(&app, &ada.device, &mut ada.credential).await;
            reply.refused(403, "recovery-required");
        })
        .await;
    }
}

/// Somebody with an app and a passkey.
async fn with_both(app: &App, device: &Device) -> (Totp, Credential) {
    let access = signed_in(app, ADA).await;
    let Enrolled { totp, access_token, .. } = app.enrol_totp(&access).await;
    let (credential, _) = enrol(app, &access_token, device).await;
    spend_codes(app).await;
    app.clock.advance(STEP);
    (totp, credential)
}

#[tokio::test]
async fn beside_an_app_only_the_app_is_asked_for() {
    for device in devices() {
        each_engine(async |app| {
            let (totp, mut credential) = with_both(&app, &device).await;
            let asked = app.sign_in(ADA).await;
            assert_eq!(asked.json["mfa_types"], json!(["webauthn", "totp"]));
            for state in [State::Disabled, State::Suspended] {
                set(&app, state).await;
                let asked = app.sign_in(ADA).await;
                assert_eq!(asked.json["mfa_types"], json!(["totp"]));
                let reply = sign_in(&app, &device, &mut credential).await;
                reply.refused(403, "method-not-allowed");
                let tokens = app.sign_in_with(ADA, &totp).await;
                assert_eq!(tokens.json["session"]["level"], "aal2");
                app.clock.advance(STEP);
            }
            // The app does not stand in for a passkey that can be used, nor the other way round.
            set(&app, State::Active).await;
            tamper(&app, "UPDATE methods SET state = 3 WHERE factor = 2").await;
            assert_eq!(app.sign_in(ADA).await.json["mfa_types"], json!(["webauthn"]));
            set(&app, State::Suspended).await;
            login(&app, ADA, PASSWORD).await.refused(403, "recovery-required");
        })
        .await;
    }
}

#[tokio::test]
async fn who_holds_the_key_learns_that_the_account_is_disabled() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let begun = Purpose::SecondFactor.begin(&app, &ada).await;
        let account = users::find(&app.env, ADA).await.unwrap();
        users::set_standing(&app.env, &account, Standing::Disabled).await.unwrap();
        let sessions = count(&app, "sessions").await;
        let reply = sign_in(&app, &ada.device, &mut ada.credential).await;
        reply.refused(403, "account-disabled");
        let options = asking(&app).await;
        let mut wrong = ada.device.get(&mut ada.credential, &options.json["public_key"]);
        wrong["response"]["signature"] = json!("AAAA");
        present(&app, &options, &wrong).await.refused(401, "invalid-credential");
        let answer = begun.answer(&mut ada);
        begun.finish(&app, &answer).await.refused(401, "flow-ended");
        assert_eq!(count(&app, "sessions").await, sessions);
    })
    .await;
}

#[tokio::test]
async fn what_an_administrator_took_away_signs_nobody_in() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let account = users::find(&app.env, ADA).await.unwrap();
        users::reset_methods(&app.env, account).await.unwrap();
        assert_eq!(count(&app, "credentials").await, 0);
        let reply = sign_in(&app, &ada.device, &mut ada.credential).await;
        reply.refused(401, "invalid-credential");
        app.get("/auth/session", Some(&ada.access)).await.refused(401, "unauthenticated");
    })
    .await;
}

#[tokio::test]
async fn a_key_written_by_another_hand_opens_nothing() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        for change in ["trusted = 1 - trusted", "backup_eligible = 1 - backup_eligible"] {
            tamper(&app, &format!("UPDATE webauthn SET {change}")).await;
            let reply = sign_in(&app, &ada.device, &mut ada.credential).await;
            reply.refused(500, "internal");
            tamper(&app, &format!("UPDATE webauthn SET {change}")).await;
        }
        ada.session(&app).await;
    })
    .await;
}
