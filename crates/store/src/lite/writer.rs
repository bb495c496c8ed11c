//! The one thread that writes, with group commit: what waits in the queue shares a transaction and
//! its flush.
//!
//! Everybody runs together first. If one fails, all are rolled back and run again, each behind a
//! savepoint, so that a fault costs its neighbours time and nothing else. Nobody is answered before
//! the commit.

use std::{ops::ControlFlow, path::Path, sync::Arc, thread};

use async_channel::{Receiver, Sender, TrySendError};
use nightlatch_core::{UserId, audit::Head};
use rusqlite::{Connection, ErrorCode};
use tokio::{
    runtime::Handle,
    time::{MissedTickBehavior, interval},
};

use super::{open_writer, say};
use crate::{
    Fault, Tx,
    chain::{Chain, Shared},
    changes::EVERY,
    tx::Engine,
    unit::{Job, at_once, job},
};

/// Has the writer look around again and again, also while there is nothing to write.
pub(crate) async fn nudge(writer: Sender<()>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // One that was not taken yet is enough.
        if let Err(TrySendError::Closed(())) = writer.try_send(()) {
            return;
        }
    }
}

/// Units that may share a transaction: bounds how long the first of them waits for the last.
const MAX_BATCH: usize = 256;

type Batch = Vec<Box<dyn Job>>;

/// For each unit of a batch that was committed: whether it took part.
type Verdicts = Vec<Result<(), Fault>>;

/// Why a batch was not committed.
enum Failure {
    /// One unit failed, and so all have to be rolled back.
    Unit(Fault),
    /// The transaction itself failed. Nothing was committed.
    Transaction(Fault),
    /// `COMMIT` failed: what is on disk is not known.
    Commit(rusqlite::Error),
}

/// The thread's belongings.
pub(crate) struct Writer {
    connection: Connection,
    chain: Chain,
    shared: Arc<Shared>,
    queue: Receiver<Box<dyn Job>>,
    nudges: Receiver<()>,
    runtime: Handle,
    /// Whose accounts the batch under way changed.
    changed: Vec<UserId>,
    /// Tells whether another process wrote to the file.
    version: i64,
}

impl Writer {
    pub(crate) fn open(
        path: &Path,
        shared: Arc<Shared>,
        queue: Receiver<Box<dyn Job>>,
        nudges: Receiver<()>,
    ) -> Result<Self, Fault> {
        let chain = Chain::open(Arc::clone(&shared));
        let connection = open_writer(path)?;
        let version = version(&connection)?;
        let (runtime, changed) = (Handle::current(), Vec::new());
        Ok(Self { connection, chain, shared, queue, nudges, runtime, changed, version })
    }

    pub(crate) fn spawn(self) -> std::io::Result<thread::JoinHandle<()>> {
        thread::Builder::new().name("nightlatch-writer".to_owned()).spawn(move || self.run())
    }

    fn run(mut self) {
        self.look_around();
        while let Some(first) = self.next() {
            let mut batch = vec![first];
            while batch.len() < MAX_BATCH
                && let Ok(next) = self.queue.try_recv()
            {
                batch.push(next);
            }
            if self.settle(batch).is_break() {
                return self.stop();
            }
            self.look_around();
        }
        if let Some(unit) = self.chain.last_unit() {
            let (last, _) = job(unit);
            // A chain that could not be closed is one that ends without its last event.
            let _ = self.settle(vec![last]);
        }
    }

    /// The next unit; `None` when there will be no more. Looks around while it waits.
    fn next(&mut self) -> Option<Box<dyn Job>> {
        loop {
            let (queue, nudges) = (&self.queue, &self.nudges);
            let next = self.runtime.block_on(async {
                tokio::select! {
                    biased;
                    next = queue.recv() => Some(next.ok()),
                    Ok(()) = nudges.recv() => None,
                }
            });
            match next {
                Some(next) => return next,
                None => self.look_around(),
            }
        }
    }

    /// Brings a batch to its end. `Break` if the file can no longer be trusted.
    fn settle(&mut self, mut batch: Batch) -> ControlFlow<()> {
        let before = self.chain.head;
        let mut outcome = self.together(&mut batch);
        if let Err(Failure::Unit(fault)) = outcome {
            self.roll_back(before);
            outcome = match batch.len() {
                1 => Ok(vec![Err(fault)]),
                _ => self.one_by_one(&mut batch),
            };
        }
        // Also of a batch that failed: it may have been committed all the same.
        for user in self.changed.drain(..) {
            self.shared.changes.changed(user);
        }
        let failure = match outcome {
            Ok(verdicts) => {
                self.chain.publish();
                for (job, verdict) in batch.into_iter().zip(verdicts) {
                    job.answer(verdict);
                }
                return ControlFlow::Continue(());
            }
            Err(failure) => failure,
        };
        self.roll_back(before);
        let (fault, next) = self.judge(failure);
        for job in batch {
            job.answer(Err(fault.clone()));
        }
        next
    }

    /// What to tell a batch that was not committed, and whether to go on.
    fn judge(&mut self, failure: Failure) -> (Fault, ControlFlow<()>) {
        match failure {
            Failure::Unit(fault) | Failure::Transaction(fault) => {
                (fault, ControlFlow::Continue(()))
            }
            Failure::Commit(error) => {
                self.chain.renew();
                // After a failed flush the system may have dropped the pages that it could not
                // write: a second try can succeed and still lose them.
                let next = match error.sqlite_error_code() {
                    Some(ErrorCode::SystemIoFailure) => ControlFlow::Break(()),
                    _ => ControlFlow::Continue(()),
                };
                (Fault::unavailable(error), next)
            }
        }
    }

    fn together(&mut self, batch: &mut Batch) -> Result<Verdicts, Failure> {
        self.begin()?;
        for job in batch.iter_mut() {
            self.attempt(job.as_mut()).map_err(Failure::Unit)?;
        }
        self.commit()?;
        Ok(batch.iter().map(|_| Ok(())).collect())
    }

    fn one_by_one(&mut self, batch: &mut Batch) -> Result<Verdicts, Failure> {
        self.begin()?;
        let mut verdicts = Vec::with_capacity(batch.len());
        for job in batch.iter_mut() {
            let before = self.chain.head;
            self.word("SAVEPOINT unit")?;
            let verdict = self.attempt(job.as_mut());
            if verdict.is_err() {
                self.word("ROLLBACK TO unit")?;
                self.chain.head = before;
            }
            self.word("RELEASE unit")?;
            verdicts.push(verdict);
        }
        self.commit()?;
        Ok(verdicts)
    }

    fn attempt(&mut self, job: &mut dyn Job) -> Result<(), Fault> {
        let engine = Engine::Lite(&mut self.connection);
        let mut tx = Tx::new(engine, Some(&mut self.chain), &self.shared);
        let outcome = at_once(job.run(&mut tx));
        let (_, told) = tx.into_parts();
        self.changed.extend(told.users);
        outcome
    }

    /// Makes sure that what another process (the command line) changed is noticed.
    fn look_around(&mut self) {
        let moment = self.shared.changes.now();
        let Ok(version) = version(&self.connection) else { return };
        if version != self.version {
            self.version = version;
            self.shared.changes.any_changed();
        }
        self.shared.changes.heard_all_before(moment);
    }

    fn begin(&self) -> Result<(), Failure> {
        self.word("BEGIN IMMEDIATE")
    }

    fn commit(&self) -> Result<(), Failure> {
        say(&self.connection, "COMMIT").map_err(Failure::Commit)
    }

    /// A full disk can take the whole transaction away under a savepoint; then this fails.
    fn word(&self, word: &'static str) -> Result<(), Failure> {
        say(&self.connection, word).map_err(|error| Failure::Transaction(error.into()))
    }

    fn roll_back(&mut self, head: Head) {
        self.chain.head = head;
        if self.connection.is_autocommit() {
            return;
        }
        if let Err(error) = say(&self.connection, "ROLLBACK") {
            // The next batch finds the transaction open and is told so.
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::error!(error, "Rollback failed");
        }
    }

    /// Turns away whoever waits and whoever comes, and says so.
    fn stop(self) {
        self.queue.close();
        self.shared.gave_up.notify_one();
        while let Ok(job) = self.queue.try_recv() {
            job.answer(Err(Fault::closed()));
        }
    }
}

/// A number that changes with every commit of another connection.
fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}
