//! The second factor: a code of an authenticator app, or a recovery code.

use std::sync::Arc;

use nightlatch_core::{MethodId, SecretText, code::AnyCode, proof::Factor, token::SignInStep};
use nightlatch_store::units::{
    recovery_codes::{Reserve, Settle},
    second_factor::{Aim, Attempt, Attempted, Refusal},
    totp::Try,
};

use crate::{
    Client, Env, Refused,
    env::wait_for,
    observer::Outcome,
    tokens::{self, Tokens},
};

/// Reads a code that was sent for a factor.
///
/// # Errors
///
/// [`Refused::Invalid`] for what is no code of this factor: it is not counted as an attempt.
/// [`Refused::MethodNotAllowed`] for factors without codes.
pub fn parse(factor: Factor, code: &SecretText) -> Result<AnyCode, Refused> {
    let read = AnyCode::parse(code.expose());
    match (factor, read) {
        (Factor::Totp, Some(code @ AnyCode::OneTime(_)))
        | (Factor::BackupCode, Some(code @ AnyCode::Recovery(_))) => Ok(code),
        (Factor::Totp, _) => Err(Refused::invalid("code", "The code is 6 to 8 numbers.")),
        (Factor::BackupCode, _) => {
            Err(Refused::invalid("code", "A recovery code is 16 letters and numbers."))
        }
        (Factor::Password | Factor::Email | Factor::WebAuthn, _) => Err(Refused::MethodNotAllowed),
    }
}

/// Why a factor does not go on with a sign-in that codes alone complete: the sign-in is over
/// ([`Refused::FlowEnded`]), or it is the factor ([`Refused::MethodNotAllowed`]).
#[must_use]
pub fn not_offered(env: &Env, temp_token: &SecretText) -> Refused {
    match SignInStep::open(&env.ring(), temp_token, env.clock.now()) {
        Some(_) => Refused::MethodNotAllowed,
        None => Refused::FlowEnded,
    }
}

/// Completes a sign-in by a code.
///
/// # Errors
///
/// [`Refused::FlowEnded`] when the sign-in is over, [`Refused::InvalidCode`] for every code that is
/// not accepted, whatever the reason, [`Refused::MethodNotAllowed`] and
/// [`Refused::TooManyAttempts`].
pub async fn answer(
    env: &Env,
    client: &Client,
    temp_token: &SecretText,
    code: AnyCode,
    method: Option<MethodId>,
) -> Result<Tokens, Refused> {
    let now = env.clock.now();
    let step = SignInStep::open(&env.ring(), temp_token, now).ok_or(Refused::FlowEnded)?;
    let known_device = step.known_device;
    let tokens = attempt(env, client, Aim::SignIn(Arc::new(step)), code, method).await?;
    Ok(tokens.with_device(env, known_device, now))
}

/// Tries a code for whatever it is presented for.
pub(crate) async fn attempt(
    env: &Env,
    client: &Client,
    aim: Aim,
    code: AnyCode,
    method: Option<MethodId>,
) -> Result<Tokens, Refused> {
    let now = env.clock.now();
    let fresh = env.fresh(client, now);
    let random = fresh.random;
    let attempt = Attempt {
        ring: env.ring(),
        aim,
        allowed: env.settings.allowed.clone(),
        fresh,
        envelope: env.envelope(now),
    };
    let factor = match code {
        AnyCode::OneTime(_) => Factor::Totp,
        AnyCode::Recovery(_) => Factor::BackupCode,
    };
    let attempted: Attempted = match code {
        AnyCode::OneTime(code) => {
            let window = env.settings.totp_window;
            env.write(Try { attempt, code, method, window }).await?
        }
        AnyCode::Recovery(code) => {
            let user = attempt.user();
            let reserved = env.write(Reserve { attempt: attempt.clone() }).await?;
            let (account, set) = reserved.map_err(|refusal| turned_away(env, factor, refusal))?;
            let ring = env.ring();
            let proof = env.hash(move |memory| set.verify(&ring, user, &code, now, memory)).await?;
            let low_stock = env.envelope(now);
            env.write(Settle { attempt, account: *account, proof, low_stock }).await?
        }
    };
    let (session, account) = attempted.map_err(|refusal| turned_away(env, factor, refusal))?;
    env.observer.presented(factor, Outcome::Accepted);
    Ok(tokens::hand_out(env, *session, *account, random, now))
}

/// Counts a refusal, and says what its caller may know.
pub(crate) fn turned_away(env: &Env, factor: Factor, refusal: Refusal) -> Refused {
    match refusal {
        Refusal::Wrong => env.observer.presented(factor, Outcome::Refused),
        Refusal::Wait(_) | Refusal::Disabled => env.observer.presented(factor, Outcome::Limited),
        Refusal::Ended | Refusal::NotAllowed => {}
    }
    refused(env, refusal)
}

fn refused(env: &Env, refusal: Refusal) -> Refused {
    match refusal {
        Refusal::Wrong => Refused::InvalidCode,
        Refusal::Ended => Refused::FlowEnded,
        Refusal::NotAllowed | Refusal::Disabled => Refused::MethodNotAllowed,
        Refusal::Wait(until) => Refused::TooManyAttempts(wait_for(until, env.clock.now())),
    }
}
