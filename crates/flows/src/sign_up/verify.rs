//! Finishing a registration with the link that was mailed.
//!
//! The link alone never activates the password of whoever registered the address: that takes the
//! same client's registration token, or a password from whoever reads the mailbox.

use nightlatch_core::{
    SecretText, UserId,
    email::Email,
    proof::Proofs,
    token::{MailLink, Registration},
};
use nightlatch_store::units::{
    account::ById,
    register::{NewAccount, Verify},
};

use crate::{
    Client, Env, Refused, passwords, settings,
    tokens::{self, Tokens},
};

/// Makes the account and signs its owner in.
///
/// # Errors
///
/// [`Refused::InvalidToken`] for a link that is not good, or no longer, or not for this
/// registration; [`Refused::PasswordRequired`] for a good link on its own.
pub async fn verify(
    env: &Env,
    client: &Client,
    token: &SecretText,
    registration_token: Option<&SecretText>,
    password: Option<SecretText>,
) -> Result<Tokens, Refused> {
    let now = env.clock.now();
    let link = MailLink::open(&env.ring(), token, now).ok_or(Refused::InvalidToken)?;
    let email = Email::parse(&link.address).ok_or(Refused::InvalidToken)?;
    if env.settings.registration != settings::Registration::Open {
        return Err(Refused::RegistrationClosed);
    }
    let id = UserId::new(now, env.random());
    let mailbox = Proofs::default().with(&link.prove(id, now));
    let (name, locale, hash, proofs) = match (registration_token, password) {
        (Some(text), None) => {
            let kept = Registration::open(&env.ring(), text, now).ok_or(Refused::InvalidToken)?;
            if kept.address != email.normalised() {
                return Err(Refused::InvalidToken);
            }
            let proofs = mailbox.with(&kept.prove(id));
            (kept.name, kept.locale, kept.password, proofs)
        }
        (None, Some(text)) => {
            let min_length = env.settings.password_min_length;
            let chosen = passwords::choose(env, "password", text, min_length, &email, None).await?;
            let proofs = mailbox.with(&chosen.password.chosen(id, now));
            (None, None, chosen.hash, proofs)
        }
        (None, None) => return Err(Refused::PasswordRequired),
        (Some(_), Some(_)) => {
            return Err(Refused::invalid(
                "password",
                "Send it or the registration token, not both.",
            ));
        }
    };
    let account = NewAccount {
        id,
        email: email.as_str().to_owned(),
        lookup: email.lookup_key(&env.ring()),
        name,
        locale,
        password: hash.seal(&env.ring(), env.random(), id),
        verified: true,
        bootstrap_until: None,
        now,
    };
    let fresh = env.fresh(client, now);
    let random = fresh.random;
    let unit = Verify {
        ring: env.ring(),
        link: link.id,
        expires_at: link.expires_at,
        account,
        proofs,
        fresh,
    };
    let session = env.write(unit).await?.ok_or(Refused::InvalidToken)?;
    let account = env.store.read(ById { user: id }).await?.ok_or(Refused::InvalidToken)?;
    Ok(tokens::hand_out(env, session, account, random, now).with_device(env, false, now))
}
