//! The password as the second factor: after a passkey that showed presence alone.

use std::sync::Arc;

use nightlatch_core::{
    SecretText, audit::Reason, email::Email, lockout::Budget, proof::Factor, token::SignInStep,
};
use nightlatch_store::units::{
    account::ById,
    budget::Reserved,
    second_password::{Complete, ReserveStep},
    sign_in::Refused as Refusal,
};

use crate::{
    Client, Env, Refused,
    env::wait_for,
    observer::Outcome,
    passwords::{self, Compared},
    tokens::{self, Tokens},
};

/// Completes a sign-in by the account's password.
///
/// # Errors
///
/// [`Refused::FlowEnded`] when the sign-in is over, [`Refused::MethodNotAllowed`] where it began with
/// the password, [`Refused::InvalidCode`] for a wrong one, and [`Refused::TooManyAttempts`].
pub async fn answer(
    env: &Env,
    client: &Client,
    temp_token: &SecretText,
    text: SecretText,
) -> Result<Tokens, Refused> {
    let now = env.clock.now();
    let step = SignInStep::open(&env.ring(), temp_token, now).ok_or(Refused::FlowEnded)?;
    if !step.proofs.are_completed_by(Factor::Password) {
        return Err(Refused::MethodNotAllowed);
    }
    let step = Arc::new(step);
    let account = env.store.read(ById { user: step.user }).await?.ok_or(Refused::FlowEnded)?;
    let lookup = Email::parse(&account.email)
        .map(|email| email.lookup_key(&env.ring()))
        .ok_or(Refused::MethodNotAllowed)?;
    // Whoever has the key is no stranger, and no known device: their guesses are counted apart.
    let slot = env.budget(Budget::KnownDevice, &lookup, b"webauthn");
    let streak = match env.write(ReserveStep { step: step.clone(), slot, now }).await? {
        None => return Err(Refused::FlowEnded),
        Some(Reserved::Wait(until)) => {
            env.observer.presented(Factor::Password, Outcome::Limited);
            return Err(Refused::TooManyAttempts(wait_for(until, now)));
        }
        Some(Reserved::Go { streak }) => streak,
    };
    let place = passwords::place(env, &[slot]).await?;
    let Compared { proof, rehashed } =
        passwords::compare(env, place, Some(&account), text, now).await?;
    let Some(proof) = proof else {
        let (reason, address) = (Reason::WrongPassword, client.address);
        let (account, slot) = (Some(account), slot.slot);
        env.write(Refusal { account, reason, streak, slot, address, now }).await?;
        return Err(Refused::InvalidCode);
    };
    let fresh = env.fresh(client, env.clock.now());
    let random = fresh.random;
    let known_device = step.known_device;
    let unit = Complete {
        ring: env.ring(),
        step,
        account: account.clone(),
        proof,
        fresh,
        forgive: slot.slot,
        rehashed,
    };
    let session = env.write(unit).await?.ok_or(Refused::FlowEnded)?;
    Ok(tokens::hand_out(env, *session, account, random, now).with_device(env, known_device, now))
}
