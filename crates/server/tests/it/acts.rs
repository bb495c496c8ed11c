//! What many stories begin with, and how they do many things at once.

use std::{future::Future, sync::Arc, time::Duration};

use nightlatch_core::{Timestamp, UserId};
use nightlatch_store::Engine;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::app::{App, Enrolled, PASSWORD, Reply, Totp};

/// How long an app shows a code.
pub(crate) const STEP: Duration = Duration::from_secs(30);

/// Longer than any wait after wrong guesses.
pub(crate) const HOUR: Duration = Duration::from_hours(1);

/// Two people.
pub(crate) const ADA: &str = "ada@example.org";
pub(crate) const BOB: &str = "bob@example.org";

/// Registers an address and enrols its first app; the clock moves on to the next code.
pub(crate) async fn enrolled(app: &App, email: &str) -> Enrolled {
    app.register(email).await;
    let access = app.sign_in(email).await.text_at("/access_token");
    let enrolled = app.enrol_totp(&access).await;
    app.clock.advance(STEP);
    enrolled
}

/// Registers an address and signs in; its access token.
pub(crate) async fn signed_in(app: &App, email: &str) -> String {
    app.register(email).await;
    app.sign_in(email).await.text_at("/access_token")
}

/// Answers a challenge by a code.
pub(crate) async fn answer(app: &App, temp_token: &str, code: &str) -> Reply {
    let body = json!({ "temp_token": temp_token, "mfa_token": code });
    app.post("/auth/login/mfa", None, body).await
}

/// Signs in with a password, right or wrong.
pub(crate) async fn login(app: &App, email: &str, password: &str) -> Reply {
    app.post("/auth/login", None, json!({ "email": email, "password": password })).await
}

/// Signs in with the right password on a device that signed in before.
pub(crate) async fn login_on(app: &App, email: &str, device_token: &str) -> Reply {
    let body = json!({ "email": email, "password": PASSWORD, "device_token": device_token });
    app.post("/auth/login", None, body).await
}

/// Steps up by a code of the app.
pub(crate) async fn step_up(app: &App, access_token: &str, code: &str) -> Reply {
    let body = json!({ "method": "totp", "code": code });
    app.post("/auth/step-up", Some(access_token), body).await
}

/// Exchanges a refresh token.
pub(crate) async fn refresh(app: &App, refresh_token: &str) -> Reply {
    app.post("/auth/refresh", None, json!({ "refresh_token": refresh_token })).await
}

/// The token in the newest mail with a link to this address.
pub(crate) async fn mailed_link(app: &App, email: &str) -> String {
    let link = app.mails(email).await.into_iter().find_map(|message| message.link);
    let (_, token) = link.as_deref().and_then(|link| link.rsplit_once('/')).expect("a link");
    token.to_owned()
}

/// Registers an address where mails are answered, and answers; the tokens.
pub(crate) async fn joined(app: &App, email: &str) -> Reply {
    let registration = app.register(email).await.text_at("/registration_token");
    let body = json!({
        "token": mailed_link(app, email).await,
        "registration_token": registration,
    });
    app.post("/auth/register/verify", None, body).await.expect(200)
}

/// Codes that an app shows at no time near `at`.
pub(crate) fn wrong_codes(totp: &Totp, at: Timestamp) -> impl Iterator<Item = String> {
    let near: Vec<String> = (-3..=3)
        .map(|step| totp.code_at(Timestamp::from_seconds(at.seconds() + step * 30)))
        .collect();
    (0..1_000_000).map(|code| format!("{code:06}")).filter(move |code| !near.contains(code))
}

/// A code that an app shows at no time near `at`.
pub(crate) fn wrong_code(totp: &Totp, at: Timestamp) -> String {
    wrong_codes(totp, at).next().unwrap()
}

/// Does all of it at once; the answers as they come.
pub(crate) async fn at_once<F>(calls: impl IntoIterator<Item = F>) -> Vec<Reply>
where
    F: Future<Output = Reply> + Send + 'static,
{
    calls.into_iter().collect::<JoinSet<_>>().join_all().await
}

/// The same `POST` so many times at once.
pub(crate) async fn posts_at_once(
    app: &Arc<App>,
    count: usize,
    path: &'static str,
    body: &Value,
) -> Vec<Reply> {
    at_once((0..count).map(|_| {
        let (app, body) = (Arc::clone(app), body.clone());
        async move { app.post(path, None, body).await }
    }))
    .await
}

/// How many answers have this status.
pub(crate) fn with_status(replies: &[Reply], status: u16) -> usize {
    replies.iter().filter(|reply| reply.status == status).count()
}

/// Insists on one success, and on refusals of these kinds beside it; the success.
#[track_caller]
pub(crate) fn only_one(replies: Vec<Reply>, refusals: &[(u16, &str)]) -> Reply {
    let (mut good, bad): (Vec<_>, Vec<_>) =
        replies.into_iter().partition(|reply| reply.status.is_success());
    for reply in &bad {
        let refusal = (reply.status.as_u16(), reply.code());
        assert!(refusals.contains(&refusal), "{}", reply.text);
    }
    assert_eq!(good.len(), 1, "{good:?}");
    good.remove(0)
}

/// Whose tokens these are.
pub(crate) fn user_of(tokens: &Value) -> UserId {
    tokens["session"]["user_id"].as_str().unwrap().parse().unwrap()
}

/// Whether several nodes can share this app's database.
pub(crate) fn is_shared(app: &App) -> bool {
    app.env.store.engine() == Engine::Postgres
}
