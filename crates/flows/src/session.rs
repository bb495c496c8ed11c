//! Sessions in their owner's hands: renewed, listed and ended.

use nightlatch_core::{SecretText, SessionId, audit::Reason, token::Refresh};
use nightlatch_store::units::{
    refresh::{Rotate, Rotated},
    session::{End, List, Session, Which},
};

use crate::{
    Client, Env, Refused,
    authenticate::SignedIn,
    tokens::{self, Tokens},
};

/// Exchanges a refresh token for new tokens.
///
/// # Errors
///
/// [`Refused::RefreshSuperseded`] for the token before the current one within its grace;
/// [`Refused::InvalidToken`] for any other, after which a used one's session is ended.
pub async fn refresh(env: &Env, client: &Client, token: &SecretText) -> Result<Tokens, Refused> {
    let shown = Refresh::parse(&env.ring(), token).ok_or(Refused::InvalidToken)?;
    let fresh = env.fresh(client, env.clock.now());
    let (now, random) = (fresh.now, fresh.random);
    let unit = Rotate {
        ring: env.ring(),
        session: shown.session,
        generation: shown.generation,
        hash: shown.hash(),
        fresh,
    };
    match env.write(unit).await? {
        Rotated::Next(session, account) => {
            Ok(tokens::hand_out(env, *session, *account, random, now))
        }
        Rotated::Superseded => Err(Refused::RefreshSuperseded),
        Rotated::Reused(_) | Rotated::Unknown => Err(Refused::InvalidToken),
    }
}

/// An access token for an application.
///
/// # Errors
///
/// [`Refused::Invalid`] for an application that is not listed.
pub fn token_for(env: &Env, signed: &SignedIn, audience: &str) -> Result<SecretText, Refused> {
    if !env.settings.audiences.iter().any(|listed| listed == audience) {
        return Err(Refused::invalid("audience", "This application is not listed here."));
    }
    Ok(tokens::access_token(env, &signed.session, audience, env.clock.now()))
}

/// The live sessions of a person, newest first.
///
/// # Errors
///
/// The store's.
pub async fn list(env: &Env, signed: &SignedIn) -> Result<Vec<Session>, Refused> {
    let (ring, user, now) = (env.ring(), signed.account.id, env.clock.now());
    Ok(env.store.read(List { ring, user, now }).await?)
}

/// Ends one session of a person.
///
/// # Errors
///
/// [`Refused::NotFound`] for a session that is over, or somebody else's.
pub async fn end(env: &Env, signed: &SignedIn, id: SessionId) -> Result<(), Refused> {
    let ended = end_some(env, signed, Which::One(id), Reason::RevokedByUser).await?;
    if ended { Ok(()) } else { Err(Refused::NotFound) }
}

/// Ends every other session of a person.
///
/// # Errors
///
/// The store's.
pub async fn end_others(env: &Env, signed: &SignedIn) -> Result<(), Refused> {
    let which = Which::AllBut(signed.session.id);
    end_some(env, signed, which, Reason::RevokedByUser).await.map(drop)
}

/// Signs out: this session, or all of them.
///
/// # Errors
///
/// The store's.
pub async fn sign_out(env: &Env, signed: &SignedIn, everywhere: bool) -> Result<(), Refused> {
    let which = if everywhere { Which::All } else { Which::One(signed.session.id) };
    end_some(env, signed, which, Reason::SignedOut).await.map(drop)
}

async fn end_some(
    env: &Env,
    signed: &SignedIn,
    which: Which,
    reason: Reason,
) -> Result<bool, Refused> {
    let (user, now) = (signed.account.id, env.clock.now());
    Ok(env.write(End { user, which, reason, now }).await?)
}
