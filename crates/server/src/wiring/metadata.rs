//! The operator's file of FIDO metadata: nothing starts without it once it is named, and it is read
//! again every day.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use nightlatch_core::{
    Timestamp,
    factors::webauthn::mds::{Blob, BlobRefused, MAX_BYTES, Signer},
};
use nightlatch_flows::Env;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio::task::spawn_blocking;

use crate::config::MetadataFile;

/// The root that the FIDO Alliance's certificate leads to: `GlobalSign` Root CA - R3, in DER.
pub const FIDO_ROOT: &[u8] = include_bytes!("../../assets/globalsign_root_r3.der");

/// Why the metadata can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BadMetadata {
    /// A file can't be read.
    #[error("the metadata need {}, which can't be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The operator's root is no certificate.
    #[error("{} is not one certificate, in PEM or DER", .0.display())]
    NoRoot(PathBuf),
    /// What was read is not to be believed.
    #[error("the metadata in {} can't be used", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        source: BlobRefused,
    },
}

impl BadMetadata {
    /// What to do about it.
    #[must_use]
    pub const fn next(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => {
                "correct `webauthn.metadata` and `webauthn.metadata_root`, or the file's permissions"
            }
            Self::NoRoot(_) => "name one root certificate in `webauthn.metadata_root`",
            Self::Refused { source: BlobRefused::Signer(_), .. } => {
                "fetch it again from https://mds3.fidoalliance.org/, or name the root certificate \
                 of your own signer in `webauthn.metadata_root`"
            }
            Self::Refused { .. } => "fetch it again from https://mds3.fidoalliance.org/",
        }
    }
}

/// Reads and verifies the metadata. `previous` is the number of those before, if there were some.
///
/// # Errors
///
/// [`BadMetadata`] says what to do.
pub fn read(
    file: &MetadataFile,
    now: Timestamp,
    previous: Option<u64>,
) -> Result<Blob, BadMetadata> {
    let own = file.root.as_deref().map(root).transpose()?;
    let signer = match &own {
        // Whoever the operator's own root vouches for may sign.
        Some(root) => Signer { root, host: None },
        None => Signer { root: FIDO_ROOT, host: Some(Signer::FIDO_ALLIANCE) },
    };
    let refused = |source| BadMetadata::Refused { path: file.path.clone(), source };
    Blob::verify(&bytes(&file.path)?, &signer, unix(now), previous).map_err(refused)
}

/// Reads the metadata again. What holds goes on to hold if the file can't be used any more; both that
/// and metadata that are out of date are warned of, each time.
pub async fn renew(env: &Arc<Env>, file: &MetadataFile) {
    let now = env.clock.now();
    let previous = env.metadata.current().map(|blob| blob.no);
    let again = file.clone();
    // Some millions of bytes, which take their time.
    match spawn_blocking(move || read(&again, now, previous)).await {
        Ok(Ok(blob)) => {
            let (models, unreadable) = (blob.entries().len(), blob.skipped);
            tracing::info!(no = blob.no, models, unreadable, "Metadata of authenticators read");
            env.metadata.replace(blob);
        }
        Ok(Err(bad)) => {
            let next = bad.next();
            let error: &(dyn std::error::Error + 'static) = &bad;
            tracing::warn!(error, next, "Metadata not read again; those before go on to hold");
        }
        Err(_) => tracing::warn!("Metadata not read again; those before go on to hold"),
    }
    if let Some(blob) = env.metadata.current().filter(|blob| blob.is_stale(unix(now))) {
        let path = file.path.display();
        tracing::warn!(
            no = blob.no,
            %path,
            next = "fetch the file anew, once a month at least",
            "Metadata of authenticators are out of date"
        );
    }
}

/// What is in a file, as far as a blob may be long.
fn bytes(path: &Path) -> Result<Vec<u8>, BadMetadata> {
    let unreadable = |source| BadMetadata::Unreadable { path: path.to_owned(), source };
    let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(most).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// The operator's root certificate, in DER.
fn root(path: &Path) -> Result<Vec<u8>, BadMetadata> {
    /// What a certificate in DER begins with: a sequence.
    const SEQUENCE: u8 = 0x30;
    let bytes = bytes(path)?;
    if bytes.first() == Some(&SEQUENCE) {
        return Ok(bytes);
    }
    let mut found = CertificateDer::pem_slice_iter(&bytes);
    match (found.next(), found.next()) {
        (Some(Ok(root)), None) => Ok(root.to_vec()),
        _ => Err(BadMetadata::NoRoot(path.to_owned())),
    }
}

fn unix(now: Timestamp) -> u64 {
    u64::try_from(now.seconds()).unwrap_or_default()
}
