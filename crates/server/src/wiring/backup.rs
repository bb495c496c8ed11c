//! Taking a backup of an installation, and restoring one.

use std::{collections::BTreeSet, path::Path};

use nightlatch_core::{
    audit::Head,
    keys::{KeyRing, KeyTag},
};
use nightlatch_flows::{
    Clock, Refused, admin::restore::revoke, boot, env::SystemClock, upkeep::checkpoint::checkpoint,
};
use nightlatch_store::{
    Database, Store,
    backup::{self, BackupError},
    units::keys::Needs,
};

use crate::{
    config::Config,
    wiring::{
        installation::{Unopened, chained, claim, options},
        keys,
    },
};

/// Why there is no backup, or why one was not restored.
#[derive(Debug, thiserror::Error)]
pub enum Unsaved {
    /// Keys or database can't be opened.
    #[error(transparent)]
    Unopened(#[from] Unopened),
    /// The copy was not made.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// What came from the backup was not revoked.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl Unsaved {
    /// What to do about it.
    #[must_use]
    pub fn next(&self) -> String {
        let next = match self {
            Self::Unopened(error) => return error.next(),
            Self::Backup(BackupError::Exists(_)) => {
                "nothing is written over: name another, or take it away"
            }
            Self::Backup(BackupError::File { .. }) => {
                "check the path, its permissions and the free space; the folder has to take links"
            }
            Self::Backup(BackupError::Damaged { .. }) => "use another backup",
            Self::Backup(BackupError::NotEmpty(_)) => {
                "name an empty database in `database.url`; restoring replaces none"
            }
            Self::Backup(BackupError::Open(_)) => "check that the database is there",
            Self::Refused(_) => "try again; nothing was restored",
        };
        next.to_owned()
    }
}

/// Copies the database of `config` into the new file `out`; the names of the keys
/// that it needs, which are not in it.
///
/// # Errors
///
/// [`Unsaved`] says what to do; there is no file then.
pub async fn take(config: &Config, out: &Path) -> Result<BTreeSet<KeyTag>, Unsaved> {
    let ring = keys::read(&config.keys).map_err(Unopened::from)?;
    let options = options(config).map_err(Unopened::from)?;
    let now = SystemClock::default().now();
    // Before the copy, so that no file appears that the keys at hand would not open.
    let store = Store::open(options.clone()).await.map_err(Unopened::from)?;
    let needed = needed(&store, ring).await;
    store.close(now).await;
    let needed = needed?;
    backup::take(&options.database, out, now).await?;
    Ok(needed)
}

async fn needed(store: &Store, ring: KeyRing) -> Result<BTreeSet<KeyTag>, Unopened> {
    boot::fitting(store, ring).await?;
    let needs = store.read_slow(Needs).await?;
    Ok(needs.iter().map(|need| need.tag).collect())
}

/// Puts the backup `from` into the empty place that `config` names, with everything void that was
/// issued before; how many owners of recovery codes are told so.
///
/// All of it is done in a working copy, which appears in its place once it is whole.
///
/// # Errors
///
/// [`Unsaved`] says what to do; nothing was restored then.
pub async fn restore(config: &Config, from: &Path) -> Result<usize, Unsaved> {
    let ring = keys::read(&config.keys).map_err(Unopened::from)?;
    let target = options(config).map_err(Unopened::from)?.database;
    backup::require_empty(&target).await?;
    let work = target.path().unwrap_or(from);
    let work = backup::with_suffix(work, ".restoring");
    backup::unpack(from, &work)?;
    let done = async {
        let told = revoked(config, &work, ring).await?;
        backup::put(&work, &target, SystemClock::default().now()).await?;
        Ok(told)
    };
    let done = done.await;
    backup::discard(&work);
    done
}

/// Revokes in the working copy what must not come back.
async fn revoked(config: &Config, work: &Path, ring: KeyRing) -> Result<usize, Unsaved> {
    const NOTHING_SIGNED: &[Head] = &[];
    let options = chained(Database::file(work.to_owned()));
    let now = SystemClock::default().now();
    let store = Store::open_and_migrate(options, now).await.map_err(Unopened::from)?;
    let env = claim(config, store, ring).await?;
    let told = revoke(&env).await;
    let signed = checkpoint(&env, NOTHING_SIGNED).await;
    env.store.close(env.clock.now()).await;
    signed?;
    Ok(told?)
}
