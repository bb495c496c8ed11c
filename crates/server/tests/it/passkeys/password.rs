//! The password as the second factor, after a key that was only touched.

use std::time::Duration;

use serde_json::json;

use super::{
    acts::{ORIGIN, enrolled, sign_in},
    ceremonies::Person,
    trail::story,
};
use crate::{
    acts::{ADA, BOB, HOUR, login},
    app::{App, PASSWORD, Reply, each_engine},
    database::count,
    device::Device,
};

/// Wrong passwords that cost no wait.
const FREE: usize = 10;

async fn touched(app: &App, person: &mut Person) -> String {
    let asked = sign_in(app, &person.device, &mut person.credential).await.expect(200);
    asked.text_at("/temp_token")
}

async fn answer(app: &App, temp_token: &str, password: &str) -> Reply {
    let body = json!({ "temp_token": temp_token, "method": "password", "password": password });
    app.post("/auth/login/mfa", None, body).await
}

#[tokio::test]
async fn a_wrong_password_is_counted_and_ends_the_sign_in_at_last() {
    each_engine(async |app| {
        let mut ada = Person::new(&app, ADA, Device::touched(ORIGIN)).await;
        let (temp_token, other) = (touched(&app, &mut ada).await, touched(&app, &mut ada).await);
        let sessions = count(&app, "sessions").await;
        app.clock.advance(Duration::from_secs(1));
        for guess in 0..FREE {
            let wrong = format!("not this one, surely {guess}");
            answer(&app, &temp_token, &wrong).await.refused(401, "invalid-code");
        }
        let last = story(&app, &ada.user).await.pop().unwrap();
        assert_eq!(last, "sign_in failure password wrong_password");
        // That sign-in is over; the next one waits, and what is not looked at is not counted.
        answer(&app, &temp_token, PASSWORD).await.refused(401, "flow-ended");
        for _ in 0..2 * FREE {
            answer(&app, &other, PASSWORD).await.refused(429, "too-many-attempts");
        }
        assert_eq!(count(&app, "sessions").await, sessions);
        // A comparison moves the wait by a moment (crates/store/src/units/budget.rs).
        app.clock.advance(Duration::from_secs(31));
        let done = answer(&app, &other, PASSWORD).await.expect(200);
        assert_eq!(done.json["session"]["level"], "phishing_resistant");
        answer(&app, &other, PASSWORD).await.refused(401, "flow-ended");
        // Success gives all of them back.
        let next = touched(&app, &mut ada).await;
        for _ in 0..FREE - 1 {
            answer(&app, &next, "not this one").await.refused(401, "invalid-code");
        }
        answer(&app, &next, PASSWORD).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn its_budget_is_not_the_usual_one() {
    each_engine(async |app| {
        let mut ada = Person::new(&app, ADA, Device::touched(ORIGIN)).await;
        // A stranger's guesses do not keep who holds the key waiting.
        for _ in 0..FREE {
            login(&app, ADA, "not this one").await.refused(401, "invalid-credentials");
        }
        login(&app, ADA, PASSWORD).await.refused(429, "too-many-attempts");
        let temp_token = touched(&app, &mut ada).await;
        answer(&app, &temp_token, PASSWORD).await.expect(200);
        login(&app, ADA, PASSWORD).await.refused(429, "too-many-attempts");

        // And the other way round.
        app.clock.advance(HOUR);
        let temp_token = touched(&app, &mut ada).await;
        for _ in 0..FREE {
            answer(&app, &temp_token, "not this one").await.refused(401, "invalid-code");
        }
        login(&app, ADA, PASSWORD).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn it_is_the_password_of_who_touched_the_key() {
    each_engine(async |app| {
        let mut ada = Person::new(&app, ADA, Device::touched(ORIGIN)).await;
        let body = json!({ "email": BOB, "password": "walnut ember parade" });
        app.post("/auth/register", None, body).await.expect(201);
        let temp_token = touched(&app, &mut ada).await;
        let reply = answer(&app, &temp_token, "walnut ember parade").await;
        reply.refused(401, "invalid-code");
        // Where the password came first it is no second factor.
        let after_password = app.challenge(ADA).await;
        let reply = answer(&app, &after_password, PASSWORD).await;
        reply.refused(403, "method-not-allowed");
        for odd in ["totp", "webauthn", "email"] {
            let body = json!({ "temp_token": temp_token, "method": odd, "password": PASSWORD });
            app.post("/auth/login/mfa", None, body).await.refused(422, "invalid-values");
        }
        let done = answer(&app, &temp_token, PASSWORD).await.expect(200);
        assert_eq!(done.json["session"]["user_id"], ada.user);
    })
    .await;
}

#[tokio::test]
async fn it_is_asked_for_five_minutes() {
    each_engine(async |app| {
        let mut ada = Person::new(&app, ADA, Device::touched(ORIGIN)).await;
        let [early, late] = [touched(&app, &mut ada).await, touched(&app, &mut ada).await];
        app.clock.advance(Duration::from_secs(299));
        answer(&app, &early, PASSWORD).await.expect(200);
        app.clock.advance(Duration::from_secs(1));
        answer(&app, &late, PASSWORD).await.refused(401, "flow-ended");
    })
    .await;
}

#[tokio::test]
async fn a_change_of_the_account_ends_it() {
    each_engine(async |app| {
        let mut ada = Person::new(&app, ADA, Device::touched(ORIGIN)).await;
        let temp_token = touched(&app, &mut ada).await;
        let path = format!("/auth/mfa/methods/{}", ada.method);
        let removed = app.call("DELETE", &path, Some(&ada.access), serde_json::Value::Null).await;
        removed.expect(204);
        answer(&app, &temp_token, PASSWORD).await.refused(401, "flow-ended");
    })
    .await;
}

#[tokio::test]
async fn the_devices_that_a_passkey_makes_known_share_their_guesses() {
    each_engine(async |app| {
        let device = Device::synced(ORIGIN);
        let (mut passkey, _) = enrolled(&app, ADA, &device).await;
        let mut tokens = Vec::new();
        for _ in 0..3 {
            let reply = sign_in(&app, &device, &mut passkey).await.expect(200);
            tokens.push(reply.text_at("/device_token"));
        }
        let guess = async |token: &str| {
            let body = json!({ "email": ADA, "password": "no such one", "device_token": token });
            app.post("/auth/login", None, body).await
        };
        for number in 0..10 {
            guess(&tokens[number % 3]).await.refused(401, "invalid-credentials");
        }
        for token in &tokens {
            guess(token).await.refused(429, "too-many-attempts");
        }
    })
    .await;
}
