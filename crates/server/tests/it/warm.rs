//! Who calls again is known from memory, and whatever changes is known at once.

use std::time::Duration;

use nightlatch_flows::admin::users;
use nightlatch_store::units::account::Standing;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    acts::{ADA, BOB, HOUR, STEP, enrolled, refresh, step_up},
    app::{App, Enrolled, PASSWORD, Reply, each_engine},
};

const SESSION: &str = "/auth/session";

/// Presents a token; the answer, and whether no database was asked.
async fn present(app: &App, token: &str) -> (Reply, bool) {
    let before = app.env.store.statements();
    let reply = app.get(SESSION, Some(token)).await;
    (reply, app.env.store.statements() == before)
}

/// Presents a token until its caller is known from memory: that waits only for the store to hear of
/// changes.
async fn warm(app: &App, token: &str) {
    let warming = async {
        loop {
            let (reply, from_memory) = present(app, token).await;
            reply.expect(200);
            if from_memory {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_mins(1), warming).await.expect("it is never warm");
}

/// Nothing is looked up for a token that is refused. Others may be at work at the same moment, but not
/// each time.
async fn is_refused_from_memory(app: &App, token: &str) {
    for _ in 0..20 {
        let (reply, from_memory) = present(app, token).await;
        reply.refused(401, "unauthenticated");
        if from_memory {
            return;
        }
    }
    panic!("it is looked up each time");
}

async fn is_over(app: &App, token: &str) {
    app.get(SESSION, Some(token)).await.refused(401, "unauthenticated");
}

/// A new session's tokens, warm.
async fn session(app: &App, email: &str) -> Reply {
    let tokens = app.sign_in(email).await;
    warm(app, &tokens.text_at("/access_token")).await;
    tokens
}

#[tokio::test]
async fn a_session_that_its_owner_ends_is_over_with_the_answer() {
    each_engine(async |app| {
        app.register(BOB).await;
        for round in 0..4 {
            let (mine, other) = (session(&app, BOB).await, session(&app, BOB).await);
            let mine = mine.text_at("/access_token");
            let id = other.text_at("/session/id");
            let other = other.text_at("/access_token");
            match round {
                0 => app.post("/auth/logout", Some(&other), Value::Null).await.expect(204),
                1 => {
                    let everywhere = json!({ "everywhere": true });
                    app.post("/auth/logout", Some(&mine), everywhere).await.expect(204)
                }
                2 => {
                    let path = "/auth/sessions/revoke-others";
                    app.post(path, Some(&mine), Value::Null).await.expect(204)
                }
                _ => {
                    let path = format!("/auth/sessions/{id}");
                    app.call("DELETE", &path, Some(&mine), Value::Null).await.expect(204)
                }
            };
            is_over(&app, &other).await;
            if round == 1 {
                is_over(&app, &mine).await;
            } else {
                app.get(SESSION, Some(&mine)).await.expect(200);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_ends_sessions_beside_its_purpose_ends_those_in_memory() {
    each_engine(async |app| {
        app.register(BOB).await;
        let (mine, other) = (session(&app, BOB).await, session(&app, BOB).await);
        let mine = mine.text_at("/access_token");
        let body =
            json!({ "current_password": PASSWORD, "new_password": "a most unlikely sentence" });
        app.post("/auth/password", Some(&mine), body).await.expect(204);
        is_over(&app, &other.text_at("/access_token")).await;
        app.get(SESSION, Some(&mine)).await.expect(200);
        let account = users::find(&app.env, BOB).await.unwrap();
        users::set_standing(&app.env, &account, Standing::Disabled).await.unwrap();
        is_over(&app, &mine).await;

        // The first factor, a step-up and the removal of a method.
        app.register(ADA).await;
        let (mine, other) = (session(&app, ADA).await, session(&app, ADA).await);
        let first = mine.text_at("/access_token");
        let Enrolled { totp, access_token, .. } = app.enrol_totp(&first).await;
        is_over(&app, &first).await;
        is_over(&app, &other.text_at("/access_token")).await;
        app.clock.advance(STEP);
        warm(&app, &access_token).await;
        let raised = step_up(&app, &access_token, &totp.code_at(app.now())).await.expect(200);
        is_over(&app, &access_token).await;
        app.clock.advance(STEP);
        let raised = raised.text_at("/access_token");
        warm(&app, &raised).await;
        let other = app.sign_in_with(ADA, &totp).await.text_at("/access_token");
        warm(&app, &other).await;
        let methods = app.get("/auth/mfa/methods", Some(&raised)).await.expect(200);
        let path = format!("/auth/mfa/methods/{}", methods.text_at("/methods/0/id"));
        app.call("DELETE", &path, Some(&raised), Value::Null).await.expect(204);
        is_over(&app, &other).await;
    })
    .await;
}

#[tokio::test]
async fn a_stolen_refresh_token_ends_the_session_in_memory() {
    each_engine(async |app| {
        app.register(BOB).await;
        let first = session(&app, BOB).await;
        let next = refresh(&app, &first.text_at("/refresh_token")).await.expect(200);
        let next = refresh(&app, &next.text_at("/refresh_token")).await.expect(200);
        let access = next.text_at("/access_token");
        warm(&app, &access).await;
        refresh(&app, &first.text_at("/refresh_token")).await.refused(400, "invalid-token");
        is_over(&app, &access).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_told_from_memory_is_what_is_so() {
    each_engine(async |app| {
        let Enrolled { totp, .. } = enrolled(&app, ADA).await;
        let tokens = app.sign_in_with(ADA, &totp).await;
        let access = tokens.text_at("/access_token");
        warm(&app, &access).await;
        let body = json!({ "name": "Countess" });
        app.call("PATCH", "/auth/me", Some(&access), body).await.expect(200);
        let me = app.get("/auth/me", Some(&access)).await.expect(200);
        assert_eq!(me.json["name"], "Countess");

        warm(&app, &access).await;
        app.clock.advance(Duration::from_mins(1));
        let refreshed = refresh(&app, &tokens.text_at("/refresh_token")).await.expect(200);
        let shown = app.get(SESSION, Some(&access)).await.expect(200);
        let expiry = |reply: &Reply| reply.text_at("/session/expires_at");
        assert_eq!(expiry(&shown), expiry(&refreshed));
        assert_ne!(expiry(&shown), expiry(&tokens));
    })
    .await;
}

#[tokio::test]
async fn memory_does_not_make_a_token_last_longer() {
    each_engine(async |app| {
        app.register(BOB).await;
        let access = session(&app, BOB).await.text_at("/access_token");
        app.clock.advance(Duration::from_secs(299));
        warm(&app, &access).await;
        app.clock.advance(Duration::from_secs(1));
        is_over(&app, &access).await;
        app.clock.advance(HOUR);
        is_over(&app, &access).await;
    })
    .await;
}

/// The token with the claims of `token`, of a session that there is not, and a signature of nobody.
fn forged(token: &str, number: u64) -> String {
    let encoding = data_encoding::BASE64URL_NOPAD;
    let parts: Vec<&str> = token.split('.').collect();
    let mut claims: Value =
        serde_json::from_slice(&encoding.decode(parts[1].as_bytes()).unwrap()).unwrap();
    claims["sid"] = json!(format!("ses_{number:026}"));
    let claims = encoding.encode(&serde_json::to_vec(&claims).unwrap());
    format!("{}.{claims}.{}", parts[0], parts[2])
}

#[tokio::test]
async fn refused_tokens_cost_little_and_push_nobody_out() {
    each_engine(async |app| {
        app.register(BOB).await;
        let access = session(&app, BOB).await.text_at("/access_token");
        let over = session(&app, BOB).await.text_at("/access_token");
        app.post("/auth/logout", Some(&over), Value::Null).await.expect(204);
        // It may be looked up once.
        is_over(&app, &over).await;
        is_refused_from_memory(&app, &over).await;
        for odd in ["", "a.b.c", "a", &"a".repeat(9_000)] {
            is_refused_from_memory(&app, odd).await;
        }
        for number in 0..500 {
            is_over(&app, &forged(&access, number)).await;
        }
        // A good token with another end is another token.
        let (rest, last) = access.split_at(access.len() - 1);
        let other = if last == "A" { "Q" } else { "A" };
        is_over(&app, &format!("{rest}{other}")).await;
        warm(&app, &access).await;
    })
    .await;
}
