//! Proving again, in a session, who one is: the session goes on with new secrets and fresh proofs.

pub mod credential;

use std::time::Duration;

use nightlatch_core::{
    MethodId, SecretText,
    audit::Reason,
    code::{AnyCode, OneTimeCode},
    email::Email,
    lockout::Budget,
    proof::Factor,
};
use nightlatch_store::units::{
    budget::{Reserve, Reserved},
    mail_code,
    second_factor::Aim,
    sign_in::{Refused as Refusal, Renew},
};

use crate::{
    Client, Env, Refused,
    authenticate::SignedIn,
    env::wait_for,
    observer::Outcome,
    passwords,
    sign_in::second_factor,
    tokens::{self, Tokens},
};

/// How long a mailed code lives.
pub const MAIL_CODE_LIFETIME: Duration = Duration::from_mins(5);

/// How soon another code may be mailed.
pub const RESEND_AFTER: Duration = Duration::from_secs(30);

/// A code is on its way.
#[derive(Debug)]
pub struct Sent {
    /// Where to, masked.
    pub sent_to: String,
}

fn address(env: &Env, signed: &SignedIn) -> Option<(Email, [u8; 32])> {
    let email = Email::parse(&signed.account.email)?;
    let lookup = email.lookup_key(&env.ring());
    Some((email, lookup))
}

/// Mails a code to the account's address.
///
/// # Errors
///
/// [`Refused::MethodNotAllowed`] for factors without options, [`Refused::TooManyAttempts`].
pub async fn options(env: &Env, signed: &SignedIn, factor: Factor) -> Result<Sent, Refused> {
    if factor != Factor::Email {
        return Err(Refused::MethodNotAllowed);
    }
    let now = env.clock.now();
    let (email, lookup) = address(env, signed).ok_or(Refused::MethodNotAllowed)?;
    let unit = mail_code::Send {
        ring: env.ring(),
        account: signed.account.clone(),
        session: signed.session.clone(),
        id: env.id(now),
        expires_at: now.plus(MAIL_CODE_LIFETIME),
        budget: env.budget(Budget::Mail, &lookup, b"code"),
        envelope: env.envelope(now),
    };
    match env.write(unit).await? {
        Reserved::Go { .. } => Ok(Sent { sent_to: email.masked() }),
        Reserved::Wait(until) => Err(Refused::TooManyAttempts(wait_for(until, now))),
    }
}

/// Steps up by a code of a second factor, or by a mailed code.
///
/// # Errors
///
/// [`Refused::InvalidCode`], [`Refused::MethodNotAllowed`], [`Refused::TooManyAttempts`];
/// [`Refused::Unauthenticated`] when the session ended meanwhile.
pub async fn by_code(
    env: &Env,
    client: &Client,
    signed: SignedIn,
    factor: Factor,
    code: &SecretText,
    method: Option<MethodId>,
) -> Result<Tokens, Refused> {
    if factor == Factor::Email {
        return by_mail(env, client, signed, code).await;
    }
    let code = second_factor::parse(factor, code)?;
    let aim = Aim::StepUp(Box::new(signed.session));
    match second_factor::attempt(env, client, aim, code, method).await {
        Err(Refused::FlowEnded) => Err(Refused::Unauthenticated),
        outcome => outcome,
    }
}

async fn by_mail(
    env: &Env,
    client: &Client,
    signed: SignedIn,
    code: &SecretText,
) -> Result<Tokens, Refused> {
    let code: OneTimeCode = match AnyCode::parse(code.expose()) {
        Some(AnyCode::OneTime(code)) => code,
        Some(AnyCode::Recovery(_)) | None => {
            return Err(Refused::invalid("code", "The code is 6 numbers."));
        }
    };
    let fresh = env.fresh(client, env.clock.now());
    let (now, random) = (fresh.now, fresh.random);
    let unit = mail_code::Try { ring: env.ring(), session: signed.session, code, fresh };
    match env.write(unit).await? {
        Ok(session) => {
            env.observer.presented(Factor::Email, Outcome::Accepted);
            Ok(tokens::hand_out(env, *session, signed.account, random, now))
        }
        Err(refusal) => match second_factor::turned_away(env, Factor::Email, refusal) {
            Refused::FlowEnded => Err(Refused::Unauthenticated),
            refused => Err(refused),
        },
    }
}

/// Steps up by the account's password.
///
/// # Errors
///
/// [`Refused::InvalidCode`] for a wrong password, [`Refused::TooManyAttempts`];
/// [`Refused::Unauthenticated`] when the session ended meanwhile.
pub async fn by_password(
    env: &Env,
    client: &Client,
    signed: SignedIn,
    text: SecretText,
) -> Result<Tokens, Refused> {
    let now = env.clock.now();
    let SignedIn { session, account } = signed;
    let (proof, slot) = check_password(env, client, &account, text).await?;
    let fresh = env.fresh(client, now);
    let random = fresh.random;
    let unit = Renew {
        ring: env.ring(),
        session,
        account: account.clone(),
        proof,
        fresh,
        forgive: vec![slot],
    };
    let session = env.write(unit).await?.ok_or(Refused::Unauthenticated)?;
    Ok(tokens::hand_out(env, session, account, random, now))
}

/// Checks the password of a signed-in person. Guesses are counted apart from those at sign-in, so that
/// a stolen session keeps nobody from signing in, and for all sessions together, because whoever holds
/// a passkey can open one after the other.
pub(crate) async fn check_password(
    env: &Env,
    client: &Client,
    account: &nightlatch_store::units::account::Account,
    text: SecretText,
) -> Result<(nightlatch_core::proof::Proof, i64), Refused> {
    let now = env.clock.now();
    let lookup = Email::parse(&account.email)
        .map(|email| email.lookup_key(&env.ring()))
        .ok_or(Refused::MethodNotAllowed)?;
    let slot = env.budget(Budget::KnownDevice, &lookup, b"session");
    let streak = match env.write(Reserve { slots: vec![slot], now }).await? {
        Reserved::Go { streak } => streak,
        Reserved::Wait(until) => return Err(Refused::TooManyAttempts(wait_for(until, now))),
    };
    let place = passwords::place(env, &[slot]).await?;
    let Some(proof) = passwords::compare(env, place, Some(account), text, now).await?.proof else {
        let (account, reason) = (Some(account.clone()), Reason::WrongPassword);
        let (slot, address) = (slot.slot, client.address);
        env.write(Refusal { account, reason, streak, slot, address, now }).await?;
        return Err(Refused::InvalidCode);
    };
    Ok((proof, slot.slot))
}
