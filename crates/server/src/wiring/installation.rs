//! Opening an installation: its database, its keys, and the check that they belong together.

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use nightlatch_core::{SessionId, keys::KeyRing};
use nightlatch_flows::{
    Clock, Entropy, Env, Settings,
    boot::{self, Unfit},
    env::{OsEntropy, SystemClock},
    hasher::Hasher,
    keys::Keys,
    metadata::Metadata,
    observer::Unobserved,
};
use nightlatch_store::{BadDatabase, Database, Fault, OpenError, Options, Store, units::meta::Get};
use tokio::sync::Notify;

use crate::{
    config::{self, Config, Mode, Passwords},
    wiring::{
        keys::{self, BadKeys},
        metadata::{self, BadMetadata},
        settings,
    },
};

/// Why an installation was not opened.
#[derive(Debug, thiserror::Error)]
pub enum Unopened {
    /// The folder of a development server can't be made.
    #[error("the data folder {} can't be made", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no development server's folder.
    #[error("there is no installation in {}", .0.display())]
    Absent(PathBuf),
    /// The address of the database is not one.
    #[error("the address of the database can't be used")]
    Address(#[from] BadDatabase),
    /// The database can't be opened.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// The database was opened, and does not answer.
    #[error(transparent)]
    Store(#[from] Fault),
    /// There is no key ring.
    #[error(transparent)]
    Keys(#[from] BadKeys),
    /// What is known of authenticators can't be used.
    #[error(transparent)]
    Metadata(#[from] BadMetadata),
    /// The database is not for these keys, or not for this purpose.
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

impl Unopened {
    /// What to do about it.
    #[must_use]
    pub fn next(&self) -> String {
        let next = match self {
            Self::Folder { .. } => "choose a folder that you can write to with --data",
            Self::Absent(path) => {
                return format!("start `nightlatch dev --data {}` once", path.display());
            }
            Self::Address(_) => "use sqlite:PATH or postgres://user@host/name",
            Self::Database(OpenError::Database(_) | OpenError::Io(_))
            | Self::Store(_)
            | Self::Unfit(Unfit::Store(_)) => {
                "check that the database is there, that its address is right and that this user \
                 may write to it"
            }
            Self::Database(OpenError::Behind { .. }) => {
                "back the database up, then run `nightlatch migrate` with the settings of its server"
            }
            Self::Database(OpenError::Newer { .. } | OpenError::Changed { .. }) => {
                "run the version that made it, or restore a backup that this one made"
            }
            Self::Keys(bad) => bad.next(),
            Self::Metadata(bad) => bad.next(),
            Self::Unfit(Unfit::WrongKeys) => {
                "restore the key file that the database was made with; new keys would lock everybody out"
            }
            Self::Unfit(Unfit::MissingKey { .. }) => {
                "put that key back into the key file; `nightlatch keys retire` says when one may go"
            }
            Self::Unfit(Unfit::MadeByDev) => {
                "name a new database in `database.url` and run `nightlatch migrate`"
            }
            Self::Unfit(Unfit::MadeByServe) => "choose a folder and a database for development",
        };
        next.to_owned()
    }
}

/// Opens the installation of a server. In development, what is missing is made: the folder, the
/// schema and the keys.
///
/// # Errors
///
/// [`Unopened`] says what to do.
pub async fn open(config: &Config) -> Result<Env, Unopened> {
    let file = config.webauthn.metadata.as_ref();
    let metadata = file.map(|file| metadata::read(file, SystemClock::default().now(), None));
    let metadata = metadata.transpose()?;
    let env = open_or_make(config).await?;
    if let Some(metadata) = metadata {
        env.metadata.replace(metadata);
    }
    Ok(env)
}

async fn open_or_make(config: &Config) -> Result<Env, Unopened> {
    let options = options(config)?;
    if config.mode == Mode::Serve {
        let ring = keys::read(&config.keys)?;
        return claim(config, Store::open(options).await?, ring).await;
    }
    make_folder(config)?;
    let store = Store::open_and_migrate(options, SystemClock::default().now()).await?;
    if let config::Keys::File(path) = &config.keys
        && !path.exists()
    {
        // A new ring would lock everybody out whose second factor the old one sealed.
        if store.read(Get { key: "ring" }).await?.is_some() {
            return Err(BadKeys::Gone(path.clone()).into());
        }
        keys::make(path, &OsEntropy)?;
    }
    claim(config, store, keys::read(&config.keys)?).await
}

/// Opens the installation for a command, also beside its running server. Nothing is made.
///
/// # Errors
///
/// [`Unopened`] says what to do.
pub async fn open_beside(config: &Config) -> Result<Env, Unopened> {
    if let Some(folder) = folder(config).filter(|folder| !folder.exists()) {
        return Err(Unopened::Absent(folder.to_owned()));
    }
    let ring = keys::read(&config.keys)?;
    claim(config, Store::open(options(config)?).await?, ring).await
}

/// Where `config` keeps its data, with ids for audit chains.
///
/// # Errors
///
/// The address is not one.
pub fn options(config: &Config) -> Result<Options, BadDatabase> {
    Ok(chained(Database::parse(config.database.expose())?))
}

/// Opens `database` as stores are opened here.
#[must_use]
pub fn chained(database: Database) -> Options {
    Options::new(database, || {
        let mut random = [0; 10];
        OsEntropy.fill(&mut random);
        *SessionId::new(SystemClock::default().now(), random).as_bytes()
    })
}

/// The folder of a development server.
fn folder(config: &Config) -> Option<&Path> {
    match (config.mode, &config.keys) {
        (Mode::Dev, config::Keys::File(keys)) => keys.parent(),
        _ => None,
    }
}

fn make_folder(config: &Config) -> Result<(), Unopened> {
    let Some(folder) = folder(config) else { return Ok(()) };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source| Unopened::Folder { path: folder.to_owned(), source })
}

/// Checks that database, keys and purpose belong together, and puts the world around them.
pub(super) async fn claim(config: &Config, store: Store, ring: KeyRing) -> Result<Env, Unopened> {
    let mut nonces = [[0; 12]; 2];
    for nonce in &mut nonces {
        OsEntropy.fill(nonce);
    }
    let mut era = [0; 16];
    OsEntropy.fill(&mut era);
    let now = SystemClock::default().now();
    let (ring, mark) = boot::claim(&store, ring, purpose(config.mode), nonces, era, now).await?;
    let world = World {
        store,
        clock: Arc::new(SystemClock::from_mark(mark)),
        entropy: Arc::new(OsEntropy),
        ring,
    };
    Ok(world.env(&config.passwords, settings::of(config)))
}

/// What a database is claimed for in `mode`.
#[must_use]
pub const fn purpose(mode: Mode) -> boot::Mode {
    match mode {
        Mode::Dev => boot::Mode::Dev,
        Mode::Serve => boot::Mode::Serve,
    }
}

/// What an [`Env`] is made of besides settings.
pub struct World {
    /// The open database.
    pub store: Store,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Keys that the database knows.
    pub ring: KeyRing,
}

impl World {
    /// The world of journeys that go by `settings`; `passwords` bounds the slow hashes.
    #[must_use]
    pub fn env(self, passwords: &Passwords, settings: Settings) -> Env {
        Env {
            store: self.store,
            clock: self.clock,
            entropy: self.entropy,
            hasher: Hasher::new(passwords.permits.get(), passwords.queue),
            keys: Keys::new(self.ring, &settings.public_url),
            settings,
            metadata: Metadata::default(),
            outbox: Notify::new(),
            observer: Arc::new(Unobserved),
        }
    }
}
