//! Listing, renaming and removing methods.

use nightlatch_core::{
    MethodId,
    factors::webauthn::user_handle,
    methods::{Holding, Method},
    name::Name,
};
use nightlatch_store::units::{
    methods::{CodeSet, Read, Remove, Removed, Rename},
    webauthn::Credentials,
};

use crate::{
    Env, Refused,
    authenticate::{SignedIn, stepped_up},
};

/// What a person has enrolled.
#[derive(Debug)]
pub struct Listed {
    /// The methods.
    pub holding: Holding,
    /// The recovery codes, if there are any.
    pub codes: Option<CodeSet>,
    /// What their authenticators may be told.
    pub signals: Signals,
}

/// What an account's owner may have their authenticators told (WebAuthn Level 3 §5.1.10): which of the
/// passkeys that they keep are good, and what the account is called now.
#[derive(Debug)]
pub struct Signals {
    /// The relying party.
    pub rp_id: String,
    /// The account's handle.
    pub user_handle: [u8; 16],
    /// All its credentials.
    pub credential_ids: Vec<Vec<u8>>,
    /// Its address.
    pub name: String,
    /// What its owner is called.
    pub display_name: String,
}

/// Lists what a person has enrolled.
///
/// # Errors
///
/// The store's.
pub async fn list(env: &Env, signed: &SignedIn) -> Result<Listed, Refused> {
    let account = &signed.account;
    let (holding, codes) = env.store.read(Read { user: account.id }).await?;
    let unit = Credentials { ring: env.ring(), user: account.id };
    let credentials = env.store.read(unit).await?;
    let signals = Signals {
        rp_id: env.settings.webauthn.party.id.clone(),
        user_handle: *user_handle(&account.id),
        credential_ids: credentials.into_iter().map(|(_, credential)| credential.id).collect(),
        name: account.email.clone(),
        display_name: account.name.clone().unwrap_or_else(|| account.email.clone()),
    };
    Ok(Listed { holding, codes, signals })
}

/// Gives a method another name.
///
/// # Errors
///
/// [`Refused::StepUp`], [`Refused::Invalid`], [`Refused::NotFound`].
pub async fn rename(
    env: &Env,
    signed: &SignedIn,
    method: MethodId,
    name: &str,
) -> Result<Method, Refused> {
    stepped_up(env, signed).await?;
    let name = Name::parse(name)
        .ok_or_else(|| Refused::invalid("name", "Use 1 to 100 ordinary characters."))?;
    let unit = Rename {
        user: signed.account.id,
        method,
        name: name.as_str().to_owned(),
        now: env.clock.now(),
    };
    env.write(unit).await?.ok_or(Refused::NotFound)
}

/// Removes a method; its owner is told.
///
/// # Errors
///
/// [`Refused::StepUp`], [`Refused::NotFound`], and [`Refused::LastMethod`] where policy demands one:
/// of administrators, always.
pub async fn remove(env: &Env, signed: &SignedIn, method: MethodId) -> Result<(), Refused> {
    stepped_up(env, signed).await?;
    let unit = Remove {
        ring: env.ring(),
        account: signed.account.clone(),
        session: signed.session.clone(),
        method,
        keep_one: signed.account.is_admin,
        envelope: env.envelope(env.clock.now()),
    };
    match env.write(unit).await? {
        Removed::Gone => Ok(()),
        Removed::LastMethod => Err(Refused::LastMethod),
        Removed::Unknown => Err(Refused::NotFound),
        Removed::Conflict => Err(Refused::Conflict),
    }
}
