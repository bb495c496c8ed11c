//! Sessions: how long they last, who may see and end them, and what their tokens say.

use std::time::Duration;

use nightlatch_flows::admin::users;
use nightlatch_store::units::account::Standing;
use serde_json::{Value, json};

use crate::{
    acts::{ADA, BOB, HOUR, STEP, enrolled, refresh, signed_in},
    app::{App, Enrolled, PASSWORD, Reply, Setup, each_engine, each_engine_with},
    calls::APPLICATION,
};

const DAY: Duration = Duration::from_hours(24);
const SECOND: Duration = Duration::from_secs(1);

/// Insists that a session is over, whichever of its tokens is presented.
async fn is_over(app: &App, tokens: &Reply) {
    let access = tokens.text_at("/access_token");
    app.get("/auth/session", Some(&access)).await.refused(401, "unauthenticated");
    refresh(app, &tokens.text_at("/refresh_token")).await.refused(400, "invalid-token");
}

async fn is_live(app: &App, tokens: &Reply) {
    app.get("/auth/session", Some(&tokens.text_at("/access_token"))).await.expect(200);
}

/// Refreshes every so often until the session is over; how long that was.
async fn lasts(app: &App, mut tokens: Reply, every: Duration) -> Duration {
    let begun = app.now();
    loop {
        app.clock.advance(every);
        let next = refresh(app, &tokens.text_at("/refresh_token")).await;
        if next.code() == "invalid-token" {
            is_over(app, &tokens).await;
            return app.now().since(begun);
        }
        tokens = next.expect(200);
        is_live(app, &tokens).await;
    }
}

#[tokio::test]
async fn a_session_ends_when_it_idles_and_in_the_end_anyway() {
    each_engine(async |app| {
        app.register(BOB).await;
        for (every, expected) in [(7 * DAY, 7 * DAY), (6 * DAY, 30 * DAY), (5 * DAY, 30 * DAY)] {
            assert_eq!(lasts(&app, app.sign_in(BOB).await, every).await, expected);
        }
        let Enrolled { totp, .. } = enrolled(&app, ADA).await;
        for (every, expected) in
            [(HOUR, HOUR), (HOUR / 2, DAY), (HOUR / 60 * 59, 25 * (HOUR / 60 * 59))]
        {
            let tokens = app.sign_in_with(ADA, &totp).await;
            assert_eq!(tokens.json["session"]["level"], "aal2");
            assert_eq!(lasts(&app, tokens, every).await, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn an_access_token_lives_five_minutes() {
    each_engine(async |app| {
        app.register(ADA).await;
        let tokens = app.sign_in(ADA).await;
        assert_eq!(tokens.json["expires_in"], 300);
        app.clock.advance(Duration::from_secs(299));
        is_live(&app, &tokens).await;
        app.clock.advance(SECOND);
        let access = tokens.text_at("/access_token");
        app.get("/auth/session", Some(&access)).await.refused(401, "unauthenticated");
        refresh(&app, &tokens.text_at("/refresh_token")).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_refresh_token_that_comes_back_ends_the_session() {
    each_engine(async |app| {
        app.register(ADA).await;
        // A used one, though its successor is a moment old; the one before, after its grace.
        for (uses, wait) in [(2, Duration::ZERO), (1, Duration::from_secs(11))] {
            let first = app.sign_in(ADA).await;
            let mut last = refresh(&app, &first.text_at("/refresh_token")).await.expect(200);
            let again = refresh(&app, &first.text_at("/refresh_token")).await;
            again.refused(409, "refresh-superseded");
            for _ in 1..uses {
                last = refresh(&app, &last.text_at("/refresh_token")).await.expect(200);
            }
            app.clock.advance(wait);
            is_live(&app, &last).await;
            let reused = refresh(&app, &first.text_at("/refresh_token")).await;
            reused.refused(400, "invalid-token");
            is_over(&app, &last).await;
        }
        let other = app.sign_in(ADA).await;
        is_live(&app, &other).await;
    })
    .await;
}

#[tokio::test]
async fn people_see_and_end_their_own_sessions_alone() {
    each_engine(async |app| {
        app.register(ADA).await;
        let bob = signed_in(&app, BOB).await;
        let mut sessions = Vec::new();
        for _ in 0..4 {
            app.clock.advance(SECOND);
            sessions.push(app.sign_in(ADA).await);
        }
        let ids: Vec<_> = sessions.iter().map(|tokens| tokens.text_at("/session/id")).collect();
        let mine = sessions[3].text_at("/access_token");
        let listed = app.get("/auth/sessions", Some(&mine)).await.expect(200);
        let items = listed.json["items"].as_array().unwrap();
        let found: Vec<_> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
        assert!(found.iter().eq(ids.iter().rev()), "newest first: {}", listed.text);
        assert_eq!(items[0]["current"], true);
        assert_eq!(items[1]["current"], false);
        assert_eq!(items[0]["client"], "a test");
        assert_eq!(items[0]["address"], "127.0.0.1");
        assert_eq!(items[0]["amr"], json!(["pwd"]));

        let path = format!("/auth/sessions/{}", ids[0]);
        let end =
            async |path: &str, by: &str| app.call("DELETE", path, Some(by), Value::Null).await;
        end(&path, &bob).await.refused(404, "not-found");
        is_live(&app, &sessions[0]).await;
        end(&path, &mine).await.expect(204);
        end(&path, &mine).await.refused(404, "not-found");
        for odd in ["ses_1", "x", "%2e%2e"] {
            end(&format!("/auth/sessions/{odd}"), &mine).await.refused(404, "not-found");
        }
        is_over(&app, &sessions[0]).await;

        app.post("/auth/sessions/revoke-others", Some(&mine), Value::Null).await.expect(204);
        is_over(&app, &sessions[1]).await;
        is_over(&app, &sessions[2]).await;
        is_live(&app, &sessions[3]).await;
        app.get("/auth/session", Some(&bob)).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn signing_out_ends_this_session_or_all() {
    each_engine(async |app| {
        app.register(ADA).await;
        for body in [Value::Null, json!({}), json!({ "everywhere": false })] {
            let (here, there) = (app.sign_in(ADA).await, app.sign_in(ADA).await);
            let access = here.text_at("/access_token");
            for _ in 0..2 {
                let reply = app.post("/auth/logout", Some(&access), body.clone()).await;
                assert_eq!(reply.expect(204).text, "");
            }
            is_over(&app, &here).await;
            is_live(&app, &there).await;
            let access = there.text_at("/access_token");
            let everywhere = json!({ "everywhere": true });
            app.post("/auth/logout", Some(&access), everywhere).await.expect(204);
            is_over(&app, &there).await;
        }
        app.post("/auth/logout", None, Value::Null).await.expect(204);
    })
    .await;
}

#[tokio::test]
async fn a_new_password_ends_every_other_session() {
    each_engine(async |app| {
        app.register(ADA).await;
        let (here, there) = (app.sign_in(ADA).await, app.sign_in(ADA).await);
        let body = json!({ "new_password": "walnut ember parade" });
        let access = here.text_at("/access_token");
        app.post("/auth/password", Some(&access), body).await.expect(204);
        is_live(&app, &here).await;
        is_over(&app, &there).await;
    })
    .await;
}

#[tokio::test]
async fn a_disabled_account_has_no_sessions_and_gets_none() {
    each_engine(async |app| {
        let Enrolled { totp, .. } = enrolled(&app, ADA).await;
        let tokens = app.sign_in_with(ADA, &totp).await;
        app.clock.advance(STEP);
        let step = app.challenge(ADA).await;
        let account = users::find(&app.env, ADA).await.unwrap();
        users::set_standing(&app.env, &account, Standing::Disabled).await.unwrap();
        is_over(&app, &tokens).await;
        let code = totp.code_at(app.now());
        crate::acts::answer(&app, &step, &code).await.refused(401, "flow-ended");
        let refused = crate::acts::login(&app, ADA, PASSWORD).await;
        refused.refused(403, "account-disabled");
        users::set_standing(&app.env, &account, Standing::Active).await.unwrap();
        is_over(&app, &tokens).await;
        app.sign_in_with(ADA, &totp).await;
    })
    .await;
}

#[tokio::test]
async fn an_application_gets_a_token_of_its_own() {
    let setup =
        Setup::default().settings(|settings| settings.audiences = vec![APPLICATION.to_owned()]);
    each_engine_with(setup, async |app| {
        let Enrolled { access_token, .. } = enrolled(&app, ADA).await;
        let ask = async |audience: &str| {
            let body = json!({ "audience": audience });
            app.post("/auth/token", Some(&access_token), body).await
        };
        let answer = ask(APPLICATION).await.expect(200);
        let (ours, theirs) = (claims(&access_token), claims(&answer.text_at("/access_token")));
        assert_eq!((&ours["aud"], &theirs["aud"]), (&ours["iss"], &json!(APPLICATION)));
        assert_ne!(ours["jti"], theirs["jti"]);
        for claim in ["iss", "sub", "sid", "acr", "amr", "levels", "auth_time"] {
            assert!(!ours[claim].is_null(), "{claim}");
            assert_eq!(ours[claim], theirs[claim], "{claim}");
        }
        assert_eq!(ours["acr"], "urn:nightlatch:aal2");
        assert_eq!(ours["amr"], json!(["pwd", "otp", "mfa"]));
        let lives = theirs["exp"].as_i64().unwrap() - theirs["iat"].as_i64().unwrap();
        assert_eq!(lives, 300);
        for odd in ["https://other.example.org", "", "http://localhost:8080"] {
            ask(odd).await.refused(422, "invalid-values");
        }
    })
    .await;
}

#[tokio::test]
async fn the_keys_of_access_tokens_are_published() {
    each_engine(async |app| {
        let access = signed_in(&app, ADA).await;
        let header = part(&access, 0);
        assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("EdDSA")));
        let keys = app.get("/.well-known/jwks.json", None).await.expect(200);
        assert_eq!(keys.headers["cache-control"], "public, max-age=300");
        let key = &keys.json["keys"][0];
        assert_eq!(key["kid"], header["kid"]);
        assert_eq!((&key["kty"], &key["crv"]), (&json!("OKP"), &json!("Ed25519")));
        assert_eq!(key.get("d"), None);
    })
    .await;
}

/// One part of a token, not checked.
fn part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).unwrap();
    let bytes = data_encoding::BASE64URL_NOPAD.decode(part.as_bytes()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn claims(token: &str) -> Value {
    part(token, 1)
}

#[tokio::test]
async fn the_first_factor_ends_what_was_opened_without_one() {
    each_engine(async |app| {
        app.register(ADA).await;
        let thief = app.sign_in(ADA).await;
        let access = app.sign_in(ADA).await.text_at("/access_token");
        let Enrolled { access_token, .. } = app.enrol_totp(&access).await;
        let stolen = app.get("/auth/session", Some(&thief.text_at("/access_token"))).await;
        stolen.refused(401, "unauthenticated");
        let body = json!({ "refresh_token": thief.text_at("/refresh_token") });
        app.post("/auth/refresh", None, body).await.refused(400, "invalid-token");
        app.get("/auth/session", Some(&access_token)).await.expect(200);
    })
    .await;
}
