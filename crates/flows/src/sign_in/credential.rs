//! The second factor: a passkey or a security key.

use std::sync::Arc;

use nightlatch_core::{
    MethodId, SecretText, Timestamp,
    factors::webauthn::{self, AuthenticationResponse, Credential},
    proof::Factor,
    token::{Ceremony, SecondFactorCeremony, SignInStep},
};
use nightlatch_store::units::{
    second_factor::{Aim, Attempt, IsOpen, Refusal},
    webauthn::{Burn, Present, Presented},
};

use super::second_factor::turned_away;
use crate::{
    Client, Env, Refused,
    ceremonies::{self, Options, with_verifier},
    observer::Outcome,
    tokens::{self, Tokens},
};

/// Asks for a credential of whoever is signing in.
///
/// # Errors
///
/// [`Refused::FlowEnded`], and [`Refused::MethodNotAllowed`] if no credential can be used here.
pub async fn options(
    env: &Env,
    temp_token: &SecretText,
    method: Option<MethodId>,
) -> Result<Options, Refused> {
    let now = env.clock.now();
    let step = SignInStep::open(&env.ring(), temp_token, now).ok_or(Refused::FlowEnded)?;
    let step = Arc::new(step);
    if !env.store.read(IsOpen { step: step.clone() }).await? {
        return Err(Refused::FlowEnded);
    }
    if !step.proofs.are_completed_by(Factor::WebAuthn) {
        return Err(Refused::MethodNotAllowed);
    }
    let credentials = ceremonies::usable(env, step.user, method).await?;
    let ceremony = ceremonies::begin(env, now);
    let public_key = ceremonies::ask(env, &ceremony, &credentials);
    let token = SecondFactorCeremony { ceremony, user: step.user, step: step.id, method };
    Ok(Options { challenge_token: token.seal(&env.ring(), env.random()), public_key })
}

/// Completes a sign-in by a credential; its answer is the JSON text `credential`.
///
/// # Errors
///
/// [`Refused::FlowEnded`], [`Refused::InvalidCode`] for every answer that is not accepted, whatever
/// the reason, and [`Refused::MethodNotAllowed`].
pub async fn answer(
    env: &Env,
    client: &Client,
    temp_token: &SecretText,
    challenge_token: &SecretText,
    credential: &[u8],
) -> Result<Tokens, Refused> {
    let now = env.clock.now();
    let Some(step) = SignInStep::open(&env.ring(), temp_token, now) else {
        ceremonies::end_misplaced(env, challenge_token, now).await?;
        return Err(Refused::FlowEnded);
    };
    let Some(token) = SecondFactorCeremony::open(&env.ring(), challenge_token, now) else {
        ceremonies::end_misplaced(env, challenge_token, now).await?;
        return Err(Refused::InvalidCode);
    };
    let bound = token.user == step.user && token.step == step.id;
    let asked = Asked { ceremony: token.ceremony, method: token.method, bound };
    let known_device = step.known_device;
    let aim = Aim::SignIn(Arc::new(step));
    let tokens = present(env, client, aim, asked, credential).await?;
    Ok(tokens.with_device(env, known_device, now))
}

/// A ceremony whose answer is presented.
pub(crate) struct Asked {
    /// The ceremony.
    pub(crate) ceremony: Ceremony,
    /// The one method that was asked for, if the person chose one.
    pub(crate) method: Option<MethodId>,
    /// Whether it is presented by whom, and for what, it was begun.
    pub(crate) bound: bool,
}

/// Presents the answer to a ceremony for whatever it is meant. The ceremony is over afterwards.
pub(crate) async fn present(
    env: &Env,
    client: &Client,
    aim: Aim,
    asked: Asked,
    credential: &[u8],
) -> Result<Tokens, Refused> {
    let fresh = env.fresh(client, env.clock.now());
    let (now, random) = (fresh.now, fresh.random);
    let burn = Burn { id: asked.ceremony.id, expires_at: asked.ceremony.expires_at };
    let attempt = Attempt {
        ring: env.ring(),
        aim,
        allowed: env.settings.allowed.clone(),
        fresh,
        envelope: env.envelope(now),
    };
    if !asked.bound {
        env.write(burn).await?;
        return Err(turned_away(env, Factor::WebAuthn, Refusal::Wrong));
    }
    let user = attempt.user();
    let usable = ceremonies::usable(env, user, asked.method).await;
    let credentials = match usable {
        Err(Refused::MethodNotAllowed) => Vec::new(),
        usable => usable?,
    };
    let (presented, name) = verify(env, &asked.ceremony, &credentials, credential, now).await?;
    let unit = Present { attempt, burn, presented, name };
    let (session, account) =
        env.write(unit).await?.map_err(|refusal| turned_away(env, Factor::WebAuthn, refusal))?;
    env.observer.presented(Factor::WebAuthn, Outcome::Accepted);
    Ok(tokens::hand_out(env, *session, *account, random, now))
}

async fn verify(
    env: &Env,
    ceremony: &Ceremony,
    credentials: &[Credential],
    answer: &[u8],
    now: Timestamp,
) -> Result<(Presented, String), Refused> {
    let not_asked = || {
        let (step, reason) = (webauthn::Step::AllowCredentials, "the credential was not asked for");
        webauthn::Refused::Ceremony(webauthn::StepRefused::new(step, reason))
    };
    let response = AuthenticationResponse::from_json(answer).map_err(webauthn::Refused::Ceremony);
    let found = response.and_then(|response| {
        let credential = credentials.iter().find(|credential| credential.id == response.raw_id);
        credential.map(|credential| (response, credential)).ok_or_else(not_asked)
    });
    let (verified, method) = match found {
        Ok((response, credential)) => {
            let verified = with_verifier(env, |verifier| {
                verifier.assert(ceremony, &response, credential, true, now)
            });
            (verified, Some((credential.user, credential.method)))
        }
        Err(refused) => (Err(refused), None),
    };
    match verified {
        Ok(asserted) => Ok((Presented::Right(asserted), String::new())),
        Err(refused) => {
            ceremonies::log(&refused);
            let name = match (refused, method) {
                (webauthn::Refused::Cloned, Some((user, method))) => {
                    ceremonies::name_of(env, user, method).await?
                }
                _ => String::new(),
            };
            Ok((Presented::Wrong(refused.reason()), name))
        }
    }
}
