//! Making an administrator.

use nightlatch_core::{SecretText, token::Invite};
use nightlatch_store::units::{
    account::ByAddress,
    admin::{self, Promote, Promoted},
};

use crate::{
    Env, Refused,
    sign_up::register::{BOOTSTRAP, parse_email},
};

/// What came of an invitation.
#[derive(Debug)]
pub enum Invited {
    /// A link for an address that has no account yet; only its hash is kept.
    Link(SecretText),
    /// The account has a second factor and is an administrator now.
    Promoted,
    /// The account is an administrator without a second factor, and may enrol one within
    /// [`BOOTSTRAP`].
    MayEnroll,
    /// The account has no second factor: its owner has to enrol one first.
    NeedsFactor,
}

/// Invites whoever has this address to be an administrator.
///
/// # Errors
///
/// [`Refused::Invalid`] for what is no address; [`Refused::Conflict`].
pub async fn invite(env: &Env, address: &str) -> Result<Invited, Refused> {
    let now = env.clock.now();
    let email = parse_email(address)?;
    let lookup = email.lookup_key(&env.ring());
    if let Some(account) = env.store.read(ByAddress { lookup }).await? {
        let unit = Promote { account, bootstrap_until: now.plus(BOOTSTRAP), now };
        return match env.write(unit).await? {
            Promoted::Done => Ok(Invited::Promoted),
            Promoted::MayEnroll => Ok(Invited::MayEnroll),
            Promoted::NeedsFactor => Ok(Invited::NeedsFactor),
            Promoted::Conflict => Err(Refused::Conflict),
        };
    }
    let invite = Invite::issue(env.id(now), env.random());
    let unit = admin::Invite {
        id: invite.id,
        lookup,
        hash: invite.hash(),
        expires_at: now.plus(BOOTSTRAP),
        now,
    };
    env.write(unit).await?;
    Ok(Invited::Link(invite.to_text()))
}
