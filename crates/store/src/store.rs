//! The store: hands units to the writers and readers of its engine.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
};

use async_channel::{Sender, TrySendError};
use nightlatch_core::{Timestamp, UserId, audit::Head};
use tokio::task::JoinSet;

use crate::{
    Database, Engine, Fault, Mark, Options, Unit,
    chain::Shared,
    lite::{self, Readers},
    migrate::OpenError,
    options::Place,
    outage::Outage,
    pg,
    unit::{Job, job},
};

/// A queue of units on their way to a writer or a reader.
pub(crate) type Queue = Sender<Box<dyn Job>>;

/// The database. Clones share it.
///
/// A unit belongs to the store once it was taken: a caller who stops waiting cancels nothing.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    writes: Queue,
    reads: Reads,
    shared: Arc<Shared>,
    writing: Outage,
    reading: Outage,
    workers: Mutex<Option<Workers>>,
    /// Listens for changes; ends with the store.
    listener: Mutex<JoinSet<()>>,
}

enum Reads {
    /// Point reads happen inline on the caller's thread; lists have connections of their own.
    Sqlite {
        points: Readers,
        lists: Readers,
    },
    Postgres(Queue),
}

/// What has to end before the store is closed.
enum Workers {
    Writer(std::thread::JoinHandle<()>),
    Lanes(Vec<tokio::task::JoinHandle<()>>),
}

impl Store {
    /// Opens a database whose schema is up to date. Blocks for moments; call it at the start.
    ///
    /// # Errors
    ///
    /// [`OpenError`], which says what to do.
    pub async fn open(options: Options) -> Result<Self, OpenError> {
        Self::check(&options.database).await?;
        Self::start(options)
    }

    /// Refuses a database whose schema is not up to date, and changes nothing.
    ///
    /// # Errors
    ///
    /// [`OpenError`], which says what to do.
    pub async fn check(database: &Database) -> Result<(), OpenError> {
        match &database.0 {
            Place::Sqlite(path) => lite::check(path),
            Place::Postgres(config) => pg::check(&pg::Server::new(config)?).await,
        }
    }

    /// Opens a database to look at it, whatever its schema: nothing in it is changed, and what is
    /// handed to [`Store::write`] finds the store closed.
    ///
    /// # Errors
    ///
    /// [`OpenError`], which says what to do.
    pub fn open_to_look(options: Options) -> Result<Self, OpenError> {
        let shared = Arc::new(Shared::new(options.chain_ids));
        let (writes, _) = async_channel::bounded(1);
        let (reads, workers) = match options.database.0 {
            Place::Sqlite(path) => {
                let open = || Readers::open(&path, options.readers);
                (Reads::Sqlite { points: open()?, lists: open()? }, None)
            }
            Place::Postgres(config) => {
                let (reads, looks) = async_channel::bounded(options.queue.max(1));
                let server = pg::Server::new(&config)?;
                let lanes = pg::read_lanes(&server, options.readers, &looks, &shared);
                (Reads::Postgres(reads), Some(Workers::Lanes(lanes)))
            }
        };
        Ok(Self::of(writes, reads, shared, workers, JoinSet::new()))
    }

    /// Brings the schema up to date (at most once, whoever else does the same) and opens. A SQLite
    /// file that is not there is made, readable for its owner only.
    ///
    /// # Errors
    ///
    /// [`OpenError`], which says what to do.
    pub async fn open_and_migrate(options: Options, now: Timestamp) -> Result<Self, OpenError> {
        match &options.database.0 {
            Place::Sqlite(path) => lite::migrate(path, now)?,
            Place::Postgres(config) => pg::migrate(&pg::Server::new(config)?, now).await?,
        }
        Self::start(options)
    }

    fn start(options: Options) -> Result<Self, OpenError> {
        let shared = Arc::new(Shared::new(options.chain_ids));
        let (writes, jobs) = async_channel::bounded(options.queue.max(1));
        let mut listener = JoinSet::new();
        let (reads, workers) = match options.database.0 {
            Place::Sqlite(path) => {
                let (nudge, nudges) = async_channel::bounded(1);
                let thread =
                    lite::Writer::open(&path, Arc::clone(&shared), jobs, nudges)?.spawn()?;
                let points = Readers::open(&path, options.readers)?;
                let lists = Readers::open(&path, lite::LIST_READERS)?;
                listener.spawn(lite::nudge(nudge));
                (Reads::Sqlite { points, lists }, Workers::Writer(thread))
            }
            Place::Postgres(config) => {
                let server = pg::Server::new(&config)?;
                let (reads, looks) = async_channel::bounded(options.queue.max(1));
                let mut lanes = pg::write_lanes(&server, options.lanes, &jobs, &shared);
                lanes.extend(pg::read_lanes(&server, options.readers, &looks, &shared));
                listener.spawn(pg::listen(server, Arc::clone(&shared)));
                (Reads::Postgres(reads), Workers::Lanes(lanes))
            }
        };
        Ok(Self::of(writes, reads, shared, Some(workers), listener))
    }

    fn of(
        writes: Queue,
        reads: Reads,
        shared: Arc<Shared>,
        workers: Option<Workers>,
        listener: JoinSet<()>,
    ) -> Self {
        let (writing, reading) = (Outage::of("writing"), Outage::of("reading"));
        let (workers, listener) = (Mutex::new(workers), Mutex::new(listener));
        Self(Arc::new(Inner { writes, reads, shared, writing, reading, workers, listener }))
    }

    /// Runs a unit that writes, and returns once it is durable.
    ///
    /// # Errors
    ///
    /// [`Fault::Busy`] at once if the queue is full, else what went wrong.
    pub async fn write<U: Unit>(&self, unit: U) -> Result<U::Out, Fault> {
        let outcome = queued(&self.0.writes, unit).await;
        // That a unit went through shows nothing: a full disk takes the ones that change nothing.
        if let (Err(fault), false) = (&outcome, self.0.is_closing()) {
            self.0.writing.begin(fault);
        }
        outcome
    }

    /// Runs a unit that looks up a few rows, all of one moment. On SQLite it runs inline: use
    /// [`Store::read_slow`] for what takes longer than a handful of index look-ups.
    ///
    /// # Errors
    ///
    /// A [`Fault`].
    pub async fn read<U: Unit>(&self, unit: U) -> Result<U::Out, Fault> {
        let outcome = match &self.0.reads {
            Reads::Sqlite { points, .. } => self.0.look(points, &unit),
            Reads::Postgres(queue) => queued(queue, unit).await,
        };
        match &outcome {
            Ok(_) => self.0.reading.end(),
            Err(fault) if !self.0.is_closing() => self.0.reading.begin(fault),
            Err(_closed) => {}
        }
        outcome
    }

    /// Runs a unit that reads many rows, all of one moment, off the runtime's threads.
    ///
    /// # Errors
    ///
    /// A [`Fault`].
    pub async fn read_slow<U: Unit>(&self, unit: U) -> Result<U::Out, Fault> {
        let Reads::Sqlite { .. } = &self.0.reads else { return self.read(unit).await };
        let inner = Arc::clone(&self.0);
        let reading = tokio::task::spawn_blocking(move || match &inner.reads {
            Reads::Sqlite { lists, .. } => inner.look(lists, &unit),
            Reads::Postgres(_) => Err(Fault::broken("a list was read on the wrong engine")),
        });
        reading.await.unwrap_or_else(|_| Err(Fault::closed()))
    }

    /// A mark to be taken before something is read of the account of `user` that is to be kept: it
    /// may be used for as long as the mark [holds](Self::holds). `None` while this store does not hear
    /// of changes; then nothing is to be kept.
    #[must_use]
    pub fn mark(&self, user: UserId) -> Option<Mark> {
        self.0.shared.changes.mark(user)
    }

    /// Whether what was read after `mark` was taken is still so: in the account, and in its sessions
    /// but for time and refreshes elsewhere. What another node or process changed is known within a
    /// second.
    #[must_use]
    pub fn holds(&self, mark: &Mark) -> bool {
        self.0.shared.changes.hold(mark)
    }

    /// Whether this store hears of changes: if not, no mark holds.
    #[must_use]
    pub fn hears(&self) -> bool {
        self.0.shared.changes.is_trusted()
    }

    /// How many writes, and how many reads, wait for somebody to run them. On SQLite no read waits here.
    #[must_use]
    pub fn waiting(&self) -> [usize; 2] {
        let reads = match &self.0.reads {
            Reads::Sqlite { .. } => 0,
            Reads::Postgres(queue) => queue.len(),
        };
        [self.0.writes.len(), reads]
    }

    /// The engine behind this store.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match self.0.reads {
            Reads::Sqlite { .. } => Engine::Sqlite,
            Reads::Postgres(_) => Engine::Postgres,
        }
    }

    /// The committed heads of the audit chains that this process wrote, for a checkpoint.
    #[must_use]
    pub fn heads(&self) -> Vec<Head> {
        self.0.shared.heads()
    }

    /// Statements that units asked for since the store was opened: lets a test compare the work that
    /// two requests cause. A unit that had to run again counts again.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.0.shared.statements.load(Ordering::Relaxed)
    }

    /// Whether the database takes writes: no after the first that it did not take for want of being
    /// there or of room, until [`Store::wrote`].
    #[must_use]
    pub fn takes_writes(&self) -> bool {
        self.0.writing.is_over()
    }

    /// Notes that a write came through that changed something.
    pub fn wrote(&self) {
        self.0.writing.end();
    }

    /// Done when the store has given up by itself, which only SQLite does: after a failed flush nobody
    /// knows what the disk has kept, and only opening the file anew shows it. For one caller.
    pub async fn gave_up(&self) {
        self.0.shared.gave_up.notified().await;
    }

    /// Takes no more units, ends those that were taken, closes the audit chains at `now` and waits
    /// for all of it. Later calls of any clone get [`Fault::Unavailable`].
    pub async fn close(&self, now: Timestamp) {
        // The first call decides when.
        let _ = self.0.shared.closing.set(now);
        self.0.listener.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
        self.0.writes.close();
        if let Reads::Postgres(queue) = &self.0.reads {
            queue.close();
        }
        let workers = self.0.workers.lock().unwrap_or_else(PoisonError::into_inner).take();
        match workers {
            Some(Workers::Writer(thread)) => {
                // Joining fails only for a panic, which the thread's own report has told.
                let _ = tokio::task::spawn_blocking(move || thread.join()).await;
            }
            Some(Workers::Lanes(lanes)) => {
                for lane in lanes {
                    let _ = lane.await;
                }
            }
            None => {}
        }
    }
}

impl Inner {
    /// An end that was asked for is no outage.
    fn is_closing(&self) -> bool {
        self.shared.closing.get().is_some()
    }

    /// Reads on this thread, unless the store was closed.
    fn look<U: Unit>(&self, readers: &Readers, unit: &U) -> Result<U::Out, Fault> {
        match self.shared.closing.get() {
            None => readers.read(unit, &self.shared),
            Some(_) => Err(Fault::closed()),
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.engine())
    }
}

async fn queued<U: Unit>(queue: &Queue, unit: U) -> Result<U::Out, Fault> {
    let (job, answer) = job(unit);
    match queue.try_send(job) {
        Ok(()) => answer.await.unwrap_or_else(|_| Err(Fault::closed())),
        Err(TrySendError::Full(_)) => Err(Fault::Busy),
        Err(TrySendError::Closed(_)) => Err(Fault::closed()),
    }
}
