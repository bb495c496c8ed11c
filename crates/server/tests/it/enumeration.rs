//! Addresses with and without an account are answered alike, byte for byte, after the same work.

use nightlatch_flows::admin::users;
use nightlatch_store::units::account::Standing;
use serde_json::{Value, json};

use crate::{
    acts::joined,
    app::{App, PASSWORD, Reply, Setup, each_engine_with},
    database::count,
};

/// As long as the names of the known.
const UNKNOWN: &str = "nobody@example.org";

/// More than any budget has.
const REPETITIONS: usize = 30;

/// Everything that whoever asks can see or measure.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    hashes: u64,
    statements: u64,
    mails: usize,
}

/// Asks, and counts from the mails that waited before.
async fn observe(app: &App, mails: &mut usize, path: &str, email: &str, body: &Value) -> Seen {
    let (hashes, statements) = (app.env.hasher.jobs(), app.env.store.statements());
    let mut body = body.clone();
    body["email"] = json!(email);
    let reply = app.post(path, None, body).await;
    let (hashes, statements) =
        (app.env.hasher.jobs() - hashes, app.env.store.statements() - statements);
    let waiting = count(app, "outbox").await;
    Seen {
        status: reply.status.as_u16(),
        headers: headers(&reply),
        body: masked(&reply, email),
        hashes,
        statements,
        mails: waiting - std::mem::replace(mails, waiting),
    }
}

fn headers(reply: &Reply) -> Vec<(String, String)> {
    let named = reply.headers.iter().map(|(name, value)| {
        let value = if name == "x-request-id" { "" } else { value.to_str().unwrap() };
        (name.to_string(), value.to_owned())
    });
    named.collect()
}

/// The body with what is random replaced by its length.
fn masked(reply: &Reply, email: &str) -> String {
    let mut text = reply.text.replace(email, "the address");
    for pointer in ["/request_id", "/registration_token"] {
        if let Some(random) = reply.json.pointer(pointer).and_then(Value::as_str) {
            text = text.replace(random, &format!("{} symbols", random.len()));
        }
    }
    text
}

/// Makes people in all the states that an account can be in; their addresses.
async fn known(app: &App) -> [&'static str; 3] {
    let [plain, enrolled, disabled] =
        ["simple@example.org", "factor@example.org", "banned@example.org"];
    joined(app, plain).await;
    let access = joined(app, enrolled).await.text_at("/access_token");
    app.enrol_totp(&access).await;
    joined(app, disabled).await;
    let account = users::find(&app.env, disabled).await.unwrap();
    users::set_standing(&app.env, &account, Standing::Disabled).await.unwrap();
    // The unknown address has had as many mails as the others, and never answered one.
    app.register(UNKNOWN).await;
    app.mails(UNKNOWN).await;
    [plain, enrolled, disabled]
}

/// Asks for known and unknown addresses in turn until long after all budgets are used up; the
/// statuses and mails that were seen.
async fn compare(path: &'static str, body: Value) -> Vec<(u16, usize)> {
    let all = std::sync::Mutex::default();
    let setup = Setup::default().settings(|settings| settings.verify_email = true);
    each_engine_with(setup, async |app| {
        let known = known(&app).await;
        let (mut seen, mut mails) = (Vec::new(), count(&app, "outbox").await);
        for repetition in 0..REPETITIONS {
            let expected = observe(&app, &mut mails, path, UNKNOWN, &body).await;
            for email in known {
                let observed = observe(&app, &mut mails, path, email, &body).await;
                assert_eq!(observed, expected, "{email}, repetition {repetition}");
            }
            seen.push((expected.status, expected.mails));
        }
        seen.dedup();
        *all.lock().unwrap() = seen;
    })
    .await;
    all.into_inner().unwrap()
}

#[tokio::test]
async fn registering_tells_nothing() {
    let body = json!({ "password": PASSWORD, "name": "Somebody" });
    assert_eq!(compare("/auth/register", body).await, [(201, 1), (201, 0)]);
}

#[tokio::test]
async fn registering_without_a_password_tells_nothing() {
    assert_eq!(compare("/auth/register", json!({})).await, [(201, 1), (201, 0)]);
}

#[tokio::test]
async fn asking_for_another_mail_tells_nothing() {
    assert_eq!(compare("/auth/register/resend", json!({})).await, [(202, 1), (202, 0)]);
}

#[tokio::test]
async fn a_wrong_password_tells_nothing() {
    let body = json!({ "password": "not this one, surely" });
    assert_eq!(compare("/auth/login", body).await, [(401, 0), (429, 0)]);
}

#[tokio::test]
async fn a_wrong_password_with_a_code_tells_nothing() {
    let body = json!({ "password": "not this one, surely", "mfa_token": "123456" });
    assert_eq!(compare("/auth/login/mfa", body).await, [(401, 0), (429, 0)]);
}

#[tokio::test]
async fn where_no_mail_is_answered_registering_looks_the_same_too() {
    each_engine_with(Setup::default(), async |app| {
        app.register("simple@example.org").await;
        let body = json!({ "password": PASSWORD });
        let ask = async |email| observe(&app, &mut 0, "/auth/register", email, &body).await;
        let (taken, free) = (ask("simple@example.org").await, ask(UNKNOWN).await);
        // Who may register a free address learns by signing in to it that it was free, so that
        // what is written may differ.
        assert_eq!(
            Seen { statements: 0, mails: 0, ..taken },
            Seen { statements: 0, mails: 0, ..free }
        );
    })
    .await;
}
