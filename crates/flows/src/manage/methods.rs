//! Listing, renaming and removing methods.

use nightlatch_core::{
    MethodId,
    methods::{Holding, Method},
    name::Name,
};
use nightlatch_store::units::methods::{CodeSet, Read, Remove, Removed, Rename};

use crate::{
    Env, Refused,
    authenticate::{SignedIn, stepped_up},
};

/// What a person has enrolled.
///
/// # Errors
///
/// The store's.
pub async fn list(env: &Env, signed: &SignedIn) -> Result<(Holding, Option<CodeSet>), Refused> {
    Ok(env.store.read(Read { user: signed.account.id }).await?)
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
        ring: env.ring.clone(),
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
