//! Before the first request: is this database ours, and for this purpose?

use nightlatch_core::{
    Timestamp,
    keys::{KeyRing, Nonce},
};
use nightlatch_store::{
    Fault, Store,
    units::meta::{Claim, HighWater},
};

/// What a server is started for; a database is used for one of them, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Trying and developing.
    Dev,
    /// Real accounts.
    Serve,
}

impl Mode {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Serve => "serve",
        }
    }
}

/// Why a server does not start on a database.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// The key ring is not the one that the database was made with; a new one would make every
    /// second factor in it unreadable.
    #[error("the key ring does not open this database")]
    WrongKeys,
    /// It was made by `dev`, without the checks of `serve`.
    #[error("this database was made by `nightlatch dev`")]
    MadeByDev,
    /// It was made by `serve`.
    #[error("this database belongs to `nightlatch serve`")]
    MadeByServe,
    /// The store failed.
    #[error("the database does not answer as it should")]
    Store(#[from] Fault),
}

/// Claims a database for `mode` and for this key ring, or checks that it was claimed for both.
///
/// Returns the time below which the clock may not run.
///
/// # Errors
///
/// [`Unfit`] says why not.
pub async fn claim(
    store: &Store,
    ring: &KeyRing,
    mode: Mode,
    nonce: Nonce,
    now: Timestamp,
) -> Result<Timestamp, Unfit> {
    check_keys(store, ring, nonce).await?;
    let claim = Claim { key: "mode", value: mode.as_str().as_bytes().to_vec() };
    match (mode, store.write(claim).await?.as_slice()) {
        (Mode::Dev, b"dev") | (Mode::Serve, b"serve") => {}
        (_, b"dev") => return Err(Unfit::MadeByDev),
        _ => return Err(Unfit::MadeByServe),
    }
    Ok(store.write(HighWater { now }).await?)
}

async fn check_keys(store: &Store, ring: &KeyRing, nonce: Nonce) -> Result<(), Unfit> {
    let mark = store.write(Claim { key: "ring", value: ring.mark(nonce) }).await?;
    if ring.knows(&mark) { Ok(()) } else { Err(Unfit::WrongKeys) }
}
