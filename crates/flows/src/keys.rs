//! The keys that hold now: a running server takes others without a pause.

use std::sync::{Arc, PoisonError, RwLock};

use nightlatch_core::keys::KeyRing;

use crate::tokens::AccessTokens;

/// One ring, and what is made of it.
#[derive(Clone)]
pub struct Held {
    /// Seals and opens.
    pub ring: Arc<KeyRing>,
    /// Issues and reads access tokens.
    pub tokens: Arc<AccessTokens>,
}

/// The keys of a server. They are replaced as a whole.
pub struct Keys {
    issuer: String,
    held: RwLock<Held>,
}

impl Keys {
    /// Begins with `ring`; `issuer` names this server in its access tokens.
    #[must_use]
    pub fn new(ring: KeyRing, issuer: &str) -> Self {
        let issuer = issuer.to_owned();
        Self { held: RwLock::new(held(ring, &issuer)), issuer }
    }

    /// Those that hold now.
    #[must_use]
    pub fn current(&self) -> Held {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on `ring` holds. Whether it may, [`upkeep::keys::take`](crate::upkeep::keys::take)
    /// decides.
    pub(crate) fn replace(&self, ring: KeyRing) {
        let held = held(ring, &self.issuer);
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = held;
    }
}

fn held(ring: KeyRing, issuer: &str) -> Held {
    let tokens = Arc::new(AccessTokens::new(&ring, issuer));
    Held { ring: Arc::new(ring), tokens }
}
