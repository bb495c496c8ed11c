//! Once means once: of many who present the same thing at the same time, one gets through.

use std::{sync::Arc, time::Duration};

use nightlatch_flows::admin::invite::{Invited, invite};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    acts::{
        ADA, HOUR, STEP, answer, at_once, enrolled, is_shared, login_on, mailed_link, only_one,
        posts_at_once, refresh, signed_in, with_status,
    },
    app::{App, Enrolled, PASSWORD, Reply, Setup, Totp, each_engine, each_engine_with},
    database::count,
};

const AT_ONCE: usize = 64;
const ROUNDS: usize = 3;

/// What losers of a race for a code are told: it was not looked at, or not accepted.
const LOST: [(u16, &str); 2] = [(401, "invalid-code"), (429, "too-many-attempts")];

/// Presents a code in as many sign-ins as there are, all at once.
async fn present_everywhere(app: &Arc<App>, nodes: &[&Arc<App>], code: &str) -> Reply {
    let mut calls = Vec::new();
    for number in 0..AT_ONCE {
        let step = app.challenge(ADA).await;
        let (node, code) = (Arc::clone(nodes[number % nodes.len()]), code.to_owned());
        calls.push(async move { answer(&node, &step, &code).await });
    }
    only_one(at_once(calls).await, &LOST)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_completes_one_of_many_sign_ins() {
    each_engine(async |app| {
        let app = Arc::new(app);
        let Enrolled { totp, .. } = enrolled(&app, ADA).await;
        for _ in 0..ROUNDS {
            let code = totp.code_at(app.now());
            let won = present_everywhere(&app, &[&app], &code).await;
            app.get("/auth/session", Some(&won.text_at("/access_token"))).await.expect(200);
            app.clock.advance(HOUR);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code_completes_one_of_many_sign_ins() {
    each_engine(async |app| {
        let app = Arc::new(app);
        let Enrolled { recovery_codes, .. } = enrolled(&app, ADA).await;
        for (round, code) in recovery_codes.iter().take(ROUNDS).enumerate() {
            let won = present_everywhere(&app, &[&app], code).await;
            let access = won.text_at("/access_token");
            let held = app.get("/auth/mfa/methods", Some(&access)).await.expect(200);
            assert_eq!(held.json["recovery_codes"]["remaining"], 9 - round);
            app.clock.advance(HOUR);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_completes_once_whatever_is_presented() {
    each_engine(async |app| {
        let app = Arc::new(app);
        let Enrolled { totp, recovery_codes, .. } = enrolled(&app, ADA).await;
        let lost = [LOST[0], LOST[1], (401, "flow-ended")];
        let mut left = 10;
        for codes in recovery_codes.chunks(3) {
            let step = app.challenge(ADA).await;
            let body = json!({ "temp_token": step, "mfa_token": totp.code_at(app.now()) });
            let replies = posts_at_once(&app, AT_ONCE, "/auth/login/mfa", &body).await;
            only_one(replies, &lost);
            app.clock.advance(STEP);

            // Good codes of two kinds: those that lose are not spent.
            let step = app.challenge(ADA).await;
            let codes = codes.iter().cloned().chain([totp.code_at(app.now())]);
            let replies = at_once(codes.map(|code| {
                let (app, step) = (Arc::clone(&app), step.clone());
                async move { answer(&app, &step, &code).await }
            }))
            .await;
            let won = only_one(replies, &lost);
            let amr = won.json["session"]["amr"].as_array().unwrap();
            left -= usize::from(amr.contains(&json!("nl:lookup")));
            let access = won.text_at("/access_token");
            let held = app.get("/auth/mfa/methods", Some(&access)).await.expect(200);
            assert_eq!(held.json["recovery_codes"]["remaining"], left);
            app.clock.advance(HOUR);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_is_exchanged_once_and_the_winner_goes_on() {
    each_engine(async |app| {
        let app = Arc::new(app);
        app.register(ADA).await;
        let mut token = app.sign_in(ADA).await.text_at("/refresh_token");
        for _ in 0..ROUNDS {
            let body = json!({ "refresh_token": token });
            let replies = posts_at_once(&app, AT_ONCE, "/auth/refresh", &body).await;
            let won = only_one(replies, &[(409, "refresh-superseded")]);
            app.get("/auth/session", Some(&won.text_at("/access_token"))).await.expect(200);
            let next = refresh(&app, &won.text_at("/refresh_token")).await.expect(200);
            app.get("/auth/session", Some(&next.text_at("/access_token"))).await.expect(200);
            token = next.text_at("/refresh_token");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enrolment_is_confirmed_once() {
    each_engine(async |app| {
        let app = Arc::new(app);
        let access = signed_in(&app, ADA).await;
        let setup = app.post("/auth/mfa/enable", Some(&access), Value::Null).await.expect(200);
        let code = Totp::from_base32(&setup.text_at("/secret")).code_at(app.now());
        let replies = at_once((0..AT_ONCE).map(|_| {
            let (app, access, body) = (Arc::clone(&app), access.clone(), json!({ "token": code }));
            async move { app.post("/auth/mfa/confirm", Some(&access), body).await }
        }))
        .await;
        only_one(replies, &[(400, "setup-not-found"), (401, "unauthenticated")]);
        assert_eq!(count(&app, "methods").await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailed_link_makes_one_account() {
    let setup = Setup::default().settings(|settings| settings.verify_email = true);
    each_engine_with(setup, async |app| {
        let app = Arc::new(app);
        let registration = app.register(ADA).await.text_at("/registration_token");
        let body = json!({
            "token": mailed_link(&app, ADA).await,
            "registration_token": registration,
        });
        let replies = posts_at_once(&app, AT_ONCE, "/auth/register/verify", &body).await;
        only_one(replies, &[(400, "invalid-token")]);
        assert_eq!((count(&app, "users").await, count(&app, "sessions").await), (1, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_makes_one_account() {
    each_engine(async |app| {
        let app = Arc::new(app);
        let Invited::Link(link) = invite(&app.env, ADA).await.unwrap() else {
            panic!("there is no account yet");
        };
        let body = json!({ "email": ADA, "password": PASSWORD, "invite": link.expose() });
        let replies = posts_at_once(&app, AT_ONCE, "/auth/register", &body).await;
        only_one(replies, &[(400, "invalid-token")]);
        assert_eq!(count(&app, "users").await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_gets_one_account_of_many_registrations() {
    each_engine(async |app| {
        let app = Arc::new(app);
        let body = json!({ "email": ADA, "password": PASSWORD });
        let replies = posts_at_once(&app, AT_ONCE, "/auth/register", &body).await;
        assert_eq!(with_status(&replies, 201), AT_ONCE);
        assert_eq!((count(&app, "users").await, count(&app, "addresses").await), (1, 1));
        app.sign_in(ADA).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_used_on_one_node_is_used_on_all() {
    each_engine(async |app| {
        if !is_shared(&app) {
            return;
        }
        let other = Arc::new(app.second_node().await);
        let app = Arc::new(app);
        let Enrolled { totp, recovery_codes, .. } = enrolled(&app, ADA).await;
        let code = totp.code_at(app.now());
        let used = app.challenge(ADA).await;
        let tokens = answer(&app, &used, &code).await.expect(200);
        let device = tokens.text_at("/device_token");
        for (code, refusal) in [(&code, "invalid-code"), (&recovery_codes[0], "")] {
            let step = other.challenge(ADA).await;
            let reply = answer(&other, &step, code).await;
            assert_eq!(reply.code(), refusal, "{}", reply.text);
        }
        answer(&other, &used, &recovery_codes[1]).await.refused(401, "flow-ended");
        let step = app.challenge(ADA).await;
        answer(&app, &step, &recovery_codes[0]).await.refused(401, "invalid-code");

        let access = tokens.text_at("/access_token");
        other.get("/auth/session", Some(&access)).await.expect(200);
        app.post("/auth/logout", Some(&access), json!({})).await.expect(204);
        heard_of_within_a_second(&other, &access).await;
        let ended = refresh(&other, &tokens.text_at("/refresh_token")).await;
        ended.refused(400, "invalid-token");

        for _ in 0..ROUNDS {
            app.clock.advance(HOUR);
            present_everywhere(&app, &[&app, &other], &totp.code_at(app.now())).await;
        }
        login_on(&other, ADA, &device).await.expect(200);
    })
    .await;
}

/// Waits until a node knows that the session of `access`, which it has served before, ended elsewhere.
async fn heard_of_within_a_second(node: &App, access: &str) {
    let refused = async {
        while node.get("/auth/session", Some(access)).await.status != 401 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(1), refused).await.expect("it is refused everywhere");
}
