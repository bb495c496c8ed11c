//! Accounts, seen and changed by whoever runs the server.

use nightlatch_core::{UserId, methods::Holding};
use nightlatch_store::units::{
    account::{Account, ByAddress, ById, Standing},
    admin::{ListUsers, ResetMethods, SetStanding},
    methods::Read,
};

use crate::{Env, Refused, sign_up::register::parse_email};

/// Finds an account by its id or its address.
///
/// # Errors
///
/// [`Refused::NotFound`].
pub async fn find(env: &Env, id_or_address: &str) -> Result<Account, Refused> {
    let found = if let Ok(user) = id_or_address.parse::<UserId>() {
        env.store.read(ById { user }).await?
    } else {
        let lookup = parse_email(id_or_address)?.lookup_key(&env.ring());
        env.store.read(ByAddress { lookup }).await?
    };
    found.ok_or(Refused::NotFound)
}

/// Lists accounts, newest first.
///
/// # Errors
///
/// The store's.
pub async fn list(env: &Env, before: Option<UserId>, limit: i64) -> Result<Vec<Account>, Refused> {
    Ok(env.store.read_slow(ListUsers { before, limit }).await?)
}

/// What an account has enrolled.
///
/// # Errors
///
/// The store's.
pub async fn holding(env: &Env, account: &Account) -> Result<Holding, Refused> {
    Ok(env.store.read(Read { user: account.id }).await?.0)
}

/// Disables an account, or enables it again; `false` if it is so already.
///
/// # Errors
///
/// The store's.
pub async fn set_standing(
    env: &Env,
    account: &Account,
    standing: Standing,
) -> Result<bool, Refused> {
    let now = env.clock.now();
    Ok(env.write(SetStanding { user: account.id, standing, now }).await?)
}

/// Removes every second factor of an account, and ends its sessions.
///
/// # Errors
///
/// [`Refused::Conflict`] if the account changed meanwhile.
pub async fn reset_methods(env: &Env, account: Account) -> Result<(), Refused> {
    let envelope = env.envelope(env.clock.now());
    let done = env.write(ResetMethods { ring: env.ring(), account, envelope }).await?;
    if done { Ok(()) } else { Err(Refused::Conflict) }
}
