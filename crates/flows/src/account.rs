//! What people change about their account: name, language, password.

use nightlatch_core::{SecretText, email::Email, name::Name, proof::Factor};
use nightlatch_store::units::{
    account::{Account, Patch},
    password::Change,
};

use crate::{
    Client, Env, Invalid, Refused,
    authenticate::{SignedIn, stepped_up},
    passwords,
    sign_up::register::parse_locale,
    step_up,
};

/// Changes the name or the language.
///
/// # Errors
///
/// [`Refused::Invalid`] for unacceptable values.
pub async fn patch(
    env: &Env,
    signed: &SignedIn,
    name: Option<&str>,
    locale: Option<&str>,
) -> Result<Account, Refused> {
    let mut wrong = Vec::new();
    let parsed_name = name.and_then(Name::parse);
    if name.is_some() && parsed_name.is_none() {
        wrong.push(Invalid::new("name", "Use 1 to 100 ordinary characters."));
    }
    let parsed_locale = locale.and_then(parse_locale);
    if locale.is_some() && parsed_locale.is_none() {
        wrong.push(Invalid::new("locale", "This is not a language tag."));
    }
    if !wrong.is_empty() {
        return Err(Refused::Invalid(wrong));
    }
    let unit = Patch {
        user: signed.account.id,
        name: parsed_name.map(|name| name.as_str().to_owned()),
        locale: parsed_locale,
        now: env.clock.now(),
    };
    env.write(unit).await?.ok_or(Refused::Unauthenticated)
}

/// Sets a new password; every other session ends and the owner is told.
///
/// # Errors
///
/// [`Refused::StepUp`] without a recent proof at the account's own level;
/// [`Refused::InvalidCode`] for a wrong current password; [`Refused::Invalid`] for a weak new one.
pub async fn change_password(
    env: &Env,
    client: &Client,
    signed: SignedIn,
    current: Option<SecretText>,
    new: SecretText,
) -> Result<(), Refused> {
    let holding = stepped_up(env, &signed).await?;
    let settings = &env.settings;
    let min_length = if holding.required() {
        settings.password_min_length_with_mfa
    } else {
        settings.password_min_length
    };
    let email = Email::parse(&signed.account.email).ok_or(Refused::NotFound)?;
    let name = signed.account.name.as_deref();
    let chosen = passwords::choose(env, "new_password", new, min_length, &email, name).await?;
    // Knowing the current one is all that is asked; the session's proofs stay as they are.
    let forgive = if let Some(text) = current {
        let (_proof, slot) = step_up::check_password(env, client, &signed.account, text).await?;
        Some(slot)
    } else {
        know_password(env, &signed)?;
        None
    };
    let now = env.clock.now();
    let unit = Change {
        ring: env.ring(),
        sealed: chosen.hash.seal(&env.ring(), env.random(), signed.account.id),
        account: signed.account,
        session: signed.session,
        forgive,
        envelope: env.envelope(now),
    };
    if env.write(unit).await? { Ok(()) } else { Err(Refused::Conflict) }
}

/// Without the current password in the request it must have been proved recently in the session.
fn know_password(env: &Env, signed: &SignedIn) -> Result<(), Refused> {
    let max_age = env.settings.step_up_max_age;
    let proved = signed.session.proofs.at(Factor::Password);
    if proved.is_some_and(|at| env.clock.now().since(at) <= max_age) {
        return Ok(());
    }
    Err(Refused::invalid("current_password", "Enter your current password."))
}
