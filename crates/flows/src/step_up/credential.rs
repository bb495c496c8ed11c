//! Stepping up by a passkey or a security key.

use nightlatch_core::{MethodId, SecretText, token::StepUpCeremony};
use nightlatch_store::units::second_factor::Aim;

use crate::{
    Client, Env, Refused,
    authenticate::SignedIn,
    ceremonies::{self, Options},
    sign_in::credential::{Asked, present},
    tokens::Tokens,
};

/// Asks for a credential of whoever is signed in.
///
/// # Errors
///
/// [`Refused::MethodNotAllowed`] if no credential can be used.
pub async fn options(
    env: &Env,
    signed: &SignedIn,
    method: Option<MethodId>,
) -> Result<Options, Refused> {
    let (user, session) = (signed.account.id, signed.session.id);
    let credentials = ceremonies::usable(env, user, method).await?;
    let ceremony = ceremonies::begin(env, env.clock.now());
    let public_key = ceremonies::ask(env, &ceremony, &credentials);
    let token = StepUpCeremony { ceremony, user, session, method };
    Ok(Options { challenge_token: token.seal(&env.ring(), env.random()), public_key })
}

/// Steps up by a credential; its answer is the JSON text `credential`.
///
/// # Errors
///
/// [`Refused::InvalidCode`] for every answer that is not accepted, whatever the reason,
/// [`Refused::MethodNotAllowed`], and [`Refused::Unauthenticated`] when the session ended meanwhile.
pub async fn answer(
    env: &Env,
    client: &Client,
    signed: SignedIn,
    challenge_token: &SecretText,
    credential: &[u8],
) -> Result<Tokens, Refused> {
    let now = env.clock.now();
    let Some(token) = StepUpCeremony::open(&env.ring(), challenge_token, now) else {
        ceremonies::end_misplaced(env, challenge_token, now).await?;
        return Err(Refused::InvalidCode);
    };
    let bound = token.user == signed.account.id && token.session == signed.session.id;
    let asked = Asked { ceremony: token.ceremony, method: token.method, bound };
    let aim = Aim::StepUp(Box::new(signed.session));
    match present(env, client, aim, asked, credential).await {
        Err(Refused::FlowEnded) => Err(Refused::Unauthenticated),
        outcome => outcome,
    }
}
