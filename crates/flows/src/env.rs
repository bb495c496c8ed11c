//! Everything a journey needs from outside: time, randomness, the store, keys and settings.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use nightlatch_core::{
    SessionId, Timestamp, factors::password::Memory, keys::KeyRing, lockout::Budget,
};
use nightlatch_store::{
    Fault, Store, Unit,
    units::{budget::Slot, outbox::Envelope, session::Fresh},
};
use tokio::sync::Notify;

use crate::{
    Refused, Settings,
    hasher::{Hasher, Place},
    keys::Keys,
    metadata::Metadata,
    observer::Observer,
    tokens::AccessTokens,
};

/// The one source of security time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The one source of randomness.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with fresh randomness.
    fn fill(&self, bytes: &mut [u8]);
}

/// The system's clock, which never runs backwards here.
#[derive(Debug, Default)]
pub struct SystemClock {
    mark: AtomicI64,
}

impl SystemClock {
    /// A clock that never runs behind `mark`, the latest time that is known to have been.
    #[must_use]
    pub const fn from_mark(mark: Timestamp) -> Self {
        Self { mark: AtomicI64::new(mark.millis()) }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(self.mark.fetch_max(millis, Ordering::AcqRel).max(millis))
    }
}

/// The operating system's randomness.
#[derive(Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place that draws randomness")]
    fn fill(&self, bytes: &mut [u8]) {
        // Without randomness nothing may go on.
        getrandom::fill(bytes).expect("the operating system gives randomness");
    }
}

/// Who is at the other end of a request, as far as the connection tells.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// The network address.
    pub address: Option<IpAddr>,
    /// What the client calls itself, shortened and without control characters.
    pub agent: Option<String>,
}

impl Client {
    /// The network that password budgets count: a /24 of IPv4, a /64 of IPv6.
    #[must_use]
    pub fn network(&self) -> Vec<u8> {
        match self.address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => address.octets()[..3].to_vec(),
            Some(IpAddr::V6(address)) => address.octets()[..8].to_vec(),
            None => Vec::new(),
        }
    }
}

/// The world, as journeys see it.
pub struct Env {
    /// What is remembered.
    pub store: Store,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Keys.
    pub keys: Keys,
    /// Slow hashes.
    pub hasher: Hasher,
    /// What operators decided.
    pub settings: Settings,
    /// What is known of models of authenticators.
    pub metadata: Metadata,
    /// Wakes whoever sends messages.
    pub outbox: Notify,
    /// Counts.
    pub observer: Arc<dyn Observer>,
}

impl Env {
    /// The key ring of this moment. What a unit of work was begun with, it ends with.
    #[must_use]
    pub fn ring(&self) -> Arc<KeyRing> {
        Arc::clone(&self.keys.current().ring)
    }

    /// What issues and reads access tokens at this moment.
    #[must_use]
    pub fn tokens(&self) -> Arc<AccessTokens> {
        Arc::clone(&self.keys.current().tokens)
    }

    /// Fresh random bytes.
    #[must_use]
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// A fresh time-ordered id.
    #[must_use]
    pub fn id(&self, now: Timestamp) -> [u8; 16] {
        *SessionId::new(now, self.random()).as_bytes()
    }

    /// Runs a unit of work, then wakes whoever sends messages.
    ///
    /// # Errors
    ///
    /// The store's [`Fault`].
    pub async fn write<U: Unit>(&self, unit: U) -> Result<U::Out, Fault> {
        let out = self.store.write(unit).await?;
        self.outbox.notify_one();
        Ok(out)
    }

    /// Runs slow hashes when it is their turn.
    ///
    /// # Errors
    ///
    /// [`Refused::Busy`] when too many are waiting.
    pub async fn hash<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Refused> {
        self.hash_at(self.hasher.place()?, job).await
    }

    /// Runs slow hashes for whoever has a place in line.
    pub(crate) async fn hash_at<T: Send + 'static>(
        &self,
        place: Place,
        job: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let done = self.hasher.run(place, job).await?;
        self.observer.hashed();
        Ok(done)
    }

    /// A place in the outbox.
    #[must_use]
    pub fn envelope(&self, now: Timestamp) -> Envelope {
        Envelope { id: self.id(now), nonce: self.random(), now }
    }

    /// What a new session, or new secrets for one, are made of.
    #[must_use]
    pub fn fresh(&self, client: &Client, now: Timestamp) -> Fresh {
        Fresh {
            id: SessionId::new(now, self.random()),
            random: self.random(),
            nonce: self.random(),
            lifetimes: self.settings.lifetimes,
            client: client.agent.clone(),
            address: client.address.map(|address| address.to_canonical().to_string()),
            now,
        }
    }

    /// Where attempts on an address are counted.
    #[must_use]
    pub fn budget(&self, budget: Budget, address: &[u8; 32], detail: &[u8]) -> Slot {
        Slot::of(budget, &self.ring(), address, detail)
    }
}

/// Whole seconds until `until`, at least one: for a caller who has to wait.
#[must_use]
pub(crate) fn wait_for(until: Timestamp, now: Timestamp) -> Duration {
    let millis = u64::try_from(until.since(now).as_millis()).unwrap_or(u64::MAX);
    Duration::from_secs(millis.div_ceil(1000).max(1))
}

/// Test doubles.
#[cfg(feature = "testing")]
pub mod testing {
    use std::{
        sync::atomic::{AtomicI64, Ordering},
        time::Duration,
    };

    use nightlatch_core::Timestamp;

    use super::Clock;

    /// A clock that is turned by hand.
    #[derive(Debug)]
    pub struct ManualClock(AtomicI64);

    impl ManualClock {
        /// A clock that stands at `start`.
        #[must_use]
        pub const fn at(start: Timestamp) -> Self {
            Self(AtomicI64::new(start.millis()))
        }

        /// Turns the clock forward.
        pub fn advance(&self, span: Duration) {
            let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
            self.0.fetch_add(millis, Ordering::SeqCst);
        }
    }

    impl Clock for ManualClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::SeqCst))
        }
    }
}
