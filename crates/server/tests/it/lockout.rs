//! Guesses are counted before they are looked at, and a lock can't be turned against its owner.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use axum::{body::Body, extract::Request};
use serde_json::{Value, json};

use crate::{
    acts::{
        ADA, BOB, HOUR, STEP, answer, at_once, enrolled, login, login_on, posts_at_once, signed_in,
        step_up, with_status, wrong_code, wrong_codes,
    },
    app::{App, Enrolled, PASSWORD, Reply, Totp, each_engine},
    database::tamper,
};

/// Guesses at a second factor that cost no wait.
const FREE: usize = 5;

/// Guesses in a row that disable a factor.
const MOST: usize = 100;

/// How long a refusal asks to wait.
#[track_caller]
fn wait(reply: &Reply) -> Duration {
    assert_eq!((reply.status.as_u16(), reply.code()), (429, "too-many-attempts"));
    assert_eq!(reply.json["next"], "wait");
    Duration::from_secs(reply.headers["retry-after"].to_str().unwrap().parse().unwrap())
}

/// Guesses wrong as often as costs nothing.
async fn use_up(app: &App, step: &str, totp: &Totp) {
    for code in wrong_codes(totp, app.now()).take(FREE) {
        answer(app, step, &code).await.refused(401, "invalid-code");
    }
    assert_eq!(wait(&answer(app, step, &totp.code_at(app.now())).await), STEP);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_guesses_at_once_five_are_looked_at() {
    each_engine(async |app| {
        let app = Arc::new(app);
        let Enrolled { totp, .. } = enrolled(&app, ADA).await;
        let mut steps = Vec::new();
        for _ in 0..20 {
            steps.push(app.challenge(ADA).await);
        }
        let replies =
            at_once(wrong_codes(&totp, app.now()).take(200).enumerate().map(|(number, code)| {
                let (app, step) = (Arc::clone(&app), steps[number % steps.len()].clone());
                async move { answer(&app, &step, &code).await }
            }))
            .await;
        assert_eq!(with_status(&replies, 401), FREE);
        for reply in replies.iter().filter(|reply| reply.status != 401) {
            assert_eq!(wait(reply), STEP);
        }
        // Nothing of it was lost, and none of the refused ones was counted.
        app.clock.advance(STEP);
        let step = app.challenge(ADA).await;
        answer(&app, &step, &wrong_code(&totp, app.now())).await.refused(401, "invalid-code");
        let next = answer(&app, &step, &totp.code_at(app.now())).await;
        assert_eq!(wait(&next), 2 * STEP);
    })
    .await;
}

#[tokio::test]
async fn neither_a_restart_nor_a_new_sign_in_gives_guesses_back() {
    each_engine(async |app| {
        let Enrolled { totp, .. } = enrolled(&app, ADA).await;
        use_up(&app, &app.challenge(ADA).await, &totp).await;
        let again = app.challenge(ADA).await;
        wait(&answer(&app, &again, &totp.code_at(app.now())).await);

        let app = app.restart().await;
        for step in [again, app.challenge(ADA).await] {
            wait(&answer(&app, &step, &totp.code_at(app.now())).await);
        }
        app.clock.advance(STEP);
        app.sign_in_with(ADA, &totp).await;
    })
    .await;
}

#[tokio::test]
async fn a_new_session_gives_no_guesses_back() {
    each_engine(async |app| {
        let Enrolled { totp, access_token, .. } = enrolled(&app, ADA).await;
        let tokens = app.sign_in_with(ADA, &totp).await;
        app.clock.advance(STEP);
        for code in wrong_codes(&totp, app.now()).take(FREE) {
            step_up(&app, &access_token, &code).await.refused(401, "invalid-code");
        }
        let code = totp.code_at(app.now());
        for session in [&access_token, &tokens.text_at("/access_token")] {
            wait(&step_up(&app, session, &code).await);
        }
        // A device that signed in before counts with the sessions.
        let known = login_on(&app, ADA, &tokens.text_at("/device_token")).await.expect(200);
        wait(&answer(&app, &known.text_at("/temp_token"), &code).await);
    })
    .await;
}

#[tokio::test]
async fn a_thief_of_the_password_does_not_keep_the_owner_waiting() {
    each_engine(async |app| {
        let Enrolled { totp, .. } = enrolled(&app, ADA).await;
        let device = app.sign_in_with(ADA, &totp).await.text_at("/device_token");
        app.clock.advance(STEP);
        use_up(&app, &app.challenge(ADA).await, &totp).await;

        let known = login_on(&app, ADA, &device).await.expect(200).text_at("/temp_token");
        answer(&app, &known, &totp.code_at(app.now())).await.expect(200);
    })
    .await;
}

/// Signs in from an address, with a password that is wrong.
async fn guess_from(app: &App, address: Ipv4Addr) -> Reply {
    let body = json!({ "email": ADA, "password": "no such password" }).to_string();
    let request = Request::post("/auth/login")
        .header("host", "localhost:8080")
        .header("content-type", "application/json")
        .body(Body::from(body))
        .unwrap();
    app.send(request, address.into()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_passwords_at_once_ten_are_looked_at() {
    each_engine(async |app| {
        let app = Arc::new(app);
        app.register(ADA).await;
        for email in [ADA, "nobody@example.org"] {
            let body = json!({ "email": email, "password": "not this one, surely" });
            let replies = posts_at_once(&app, 200, "/auth/login", &body).await;
            assert_eq!((with_status(&replies, 401), with_status(&replies, 429)), (10, 190));
        }
    })
    .await;
}

#[tokio::test]
async fn without_the_password_nobody_touches_the_second_factors_attempts() {
    each_engine(async |app| {
        let Enrolled { totp, .. } = enrolled(&app, ADA).await;
        let device = app.sign_in_with(ADA, &totp).await.text_at("/device_token");
        app.clock.advance(STEP);
        // First from one network, which is soon made to wait, then from very many.
        for (network, expected) in (0..20_u8).map(|guess| (0, guess < 10)) {
            let reply = guess_from(&app, Ipv4Addr::new(203, 0, network, 7)).await;
            assert_eq!(reply.status == 401, expected, "{}", reply.text);
        }
        let mut looked_at = 0;
        for network in 1..=180 {
            let reply = guess_from(&app, Ipv4Addr::new(203, 0, network, 7)).await;
            looked_at += usize::from(reply.status == 401);
        }
        assert_eq!(looked_at, 90, "of a hundred altogether");
        wait(&login(&app, ADA, PASSWORD).await);

        // The owner's device goes on as before, and all guesses at the code are still there.
        let known = login_on(&app, ADA, &device).await.expect(200).text_at("/temp_token");
        for code in wrong_codes(&totp, app.now()).take(FREE - 1) {
            answer(&app, &known, &code).await.refused(401, "invalid-code");
        }
        answer(&app, &known, &totp.code_at(app.now())).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn ten_wrong_codes_end_a_sign_in() {
    each_engine(async |app| {
        for (email, wrong, expected) in [(ADA, 9, ""), (BOB, 10, "flow-ended")] {
            let Enrolled { totp, .. } = enrolled(&app, email).await;
            let step = app.challenge(email).await;
            // Each kind is counted apart, and both with the sign-in.
            let lookups = (0..).map(|number| format!("0000-0000-0000-000{number}"));
            let codes = wrong_codes(&totp, app.now()).take(FREE).chain(lookups);
            for code in codes.take(wrong) {
                answer(&app, &step, &code).await.refused(401, "invalid-code");
            }
            app.clock.advance(STEP);
            let reply = answer(&app, &step, &totp.code_at(app.now())).await;
            assert_eq!(reply.code(), expected, "after {wrong}: {}", reply.text);
        }
    })
    .await;
}

/// Guesses wrong until the app is disabled; what the password led to before the last guess.
async fn disable_app(app: &App, email: &str, totp: &Totp, guesses: usize) -> String {
    let mut last = String::new();
    for guess in 0..guesses {
        app.clock.advance(HOUR);
        last = app.challenge(email).await;
        let reply = answer(app, &last, &wrong_code(totp, app.now())).await;
        assert_eq!(reply.code(), "invalid-code", "at {guess}: {}", reply.text);
    }
    last
}

/// The same after a walk that is not shown.
async fn disable_app_soon(app: &App, email: &str, totp: &Totp) -> String {
    disable_app(app, email, totp, 1).await;
    tamper(app, "UPDATE attempts SET failures = 99").await;
    disable_app(app, email, totp, 1).await
}

#[tokio::test]
async fn a_disabled_app_leaves_the_recovery_codes() {
    each_engine(async |app| {
        let Enrolled { totp, recovery_codes, .. } = enrolled(&app, ADA).await;
        let before = disable_app_soon(&app, ADA, &totp).await;
        assert_eq!(app.mail(ADA).await.unwrap().subject, "A second factor was disabled");
        answer(&app, &before, &totp.code_at(app.now())).await.refused(403, "method-not-allowed");

        let challenge = app.sign_in(ADA).await;
        assert_eq!(challenge.json["mfa_types"], json!(["backup_code"]));
        assert_eq!(challenge.json["methods"], json!([]));
        let step = challenge.text_at("/temp_token");
        answer(&app, &step, &totp.code_at(app.now())).await.refused(403, "method-not-allowed");
        let access = answer(&app, &step, &recovery_codes[0]).await.expect(200);
        let access = access.text_at("/access_token");
        let held = app.get("/auth/mfa/methods", Some(&access)).await.expect(200);
        assert_eq!(held.json["methods"][0]["state"], "disabled");
        assert_eq!(held.json["methods"][0]["enabled"], false);
    })
    .await;
}

#[tokio::test]
async fn a_disabled_app_without_recovery_codes_opens_nothing_to_a_thief() {
    each_engine(async |app| {
        let Enrolled { totp, recovery_codes, .. } = enrolled(&app, ADA).await;
        for code in &recovery_codes {
            let step = app.challenge(ADA).await;
            answer(&app, &step, code).await.expect(200);
        }
        let before = disable_app(&app, ADA, &totp, MOST).await;

        for _ in 0..3 {
            let refused = login(&app, ADA, PASSWORD).await.refused(403, "recovery-required");
            assert_eq!(refused.json["next"], "recover");
            assert!(!refused.text.contains("nlt_"), "{}", refused.text);
        }
        let one_shot = json!({
            "email": ADA, "password": PASSWORD, "mfa_token": totp.code_at(app.now()),
        });
        app.post("/auth/login/mfa", None, one_shot).await.refused(403, "recovery-required");
        let enable = app.post("/auth/mfa/enable", Some(&before), Value::Null).await;
        enable.refused(401, "unauthenticated");
    })
    .await;
}

#[tokio::test]
async fn the_owner_of_a_disabled_app_can_enrol_another() {
    each_engine(async |app| {
        for (email, remove) in [(ADA, false), (BOB, true)] {
            let Enrolled { totp, recovery_codes, .. } = enrolled(&app, email).await;
            disable_app_soon(&app, email, &totp).await;
            let step = app.challenge(email).await;
            let access = answer(&app, &step, &recovery_codes[0]).await.text_at("/access_token");
            let bearer = Some(&*access);
            if remove {
                let held = app.get("/auth/mfa/methods", bearer).await.expect(200);
                let path = format!("/auth/mfa/methods/{}", held.text_at("/methods/0/id"));
                app.call("DELETE", &path, bearer, Value::Null).await.expect(204);
            }
            let named = json!({ "name": "New phone" });
            let setup = app.post("/auth/mfa/enable", bearer, named).await.expect(200);
            let new = Totp::from_base32(&setup.text_at("/secret"));
            let body = json!({ "token": new.code_at(app.now()) });
            app.post("/auth/mfa/confirm", bearer, body).await.expect(200);
            app.clock.advance(STEP);
            app.sign_in_with(email, &new).await;
            let step = app.challenge(email).await;
            app.clock.advance(STEP);
            answer(&app, &step, &totp.code_at(app.now())).await.refused(401, "invalid-code");
        }
    })
    .await;
}

#[tokio::test]
async fn wrong_step_ups_of_one_person_slow_nobody_else_down() {
    each_engine(async |app| {
        let Enrolled { totp, access_token, .. } = enrolled(&app, ADA).await;
        let bob = signed_in(&app, BOB).await;
        for code in wrong_codes(&totp, app.now()).take(FREE) {
            step_up(&app, &access_token, &code).await.refused(401, "invalid-code");
        }
        let body = json!({ "method": "password", "password": PASSWORD });
        app.post("/auth/step-up", Some(&bob), body).await.expect(200);
    })
    .await;
}
