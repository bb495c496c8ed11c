//! Looking at the key file of a running server, and taking what it says.

use std::path::PathBuf;

use nightlatch_core::keys::{KeyRing, KeyTag};
use nightlatch_flows::{Env, boot::Unfit, upkeep::keys::take};

use crate::wiring::keys::{BadKeys, read_file};

/// A ring that was refused is looked at again after this many looks: checking it reads the database.
const PATIENCE: u32 = 12;

/// Why the key file is not taken.
#[derive(Debug, thiserror::Error)]
enum NotTaken {
    #[error(transparent)]
    Keys(#[from] BadKeys),
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

/// A key file that is looked at again and again.
#[derive(Debug)]
pub struct Watch {
    file: PathBuf,
    /// What was refused last, and for how many looks it is left alone.
    refused: Option<(Vec<KeyTag>, u32)>,
    /// What was told last.
    told: Option<String>,
}

impl Watch {
    /// Looks at `file`.
    #[must_use]
    pub const fn new(file: PathBuf) -> Self {
        Self { file, refused: None, told: None }
    }

    /// Takes what the file says if it says something else than what holds, and if that opens all that
    /// the database holds. What can't be taken is told once; the keys that hold go on to hold.
    ///
    /// Returns whether what holds is what the file says.
    pub async fn look(&mut self, env: &Env) -> bool {
        match read_file(&self.file) {
            Ok(ring) => self.compare(env, ring).await,
            Err(bad) => self.tell(&bad.into()),
        }
    }

    async fn compare(&mut self, env: &Env, ring: KeyRing) -> bool {
        let tags: Vec<KeyTag> = ring.tags().collect();
        if env.ring().tags().eq(tags.iter().copied()) {
            (self.refused, self.told) = (None, None);
            return true;
        }
        if let Some((refused, looks)) = &mut self.refused
            && *refused == tags
            && *looks > 0
        {
            *looks -= 1;
            return false;
        }
        if let Err(unfit) = take(env, ring).await {
            self.refused = Some((tags, PATIENCE));
            return self.tell(&unfit.into());
        }
        tracing::info!(keys = ?tags, file = %self.file.display(), "Keys taken from the key file");
        (self.refused, self.told) = (None, None);
        true
    }

    fn tell(&mut self, why: &NotTaken) -> bool {
        let text = why.to_string();
        if self.told.as_ref() != Some(&text) {
            let error: &(dyn std::error::Error + 'static) = why;
            tracing::error!(
                error,
                file = %self.file.display(),
                next = "restore the file, or see `nightlatch keys list`",
                "The key file is not taken; the keys before it go on to hold"
            );
            self.told = Some(text);
        }
        false
    }
}
