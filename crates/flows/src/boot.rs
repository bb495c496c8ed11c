//! Before the first request: is this database ours, and for this purpose?

use nightlatch_core::{
    Timestamp,
    keys::{KeyRing, KeyTag, Nonce},
};
use nightlatch_store::{
    Fault, Store,
    units::{
        keys::{Announce, Known, Need, Needs},
        meta::{Claim, ERA, Get, HighWater},
        risks::Accept,
    },
};

use crate::{Env, Refused};

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

    /// Refuses a database that was made for another purpose.
    fn suits(self, made_for: &[u8]) -> Result<(), Unfit> {
        match made_for {
            found if found == self.as_str().as_bytes() => Ok(()),
            b"dev" => Err(Unfit::MadeByDev),
            _ => Err(Unfit::MadeByServe),
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
    /// A key is missing that something in the database was made with.
    #[error("the key ring lacks the key {tag}, which {rows} rows of the database need")]
    MissingKey {
        /// Its name.
        tag: KeyTag,
        /// How many rows.
        rows: i64,
    },
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

/// Claims a database for `mode` and for this key ring, or checks that it was claimed for both. What
/// is refused has changed nothing.
///
/// `era` names the era of a database that is in none yet.
///
/// Returns the ring with the keys of the database that last and in its era, and the time below which the clock may
/// not run.
///
/// # Errors
///
/// [`Unfit`] says why not.
pub async fn claim(
    store: &Store,
    ring: KeyRing,
    mode: Mode,
    nonces: [Nonce; 2],
    era: [u8; 16],
    now: Timestamp,
) -> Result<(KeyRing, Timestamp), Unfit> {
    let mark = store.write(Claim { key: "ring", value: ring.mark(nonces[0]) }).await?;
    if !ring.knows(&mark) {
        return Err(Unfit::WrongKeys);
    }
    let claim = Claim { key: "mode", value: mode.as_str().as_bytes().to_vec() };
    mode.suits(&store.write(claim).await?)?;
    lacks_nothing(store, &ring).await?;
    if store.read(Get { key: "lasting" }).await?.is_none() {
        let made_with = KeyRing::tag_of(&mark).ok_or(Unfit::WrongKeys)?;
        let value = ring.seal_lasting(made_with, nonces[1]).ok_or(Unfit::WrongKeys)?;
        store.write(Claim { key: "lasting", value }).await?;
    }
    store.write(Claim { key: ERA, value: era.to_vec() }).await?;
    let ring = adopt(store, ring).await?;
    store.write(Announce { node: None, tags: ring.tags().collect(), now }).await?;
    Ok((ring, store.write(HighWater { now }).await?))
}

/// Checks that `ring` opens all of a database that was claimed, and gives it the keys that last.
///
/// # Errors
///
/// [`Unfit`] says what it does not open.
pub async fn fitting(store: &Store, ring: KeyRing) -> Result<KeyRing, Unfit> {
    let mark = store.read(Get { key: "ring" }).await?;
    if !mark.is_some_and(|mark| ring.knows(&mark)) {
        return Err(Unfit::WrongKeys);
    }
    lacks_nothing(store, &ring).await?;
    adopt(store, ring).await
}

/// Writes down which settings of this start weaken something, by their keys and how; those of the last
/// start are known.
///
/// # Errors
///
/// The store's.
pub async fn accept(env: &Env, settings: Vec<(&'static str, String)>) -> Result<(), Refused> {
    Ok(env.write(Accept { settings, now: env.clock.now() }).await?)
}

/// Whose a database is that [`claim`] would accept.
pub enum Claimed {
    /// Nobody has claimed it.
    Not,
    /// An older version has, and this one has not added yet what it keeps there.
    Before,
    /// This version has, and this is the ring as [`claim`] would return it.
    Now(KeyRing),
}

/// What [`claim`] would say of a database, which is not changed.
///
/// # Errors
///
/// [`Unfit`] says why it would be refused.
pub async fn examine(store: &Store, ring: KeyRing, mode: Mode) -> Result<Claimed, Unfit> {
    let Some(mark) = store.read(Get { key: "ring" }).await? else { return Ok(Claimed::Not) };
    if !ring.knows(&mark) {
        return Err(Unfit::WrongKeys);
    }
    if let Some(made_for) = store.read(Get { key: "mode" }).await? {
        mode.suits(&made_for)?;
    }
    for key in ["lasting", ERA] {
        if store.read(Get { key }).await?.is_none() {
            lacks_nothing(store, &ring).await?;
            return Ok(Claimed::Before);
        }
    }
    fitting(store, ring).await.map(Claimed::Now)
}

async fn adopt(store: &Store, ring: KeyRing) -> Result<KeyRing, Unfit> {
    let lasting = store.read(Get { key: "lasting" }).await?;
    let ring = lasting.and_then(|sealed| ring.adopt(&sealed)).ok_or(Unfit::WrongKeys)?;
    let era = store.read(Get { key: ERA }).await?.unwrap_or_default();
    let era = era.try_into().map_err(|_| Fault::corrupt("meta.era"))?;
    Ok(ring.in_era(era))
}

/// Insists on every key that something needs. Rows are read only if a key is missing that was there
/// once and was not retired.
async fn lacks_nothing(store: &Store, ring: &KeyRing) -> Result<(), Unfit> {
    let missing = |tag: &KeyTag| !ring.tags().any(|held| held == *tag);
    let known = store.read(Known).await?;
    if !known.iter().any(|key| key.retired_at.is_none() && missing(&key.tag)) {
        return Ok(());
    }
    let needs = store.read_slow(Needs).await?;
    let Some(Need { tag, .. }) = needs.iter().find(|need| missing(&need.tag)) else {
        return Ok(());
    };
    let rows = needs.iter().filter(|need| need.tag == *tag).map(|need| need.rows).sum();
    Err(Unfit::MissingKey { tag: *tag, rows })
}
