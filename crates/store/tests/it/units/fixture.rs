//! The world that the units are tried in: a store, a key ring, and randomness that counts up.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use nightlatch_core::{
    MethodId, SessionId, Timestamp, UserId,
    assurance::{Lifetime, Lifetimes},
    email::Email,
    factors::password::Cost,
    keys::KeyRing,
};
use nightlatch_store::{
    Store, Unit,
    units::{outbox::Envelope, session::Fresh},
};

use super::witness::Witness;
use crate::harness::{NOW, each_engine};

/// When people who are here already begin to sign in; they registered and enrolled at [`NOW`].
pub(crate) const LATER: Timestamp = Timestamp::from_millis(NOW.millis() + 3_600_000);

/// Hashes in microseconds.
pub(crate) const CHEAP: Cost = Cost { memory_kib: 64, iterations: 1, parallelism: 1 };

/// How long sessions last: each level otherwise, so that they cannot be mistaken.
pub(crate) const LIFETIMES: Lifetimes = Lifetimes {
    aal1: Lifetime { idle: Duration::from_hours(12), absolute: Duration::from_hours(72) },
    aal2: Lifetime { idle: Duration::from_hours(1), absolute: Duration::from_hours(24) },
    aal3: Lifetime { idle: Duration::from_mins(15), absolute: Duration::from_hours(12) },
};

/// A store and what its callers bring along.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) ring: Arc<KeyRing>,
    pub(super) drawn: AtomicU64,
    pub(super) witness: Witness,
}

/// Runs `test` in a world of its own on each engine.
pub(crate) async fn each_world(test: impl AsyncFn(World)) {
    each_engine(async |store| test(World::new(store)).await).await;
}

impl World {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            ring: Arc::new(KeyRing::single(&[7; 32])),
            drawn: AtomicU64::new(1),
            witness: Witness::default(),
        }
    }

    /// Bytes that were never drawn before: the last eight count up.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        let count = self.drawn.fetch_add(1, Ordering::Relaxed);
        bytes[N - 8..].copy_from_slice(&count.to_be_bytes());
        bytes
    }

    pub(crate) fn user_id(&self) -> UserId {
        UserId::new(NOW, self.random())
    }

    pub(crate) fn method_id(&self) -> MethodId {
        MethodId::new(NOW, self.random())
    }

    pub(crate) fn id(&self) -> [u8; 16] {
        *SessionId::new(NOW, self.random()).as_bytes()
    }

    pub(crate) fn envelope(&self, now: Timestamp) -> Envelope {
        Envelope { id: self.id(), nonce: self.random(), now }
    }

    pub(crate) fn fresh(&self, now: Timestamp) -> Fresh {
        Fresh {
            id: SessionId::new(now, self.random()),
            random: self.random(),
            nonce: self.random(),
            lifetimes: LIFETIMES,
            client: None,
            address: Some("192.0.2.1".to_owned()),
            now,
        }
    }

    /// An address that nobody has, and what it is looked up by.
    pub(crate) fn address(&self) -> (String, [u8; 32]) {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        let email = Email::parse(&format!("ada.{number}@example.org")).unwrap();
        (email.as_str().to_owned(), email.lookup_key(&self.ring))
    }

    /// Runs a unit that has to succeed, or to refuse.
    pub(crate) async fn write<U: Unit>(&self, unit: U) -> U::Out {
        self.witness.write(&self.store, unit).await.unwrap()
    }
}
