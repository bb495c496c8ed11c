//! Slow hashes, off the runtime and bounded: a flood of sign-ins waits in line, then is turned away,
//! and nothing else slows down.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use nightlatch_core::factors::password::Memory;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Refused;

/// A bounded pool of Argon2 work with its memory kept between uses (filling fresh memory costs a
/// fifth of a hash).
#[derive(Clone)]
pub struct Hasher(Arc<Pool>);

/// A place in line for one slow hash.
pub struct Place(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

struct Pool {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    memory: Mutex<Vec<Memory>>,
    jobs: AtomicU64,
}

impl Hasher {
    /// A pool that runs `permits` jobs at once and lets `queue` more wait.
    #[must_use]
    pub fn new(permits: usize, queue: usize) -> Self {
        Self(Arc::new(Pool {
            running: Arc::new(Semaphore::new(permits)),
            waiting: Arc::new(Semaphore::new(permits + queue)),
            memory: Mutex::default(),
            jobs: AtomicU64::new(0),
        }))
    }

    /// How many jobs were run so far.
    #[must_use]
    pub fn jobs(&self) -> u64 {
        self.0.jobs.load(Ordering::Relaxed)
    }

    /// A place in line.
    ///
    /// # Errors
    ///
    /// [`Refused::Busy`] when too many are waiting.
    pub fn place(&self) -> Result<Place, Refused> {
        let place = Arc::clone(&self.0.waiting).try_acquire_owned();
        place.map(Place).map_err(|_| Refused::Busy)
    }

    /// Runs `job` when it is its turn. A caller who leaves gives up the place in line; a job that
    /// runs runs to its end.
    ///
    /// # Errors
    ///
    /// Only a fault: the place is there.
    pub async fn run<T: Send + 'static>(
        &self,
        place: Place,
        job: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let pool = Arc::clone(&self.0);
        let permit = Arc::clone(&pool.running).acquire_owned().await.map_err(|_| Refused::Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let mut memory = pool.take();
            pool.jobs.fetch_add(1, Ordering::Relaxed);
            let out = job(&mut memory);
            pool.give_back(memory);
            drop((permit, place));
            out
        });
        done.await.map_err(|_| Refused::Store(nightlatch_store::Fault::broken("a hash panicked")))
    }
}

impl Pool {
    fn take(&self) -> Memory {
        let mut memory = self.memory.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        memory.pop().unwrap_or_default()
    }

    fn give_back(&self, memory: Memory) {
        self.memory.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(memory);
    }
}
