//! Registering an address.
//!
//! The answer, and the work, are the same whether the address has an account or not: only the
//! mailbox learns which. Where mails have to be answered, nothing is stored but the mail; what the
//! client has to keep is sealed in its registration token.

use std::time::Duration;

use nightlatch_core::{
    SecretText, Timestamp, UserId,
    email::Email,
    factors::password::PasswordHash,
    lockout::Budget,
    message::Template,
    name::Name,
    token::{Invite, MailLink, Registration},
};
use nightlatch_store::units::{
    budget::{Reserve, Reserved},
    register::{AcceptInvite, Begin, NewAccount, Register},
};

use crate::{Env, Invalid, Refused, passwords, settings};

/// How long the mailed link and the registration token live.
pub const LINK_LIFETIME: Duration = Duration::from_hours(24);

/// How long an invited administrator has to enrol a second factor.
pub const BOOTSTRAP: Duration = Duration::from_mins(15);

/// What is registered.
#[derive(Debug, Default)]
pub struct Input {
    /// The address.
    pub email: String,
    /// The password; without one the mailed link has to bring it.
    pub password: Option<SecretText>,
    /// How the person is called.
    pub name: Option<String>,
    /// An administrator's invitation.
    pub invite: Option<SecretText>,
    /// The language (BCP 47).
    pub locale: Option<String>,
}

/// The answer, the same for every address.
#[derive(Debug)]
pub struct Registered {
    /// The address, as it was given.
    pub email: String,
    /// The name.
    pub name: Option<String>,
    /// Whether a mail has to be answered before there is an account.
    pub verification_required: bool,
    /// What the client keeps to finish with its own password.
    pub registration_token: Option<SecretText>,
}

struct Checked {
    email: Email,
    name: Option<String>,
    locale: Option<String>,
}

/// Registers an address.
///
/// # Errors
///
/// [`Refused::Invalid`] for unacceptable values, [`Refused::RegistrationClosed`] where nobody, or
/// only the invited, may register, [`Refused::InvalidToken`] for a bad invitation.
pub async fn register(env: &Env, input: Input) -> Result<Registered, Refused> {
    let now = env.clock.now();
    let invite = input.invite.as_ref().map(|text| Invite::parse(text).ok_or(Refused::InvalidToken));
    let invite = invite.transpose()?;
    match env.settings.registration {
        settings::Registration::Open => {}
        settings::Registration::Invite | settings::Registration::Closed => {
            if invite.is_none() {
                return Err(Refused::RegistrationClosed);
            }
        }
    }
    let checked = check(env, &input)?;
    let chosen = if let Some(text) = input.password {
        Some(choose(env, text, &checked).await?)
    } else {
        passwords::decoy(env).await?;
        None
    };
    if let Some(invite) = invite {
        return accept(env, checked, chosen, &invite, now).await;
    }
    let lookup = checked.email.lookup_key(&env.ring());
    let mail_budget = env.budget(Budget::Mail, &lookup, b"");
    let reserve = Reserve { slots: vec![mail_budget], now };
    // Beyond the budget nothing is mailed, and nobody is told.
    let may_mail = matches!(env.write(reserve).await?, Reserved::Go { .. });
    if !env.settings.verify_email {
        let hash = chosen.ok_or(Refused::PasswordRequired)?;
        let account = new_account(env, &checked, &hash, now);
        let envelope = may_mail.then(|| env.envelope(now));
        env.write(Register { ring: env.ring(), account, envelope }).await?;
        return Ok(answer(checked, false, None));
    }
    if may_mail {
        env.write(begin(env, &checked.email, checked.locale.clone(), lookup, now)).await?;
    }
    let token = chosen.map(|hash| registration_token(env, &checked, hash, now));
    Ok(answer(checked, true, token))
}

async fn choose(env: &Env, text: SecretText, checked: &Checked) -> Result<PasswordHash, Refused> {
    let min_length = env.settings.password_min_length;
    let (email, name) = (&checked.email, checked.name.as_deref());
    let chosen = passwords::choose(env, "password", text, min_length, email, name).await?;
    Ok(chosen.hash)
}

fn answer(checked: Checked, verify: bool, token: Option<SecretText>) -> Registered {
    Registered {
        email: checked.email.as_str().to_owned(),
        name: checked.name,
        verification_required: verify,
        registration_token: token,
    }
}

/// Mails a fresh link to an address, or tells its owner that there is an account; the same work in
/// both cases, and silence beyond the budget.
///
/// # Errors
///
/// [`Refused::Invalid`] for what is no address.
pub async fn resend(env: &Env, email: &str) -> Result<(), Refused> {
    let now = env.clock.now();
    let email = parse_email(email)?;
    let open = env.settings.registration == settings::Registration::Open;
    if !env.settings.verify_email || !open {
        return Ok(());
    }
    let lookup = email.lookup_key(&env.ring());
    let slots = vec![env.budget(Budget::Mail, &lookup, b"")];
    if let Reserved::Go { .. } = env.write(Reserve { slots, now }).await? {
        env.write(begin(env, &email, None, lookup, now)).await?;
    }
    Ok(())
}

fn begin(
    env: &Env,
    email: &Email,
    locale: Option<String>,
    lookup: [u8; 32],
    now: Timestamp,
) -> Begin {
    let link = MailLink {
        id: env.id(now),
        address: email.as_str().to_owned(),
        expires_at: now.plus(LINK_LIFETIME),
    };
    Begin {
        ring: env.ring(),
        lookup,
        email: email.as_str().to_owned(),
        locale,
        finish: Template::FinishRegistration { link: link.seal(&env.ring(), env.random()) },
        envelope: env.envelope(now),
    }
}

async fn accept(
    env: &Env,
    checked: Checked,
    chosen: Option<PasswordHash>,
    invite: &Invite,
    now: Timestamp,
) -> Result<Registered, Refused> {
    let hash = chosen.ok_or(Refused::PasswordRequired)?;
    let account = NewAccount {
        // Whoever runs the server vouches for the address.
        verified: true,
        bootstrap_until: Some(now.plus(BOOTSTRAP)),
        ..new_account(env, &checked, &hash, now)
    };
    let unit = AcceptInvite { invite: invite.id, hash: invite.hash(), account };
    if !env.write(unit).await? {
        return Err(Refused::InvalidToken);
    }
    Ok(answer(checked, false, None))
}

pub(crate) fn parse_email(email: &str) -> Result<Email, Refused> {
    Email::parse(email).ok_or_else(|| Refused::invalid("email", "This is not an e-mail address."))
}

fn check(env: &Env, input: &Input) -> Result<Checked, Refused> {
    let mut wrong = Vec::new();
    let email = Email::parse(&input.email);
    if email.is_none() {
        wrong.push(Invalid::new("email", "This is not an e-mail address."));
    }
    let name = input.name.as_deref().map(Name::parse);
    if name.as_ref().is_some_and(Option::is_none) {
        wrong.push(Invalid::new("name", "Use 1 to 100 ordinary characters."));
    }
    let locale = input.locale.as_deref().map(parse_locale);
    if locale.as_ref().is_some_and(Option::is_none) {
        wrong.push(Invalid::new("locale", "This is not a language tag."));
    }
    let mailed = env.settings.verify_email && input.invite.is_none();
    if input.password.is_none() && !mailed {
        wrong.push(Invalid::new("password", "Choose a password."));
    }
    match email {
        Some(email) if wrong.is_empty() => {
            let name = name.flatten().map(|name| name.as_str().to_owned());
            Ok(Checked { email, name, locale: locale.flatten() })
        }
        _ => Err(Refused::Invalid(wrong)),
    }
}

/// A language tag (BCP 47), roughly: letters, digits and dashes.
pub(crate) fn parse_locale(text: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let tag = (2..=35).contains(&text.len()) && text.bytes().all(plain);
    (tag && text.starts_with(|first: char| first.is_ascii_alphabetic())).then(|| text.to_owned())
}

fn registration_token(
    env: &Env,
    checked: &Checked,
    password: PasswordHash,
    now: Timestamp,
) -> SecretText {
    let registration = Registration {
        address: checked.email.normalised().to_owned(),
        name: checked.name.clone(),
        locale: checked.locale.clone(),
        password,
        chosen_at: now,
        expires_at: now.plus(LINK_LIFETIME),
    };
    registration.seal(&env.ring(), env.random())
}

fn new_account(env: &Env, checked: &Checked, hash: &PasswordHash, now: Timestamp) -> NewAccount {
    let id = UserId::new(now, env.random());
    NewAccount {
        id,
        email: checked.email.as_str().to_owned(),
        lookup: checked.email.lookup_key(&env.ring()),
        name: checked.name.clone(),
        locale: checked.locale.clone(),
        password: hash.seal(&env.ring(), env.random(), id),
        verified: false,
        bootstrap_until: None,
        now,
    }
}
