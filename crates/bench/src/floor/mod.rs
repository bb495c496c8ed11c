//! What is physically possible here: the same HTTP stack, answering as many bytes, with exactly the
//! rows and commits that a correct server cannot do without.
//!
//! | floor | what it does |
//! | --- | --- |
//! | `bare` | axum parses the same JSON and answers |
//! | `rows` | the same, and for each answer reads the secret and writes the token's end, the time step, the session and the audit event in one transaction, group-committed on SQLite, one after the other on each of 8 connections of PostgreSQL |
//! | `argon2` | the same as `bare`, and one Argon2id hash with as many permits as processors |

mod argon2;
mod lite;
mod postgres;

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{Json, State},
    http::HeaderMap,
    routing::{get, post},
};
use data_encoding::HEXLOWER;
use nightlatch_core::Timestamp;
use serde::Deserialize;
use tokio::sync::oneshot;

use crate::now;

/// As many bytes as Nightlatch answers to a completed sign-in.
const ANSWER: usize = 1_500;

/// What a caller of the floor sends: the person's ids in the place of a sealed token, padded to its
/// length.
#[derive(Deserialize)]
struct Body {
    #[serde(alias = "email")]
    temp_token: String,
    #[serde(alias = "password")]
    mfa_token: String,
}

/// The rows of one verification.
pub(crate) struct Verification {
    pub(crate) user: Vec<u8>,
    pub(crate) method: Vec<u8>,
    pub(crate) id: Vec<u8>,
    pub(crate) session: [u8; 16],
    pub(crate) step: i64,
    pub(crate) now: Timestamp,
}

/// What a verification writes beside keys and numbers: as many bytes as Nightlatch's.
pub(crate) const PROOFS: [u8; 81] = [1; 81];
pub(crate) const HASH: [u8; 32] = [2; 32];
pub(crate) const EVENT: &str = r#"{"kind":"sign_in","outcome":"success","factor":"totp","level":"aal2","session":"ses_01j00000000000000000000000","address":"127.0.0.1"}"#;

impl Verification {
    fn read(body: &Body) -> Option<Self> {
        let part = |at| HEXLOWER.decode(body.temp_token.as_bytes().get(at)?).ok();
        let id: Vec<u8> = part(64..96)?;
        let session = id.as_slice().try_into().ok()?;
        let step = body.mfa_token.parse().ok()?;
        Some(Self { user: part(0..32)?, method: part(32..64)?, id, session, step, now: now() })
    }
}

/// A verification on its way to whoever writes, and where it is answered.
pub(crate) type Job = (Verification, oneshot::Sender<bool>);

/// Serves the floor `kind` until the process is ended.
pub(crate) async fn serve(kind: &str, listen: SocketAddr, database: &str) -> Result<(), String> {
    let routes: Router =
        Router::new().route("/", get(async || "")).route("/auth/session", get(session));
    let routes = match kind {
        "bare" => routes.route("/auth/login/mfa", post(bare)),
        "argon2" => routes.route("/auth/login", post(argon2::hash)),
        "rows" => {
            let (queue, jobs) = async_channel::bounded(1024);
            match database.strip_prefix("sqlite:") {
                Some(file) => lite::start(file, jobs)?,
                None => postgres::start(database, jobs).await?,
            }
            routes.merge(Router::new().route("/auth/login/mfa", post(rows)).with_state(queue))
        }
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

async fn session(headers: HeaderMap) -> ([(&'static str, &'static str); 1], String) {
    let known = headers.contains_key("authorization");
    (JSON, answer(if known { 800 } else { 150 }))
}

async fn bare(Json(body): Json<Body>) -> ([(&'static str, &'static str); 1], String) {
    let read = Verification::read(&body);
    (JSON, answer(if read.is_some() { ANSWER } else { 0 }))
}

async fn rows(
    State(queue): State<async_channel::Sender<Job>>,
    Json(body): Json<Body>,
) -> Result<([(&'static str, &'static str); 1], String), axum::http::StatusCode> {
    let bad = axum::http::StatusCode::BAD_REQUEST;
    let (answered, wait) = oneshot::channel();
    let verification = Verification::read(&body).ok_or(bad)?;
    queue.try_send((verification, answered)).map_err(|_| bad)?;
    if wait.await.unwrap_or(false) { Ok((JSON, answer(ANSWER))) } else { Err(bad) }
}

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

fn answer(length: usize) -> String {
    format!("{{\"answer\":\"{}\"}}", "x".repeat(length))
}
