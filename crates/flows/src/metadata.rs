//! The FIDO metadata that the operator keeps: read at the start and once a day.

use std::sync::{Arc, PoisonError, RwLock};

use nightlatch_core::factors::webauthn::mds::Blob;

/// The metadata that hold now, if the operator keeps any.
#[derive(Debug, Default)]
pub struct Metadata(RwLock<Option<Arc<Blob>>>);

impl Metadata {
    /// What holds now.
    #[must_use]
    pub fn current(&self) -> Option<Arc<Blob>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on these hold.
    pub fn replace(&self, blob: Blob) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(blob));
    }
}
