//! The FIDO Metadata Service, version 3: which models of authenticators there are, who vouches for
//! them, and what is wrong with them.
//!
//! The service publishes one signed file, the blob, which the caller fetches and keeps; this module
//! believes nothing in it before the signature has led to a root that the caller brought. A blob
//! that was once verified names the trust anchors for a registration ([`TrustAnchors`]) and judges
//! models ([`Entry::verdict`]), at registration and ever after. Sections are those of the FIDO
//! Metadata Service specification, version 3.1.
//!
//! ```no_run
//! use nightlatch_webauthn::{Aaguid, mds::{Blob, BlobRefused, Signer}};
//!
//! # fn refresh(jwt: &[u8], globalsign_root_r3: &[u8], now: u64, aaguid: Aaguid)
//! # -> Result<(), BlobRefused> {
//! let signer = Signer { root: globalsign_root_r3, host: Some(Signer::FIDO_ALLIANCE) };
//! let blob = Blob::verify(jwt, &signer, now, Some(126))?;
//! let compromised =
//!     blob.by_aaguid(aaguid).any(|entry| entry.verdict(now, None).is_compromised());
//! # Ok(())
//! # }
//! ```
//!
//! Whether the signer's certificates were revoked is not asked here, because nothing here can fetch
//! a list of such. Neither are rogue lists (§3.1.5): they hold secret keys of single authenticators.

mod day;
mod entry;
mod jws;
mod status;

use rustls_pki_types::{CertificateDer, ServerName};
use serde::Deserialize;
use webpki::EndEntityCert;

pub use self::{
    day::Day,
    entry::{Entry, KeyIdentifier},
    status::{Status, StatusReport, Verdict},
};
use self::{
    entry::{Maybe, RawEntry},
    jws::Jws,
};
use crate::{
    Aaguid, Format, Model, TrustAnchors, json,
    x509::{Certificate, chain},
};

/// The largest blob that is read. The real one has several million bytes, most of them icons.
pub const MAX_BYTES: usize = 32 * 1024 * 1024;

/// Who may sign a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signer<'a> {
    /// The root certificate, in DER, that the signer's leads to. Nothing in a blob can replace it.
    pub root: &'a [u8],
    /// The DNS name that the signer's certificate is for; `None` if any that the root vouches for
    /// will do. The FIDO Alliance's root is that of a CA from which everybody can have a
    /// certificate, so that the root alone would let everybody sign.
    pub host: Option<&'a str>,
}

impl Signer<'_> {
    /// The name in the certificate of the FIDO Alliance.
    pub const FIDO_ALLIANCE: &'static str = "mds.fidoalliance.org";

    fn verify(&self, path: &[Vec<u8>], now: u64) -> Result<(), &'static str> {
        if !chain::leads_to(path, &[self.root], now) {
            return Err("its certificates do not lead to the root, or are not valid now");
        }
        let Some(host) = self.host else { return Ok(()) };
        let certificate = path.first().map(|der| CertificateDer::from(der.as_slice()));
        let certificate = certificate.as_ref().map(EndEntityCert::try_from);
        let named =
            certificate.and_then(Result::ok).zip(ServerName::try_from(host).ok()).is_some_and(
                |(certificate, host)| certificate.verify_is_valid_for_subject_name(&host).is_ok(),
            );
        if named { Ok(()) } else { Err("its certificate is for another name") }
    }
}

/// Why a blob was refused: for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BlobRefused {
    /// It is larger than [`MAX_BYTES`].
    #[error("the blob is too large")]
    TooLarge,
    /// It is no JWS, or one that asks for what is not accepted.
    #[error("the signed form is wrong: {0}")]
    Form(&'static str),
    /// The signer's certificate is not one to believe.
    #[error("the signer is not trusted: {0}")]
    Signer(&'static str),
    /// The signer did not sign this.
    #[error("the signature is wrong")]
    Signature,
    /// What is signed is no blob.
    #[error("the payload is wrong: {0}")]
    Payload(&'static str),
    /// It is older than the blob before it: somebody serves what the service has replaced.
    #[error("the blob is older than the one before it")]
    Older,
}

/// A blob that was verified (§3.1.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// The serial number: a newer blob has a higher one.
    pub no: u64,
    /// The day by which there will be another.
    pub next_update: Day,
    /// How many entries were left out because they cannot be read. None of their models is known.
    pub skipped: usize,
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    no: u64,
    next_update: String,
    entries: Vec<Maybe<RawEntry>>,
}

impl Blob {
    /// Verifies a blob as it was fetched (§3.2) and reads it. `now` is in seconds since the Unix
    /// epoch; `previous_no` is the number of the blob before, if there was one.
    ///
    /// Members that are not known are ignored, and members that stand twice refused. One entry that
    /// cannot be read does not take the others with it, and is counted in [`skipped`](Self::skipped).
    ///
    /// # Errors
    ///
    /// What is wrong with the blob. Keep the one before it, and keep asking [`Blob::is_stale`].
    pub fn verify(
        jwt: &[u8],
        signer: &Signer<'_>,
        now: u64,
        previous_no: Option<u64>,
    ) -> Result<Self, BlobRefused> {
        if jwt.len() > MAX_BYTES {
            return Err(BlobRefused::TooLarge);
        }
        let jws = Jws::read(jwt).map_err(BlobRefused::Form)?;
        signer.verify(&jws.chain, now).map_err(BlobRefused::Signer)?;
        if !jws.is_signed().map_err(BlobRefused::Signer)? {
            return Err(BlobRefused::Signature);
        }
        let blob =
            jws.payload().and_then(|text| Self::read(&text)).map_err(BlobRefused::Payload)?;
        if previous_no.is_some_and(|previous| blob.no < previous) {
            return Err(BlobRefused::Older);
        }
        Ok(blob)
    }

    fn read(text: &[u8]) -> Result<Self, &'static str> {
        let payload: Payload = json::read(text)?;
        let next_update = Day::read(&payload.next_update).ok_or("nextUpdate is no date")?;
        let mut blob = Self { no: payload.no, next_update, skipped: 0, entries: Vec::new() };
        for entry in payload.entries {
            let entry = entry.ok();
            if entry.as_ref().is_some_and(RawEntry::is_uaf) {
                continue;
            }
            match entry.and_then(RawEntry::read) {
                Some(entry) => blob.entries.push(entry),
                None => blob.skipped = blob.skipped.saturating_add(1),
            }
        }
        Ok(blob)
    }

    /// Whether there should be a newer blob by now. A stale one says nothing of what was broken
    /// since, and whether to go on with it is for the caller to decide.
    #[must_use]
    pub fn is_stale(&self, now: u64) -> bool {
        self.next_update < Day::at(now)
    }

    /// Every model, in the order of the blob.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The model with this AAGUID: one entry, unless the blob has it twice. The zero AAGUID stands
    /// for no model.
    pub fn by_aaguid(&self, aaguid: Aaguid) -> impl Iterator<Item = &Entry> {
        let is = move |entry: &&Entry| entry.aaguid == Some(aaguid) && aaguid != Aaguid::ZERO;
        self.entries.iter().filter(is)
    }

    /// The models of which an attestation certificate has this key.
    pub fn by_key_identifier(&self, key: KeyIdentifier) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.key_identifiers.contains(&key))
    }

    /// The entries for an authenticator: by its AAGUID or, where that says nothing, by the key of
    /// its attestation certificate. U2F authenticators have no AAGUID, and the one in a `fido-u2f`
    /// registration is signed by nobody.
    #[must_use]
    pub fn of_model(&self, model: &Model<'_>) -> Vec<&Entry> {
        if model.format != Format::FidoU2f && model.aaguid != Aaguid::ZERO {
            return self.by_aaguid(model.aaguid).collect();
        }
        let certificate = model.trust_path.first().map(|der| Certificate::read(der));
        let key = certificate.and_then(|it| it.and_then(|it| it.key_identifier()).ok());
        key.map(|key| self.by_key_identifier(key).collect()).unwrap_or_default()
    }
}

/// The anchors that the model's own entries name, and no others.
impl TrustAnchors for Blob {
    fn anchors(&self, model: &Model<'_>) -> Vec<&[u8]> {
        let entries = self.of_model(model).into_iter();
        entries.flat_map(|entry| &entry.attestation_roots).map(Vec::as_slice).collect()
    }
}
