//! What is physically possible here: the same HTTP stack, answering as many bytes, with exactly the
//! rows and commits that a correct server cannot do without.
//!
//! | floor | what it does |
//! | --- | --- |
//! | `bare` | axum parses the same JSON and answers |
//! | `rows` | the same, and for each verification reads what is sealed and writes the token's end, what is spent, the session and the audit event in one transaction, group-committed on SQLite, one after the other on each of 8 connections of PostgreSQL; for a passkey it makes the challenge and checks one ES256 signature |
//! | `one_statement` | `rows` on PostgreSQL, but a code's rows are one statement |
//! | `argon2` | the same as `bare`, and one Argon2id hash with as many permits as processors |

mod argon2;
mod lite;
mod passkey;
mod postgres;
mod rows;

use std::net::SocketAddr;

use async_channel::Sender;
use axum::{
    Router,
    extract::{Json, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use data_encoding::HEXLOWER;
use serde::Deserialize;
use tokio::sync::oneshot;

use self::{
    passkey::Answered,
    postgres::Trips,
    rows::{Factor, Verification},
};

/// As many bytes as Nightlatch answers to a completed sign-in.
const ANSWER: usize = 1_500;

/// What a caller of the floor sends: the ids of the person and of the sign-in in the place of a sealed
/// token, padded to its length.
#[derive(Deserialize)]
struct Body {
    #[serde(alias = "email")]
    temp_token: String,
    #[serde(alias = "password")]
    mfa_token: String,
}

impl Body {
    fn read(&self) -> Option<Verification> {
        let (user, id) = (self.temp_token.get(..32)?, self.temp_token.get(32..64)?);
        let user = HEXLOWER.decode(user.as_bytes()).ok()?;
        Verification::new(Factor::Totp, user, id, self.mfa_token.parse().ok()?)
    }
}

/// A verification on its way to whoever writes, and where it is answered.
type Job = (Verification, oneshot::Sender<bool>);

/// Serves the floor `kind` until the process is ended.
pub(crate) async fn serve(kind: &str, listen: SocketAddr, database: &str) -> Result<(), String> {
    let routes: Router =
        Router::new().route("/", get(async || "")).route("/auth/session", get(session));
    let routes = match kind {
        "bare" => routes.route("/auth/login/mfa", post(bare)),
        "argon2" => routes.route("/auth/login", post(argon2::hash)),
        "rows" => routes.merge(writing(database, Trips::Two).await?),
        "one_statement" => routes.merge(writing(database, Trips::One).await?),
        _ => return Err(format!("there is no floor {kind}")),
    };
    let listener = tokio::net::TcpListener::bind(listen).await;
    let listener = listener.map_err(|error| error.to_string())?;
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        // As Nightlatch does.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, routes).await.map_err(|error| error.to_string())
}

/// The routes that write, beside whoever does.
async fn writing(database: &str, trips: Trips) -> Result<Router, String> {
    let (queue, jobs) = async_channel::bounded(1024);
    match database.strip_prefix("sqlite:") {
        Some(file) => lite::start(file, jobs)?,
        None => postgres::start(database, jobs, trips).await?,
    }
    let routes = Router::new()
        .route("/auth/login/mfa", post(totp))
        .route("/auth/passkey/options", post(passkey::options))
        .route("/auth/passkey", post(passkey_sign_in));
    Ok(routes.with_state(queue))
}

/// An answer in JSON.
type Answer = ([(&'static str, &'static str); 1], String);

async fn session(headers: HeaderMap) -> Answer {
    let known = headers.contains_key("authorization");
    (JSON, answer(if known { 800 } else { 150 }))
}

async fn bare(Json(body): Json<Body>) -> Answer {
    (JSON, answer(if body.read().is_some() { ANSWER } else { 0 }))
}

async fn totp(
    State(queue): State<Sender<Job>>,
    Json(body): Json<Body>,
) -> Result<Answer, StatusCode> {
    written(&queue, body.read()).await
}

async fn passkey_sign_in(
    State(queue): State<Sender<Job>>,
    Json(body): Json<Answered>,
) -> Result<Answer, StatusCode> {
    written(&queue, body.verify()).await
}

/// Answers once the rows are there.
async fn written(
    queue: &Sender<Job>,
    verification: Option<Verification>,
) -> Result<Answer, StatusCode> {
    let bad = StatusCode::BAD_REQUEST;
    let (answered, wait) = oneshot::channel();
    queue.try_send((verification.ok_or(bad)?, answered)).map_err(|_| bad)?;
    if wait.await.unwrap_or(false) { Ok((JSON, answer(ANSWER))) } else { Err(bad) }
}

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

fn answer(length: usize) -> String {
    format!("{{\"status\":\"complete\",\"answer\":\"{}\"}}", "x".repeat(length))
}
