//! One model of a blob (MDS §3.1.1), as far as a relying party of WebAuthn needs it.

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, de::IgnoredAny};

use super::{
    day::Day,
    status::{RawReport, StatusReport, Verdict},
};
use crate::{Aaguid, x509::Certificate};

/// The identifier of a certificate's public key: the SHA-1 hash of it (RFC 5280 §4.2.1.2, method 1).
pub type KeyIdentifier = [u8; 20];

/// A model of authenticators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The model, if it speaks FIDO2.
    pub aaguid: Option<Aaguid>,
    /// The keys of its attestation certificates, if it speaks U2F.
    pub key_identifiers: Vec<KeyIdentifier>,
    /// A name for people, in English.
    pub description: Option<String>,
    /// `fido2` or `u2f`.
    pub protocol_family: Option<String>,
    /// Its trust anchors, in DER: roots, intermediates, or attestation certificates themselves.
    pub attestation_roots: Vec<Vec<u8>>,
    /// What is reported of it, the latest last.
    pub status_reports: Vec<StatusReport>,
    /// The day on which the reports last changed.
    pub last_status_change: Option<Day>,
}

impl Entry {
    /// What the reports mean at `now`, in seconds since the Unix epoch, for an authenticator of this
    /// model that sent the certificates `trust_path`; `None` if they are not known.
    ///
    /// - A compromise counts if *any* report in effect tells of it: a later report, of a
    ///   certification or of an update, does not undo it. The [sunset](StatusReport::sunset) does.
    /// - The current status is that of the *latest* report in effect.
    /// - A report is in effect from its day on (MDS §3.1.3, `effectiveDate`) until its sunset
    ///   (MDS 3.1, `sunsetDate`), and is only about the certificates that it names, if any (MDS
    ///   §3.1.4, `ATTESTATION_KEY_COMPROMISE`; MDS 3.1, `batchCertificate`).
    ///
    /// Reports are counted for every version of the firmware: authenticators do not prove theirs.
    #[must_use]
    pub fn verdict(&self, now: u64, trust_path: Option<&[Vec<u8>]>) -> Verdict {
        Verdict::on(&self.status_reports, now, trust_path)
    }
}

/// A part of the blob that may be wrong without making all of it wrong.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Maybe<T> {
    Fine(T),
    Broken(IgnoredAny),
}

impl<T> Maybe<T> {
    pub(super) fn ok(self) -> Option<T> {
        match self {
            Self::Fine(part) => Some(part),
            Self::Broken(_) => None,
        }
    }
}

/// An entry as the blob has it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawEntry {
    aaid: Option<IgnoredAny>,
    aaguid: Option<String>,
    #[serde(default)]
    attestation_certificate_key_identifiers: Vec<String>,
    #[serde(default)]
    metadata_statement: RawStatement,
    status_reports: Vec<RawReport>,
    time_of_last_status_change: Option<Maybe<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawStatement {
    description: Option<String>,
    protocol_family: Option<String>,
    #[serde(default)]
    attestation_root_certificates: Vec<String>,
}

impl RawEntry {
    /// Whether the entry is one of UAF, a protocol that browsers do not speak.
    pub(super) const fn is_uaf(&self) -> bool {
        self.aaid.is_some()
    }

    /// What the entry says; `None` if nobody can tell which model it is about. A certificate that is
    /// none is left out.
    pub(super) fn read(self) -> Option<Entry> {
        let aaguid = self.aaguid.map(|text| text.parse::<Aaguid>()).transpose().ok()?;
        let identifiers = self.attestation_certificate_key_identifiers;
        let key_identifiers: Option<Vec<_>> =
            identifiers.iter().map(|text| key_identifier(text)).collect();
        let key_identifiers = key_identifiers?;
        if aaguid.is_none_or(|aaguid| aaguid == Aaguid::ZERO) && key_identifiers.is_empty() {
            return None;
        }
        let statement = self.metadata_statement;
        let roots = statement.attestation_root_certificates;
        let changed = self.time_of_last_status_change.and_then(Maybe::ok);
        Some(Entry {
            aaguid,
            key_identifiers,
            description: statement.description,
            protocol_family: statement.protocol_family,
            attestation_roots: roots.iter().filter_map(|text| certificate(text)).collect(),
            status_reports: self.status_reports.into_iter().filter_map(RawReport::read).collect(),
            last_status_change: changed.and_then(|text| Day::read(&text)),
        })
    }
}

fn key_identifier(text: &str) -> Option<KeyIdentifier> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// The DER of a certificate that makers paste in as base64, some of them with line breaks.
pub(super) fn certificate(text: &str) -> Option<Vec<u8>> {
    let text: String = text.split_ascii_whitespace().collect();
    let der = BASE64.decode(text.as_bytes()).ok()?;
    Certificate::read(&der).is_ok().then_some(der)
}
