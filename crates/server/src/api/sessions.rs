//! `/auth/refresh`, `/auth/session` and the like: sessions renewed, listed and ended.

use std::sync::Arc;

use aide::axum::{
    ApiRouter,
    routing::{delete_with, get_with, post_with},
};
use axum::{extract::State, response::NoContent};
use nightlatch_core::{SecretText, SessionId};
use nightlatch_flows::{Env, session};
use nightlatch_store::units;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{
    body::Json,
    caller::{ClientInfo, SignedIn},
    doc::{Describe, Tag},
    optional_body,
    params::Id,
    problem::{Code, Problem},
    values::{Shown, Time},
    views::{Session, Tokens, expiry},
};

pub(super) fn routes() -> ApiRouter<Arc<Env>> {
    ApiRouter::new()
        .api_route(
            "/auth/refresh",
            post_with(refresh, |call| {
                call.call("refresh", Tag::SignIn, "Exchange a refresh token for new tokens.")
                    .refuses(&[Code::InvalidToken, Code::RefreshSuperseded])
            }),
        )
        .api_route(
            "/auth/token",
            post_with(token, |call| {
                call.call("token", Tag::SignIn, "Get an access token for an application.")
                    .bearer()
                    .refuses(&[Code::InvalidValues])
            }),
        )
        .api_route(
            "/auth/logout",
            post_with(logout, |call| {
                call.call("logout", Tag::SignIn, "Sign out, here or everywhere.")
                    .with(optional_body)
            }),
        )
        .api_route(
            "/auth/session",
            get_with(current, |call| {
                call.call("session", Tag::Account, "Read the caller's session.").bearer()
            }),
        )
        .api_route(
            "/auth/sessions",
            get_with(list, |call| {
                call.call("sessions", Tag::Account, "List one's own sessions.").bearer()
            }),
        )
        .api_route(
            "/auth/sessions/{id}",
            delete_with(end, |call| {
                call.call("end_session", Tag::Account, "End one of one's own sessions.").bearer()
            }),
        )
        .api_route(
            "/auth/sessions/revoke-others",
            post_with(end_others, |call| {
                call.call("end_other_sessions", Tag::Account, "End all other sessions.").bearer()
            }),
        )
}

/// A refresh token.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Refresh {
    /// Works once.
    #[schemars(with = "String")]
    refresh_token: SecretText,
}

/// `POST /auth/refresh`
async fn refresh(
    State(env): State<Arc<Env>>,
    ClientInfo(client): ClientInfo,
    Json(body): Json<Refresh>,
) -> Result<Json<Tokens>, Problem> {
    Ok(Json(session::refresh(&env, &client, &body.refresh_token).await?.into()))
}

/// An application.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TokenFor {
    /// One of the listed applications.
    audience: String,
}

/// An access token for an application; calls of this API refuse it.
#[derive(Serialize, JsonSchema)]
struct TokenOf {
    /// The token.
    access_token: Shown,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds that it lives.
    expires_in: u64,
}

/// `POST /auth/token`
async fn token(
    State(env): State<Arc<Env>>,
    SignedIn(signed): SignedIn,
    Json(body): Json<TokenFor>,
) -> Result<Json<TokenOf>, Problem> {
    Ok(Json(TokenOf {
        access_token: session::token_for(&env, &signed, &body.audience)?.into(),
        token_type: "Bearer",
        expires_in: env.settings.access_lifetime.as_secs(),
    }))
}

/// How far a sign-out goes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Logout {
    /// Whether every session of the account ends; otherwise this one does.
    everywhere: Option<bool>,
}

/// `POST /auth/logout`
async fn logout(
    State(env): State<Arc<Env>>,
    signed: Option<SignedIn>,
    body: Option<Json<Logout>>,
) -> Result<NoContent, Problem> {
    if let Some(SignedIn(signed)) = signed {
        let everywhere = body.is_some_and(|Json(body)| body.everywhere.unwrap_or_default());
        session::sign_out(&env, &signed, everywhere).await?;
    }
    Ok(NoContent)
}

/// The caller's session.
#[derive(Serialize, JsonSchema)]
struct Current {
    session: Session,
}

/// `GET /auth/session`
async fn current(SignedIn(signed): SignedIn) -> Json<Current> {
    Json(Current { session: Session::new(&signed.session, &signed.account) })
}

/// One's own live sessions, newest first.
#[derive(Serialize, JsonSchema)]
struct Sessions {
    items: Vec<Listed>,
    /// Always null: the list is whole.
    next_cursor: Option<String>,
}

/// One of one's own sessions.
#[derive(Serialize, JsonSchema)]
struct Listed {
    /// Its identity.
    #[schemars(with = "String")]
    id: SessionId,
    /// Whether it is the caller's.
    current: bool,
    /// What the client calls itself.
    client: Option<String>,
    /// The network address it began at.
    address: Option<String>,
    /// What was proved (RFC 8176).
    amr: Vec<&'static str>,
    /// When it began.
    created_at: Time,
    /// When it was last renewed.
    last_seen_at: Time,
    /// When it ends, unless it is refreshed or ended before.
    expires_at: Time,
}

impl Listed {
    fn new(session: units::session::Session, current: SessionId) -> Self {
        Self {
            id: session.id,
            current: session.id == current,
            amr: session.proofs.amr(),
            created_at: session.created_at.into(),
            last_seen_at: session.seen_at.into(),
            expires_at: expiry(&session),
            client: session.client,
            address: session.address,
        }
    }
}

/// `GET /auth/sessions`
async fn list(
    State(env): State<Arc<Env>>,
    SignedIn(signed): SignedIn,
) -> Result<Json<Sessions>, Problem> {
    let sessions = session::list(&env, &signed).await?;
    let current = signed.session.id;
    let items = sessions.into_iter().map(|session| Listed::new(session, current)).collect();
    Ok(Json(Sessions { items, next_cursor: None }))
}

/// `DELETE /auth/sessions/{id}`
async fn end(
    State(env): State<Arc<Env>>,
    SignedIn(signed): SignedIn,
    Id(id): Id<SessionId>,
) -> Result<NoContent, Problem> {
    session::end(&env, &signed, id).await?;
    Ok(NoContent)
}

/// `POST /auth/sessions/revoke-others`
async fn end_others(
    State(env): State<Arc<Env>>,
    SignedIn(signed): SignedIn,
) -> Result<NoContent, Problem> {
    session::end_others(&env, &signed).await?;
    Ok(NoContent)
}
