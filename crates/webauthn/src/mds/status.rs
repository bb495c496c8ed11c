//! What the FIDO Alliance reports of a model, and what that means today (MDS §3.1.3 and §3.1.4).

use serde::Deserialize;
use x509_cert::Certificate;

use super::{
    day::Day,
    entry::{Maybe, certificate},
};
use crate::x509::der;

/// A status in which a model may be (MDS §3.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// The model is not certified.
    NotFidoCertified,
    /// It passed functional certification; the predecessor of level 1.
    FidoCertified,
    /// Malware can bypass the verification of the person.
    UserVerificationBypass,
    /// An attestation key is known to be compromised.
    AttestationKeyCompromise,
    /// Credentials can be forged or taken from afar.
    UserKeyRemoteCompromise,
    /// Credentials can be taken by someone who has the authenticator in hand.
    UserKeyPhysicalCompromise,
    /// There is newer firmware.
    UpdateAvailable,
    /// Its maker has given the model up, and it is not to be accepted any longer.
    Retired,
    /// The FIDO Alliance says that it is not to be trusted for any reason.
    Revoked,
    /// Its maker handed in a checklist.
    SelfAssertionSubmitted,
    /// Certified at level 1.
    FidoCertifiedL1,
    /// Certified at level 1+.
    FidoCertifiedL1Plus,
    /// Certified at level 2.
    FidoCertifiedL2,
    /// Certified at level 2+.
    FidoCertifiedL2Plus,
    /// Certified at level 3.
    FidoCertifiedL3,
    /// Certified at level 3+.
    FidoCertifiedL3Plus,
    /// FIPS 140 certified at overall level 1.
    Fips140CertifiedL1,
    /// FIPS 140 certified at overall level 2.
    Fips140CertifiedL2,
    /// FIPS 140 certified at overall level 3.
    Fips140CertifiedL3,
    /// FIPS 140 certified at overall level 4.
    Fips140CertifiedL4,
    /// A status that this crate does not know. It means nothing: servers are to "silently ignore"
    /// such.
    Unknown,
}

impl Status {
    /// Every status of the specification.
    pub const ALL: [Self; 20] = [
        Self::NotFidoCertified,
        Self::FidoCertified,
        Self::UserVerificationBypass,
        Self::AttestationKeyCompromise,
        Self::UserKeyRemoteCompromise,
        Self::UserKeyPhysicalCompromise,
        Self::UpdateAvailable,
        Self::Retired,
        Self::Revoked,
        Self::SelfAssertionSubmitted,
        Self::FidoCertifiedL1,
        Self::FidoCertifiedL1Plus,
        Self::FidoCertifiedL2,
        Self::FidoCertifiedL2Plus,
        Self::FidoCertifiedL3,
        Self::FidoCertifiedL3Plus,
        Self::Fips140CertifiedL1,
        Self::Fips140CertifiedL2,
        Self::Fips140CertifiedL3,
        Self::Fips140CertifiedL4,
    ];

    /// The name in the specification.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFidoCertified => "NOT_FIDO_CERTIFIED",
            Self::FidoCertified => "FIDO_CERTIFIED",
            Self::UserVerificationBypass => "USER_VERIFICATION_BYPASS",
            Self::AttestationKeyCompromise => "ATTESTATION_KEY_COMPROMISE",
            Self::UserKeyRemoteCompromise => "USER_KEY_REMOTE_COMPROMISE",
            Self::UserKeyPhysicalCompromise => "USER_KEY_PHYSICAL_COMPROMISE",
            Self::UpdateAvailable => "UPDATE_AVAILABLE",
            Self::Retired => "RETIRED",
            Self::Revoked => "REVOKED",
            Self::SelfAssertionSubmitted => "SELF_ASSERTION_SUBMITTED",
            Self::FidoCertifiedL1 => "FIDO_CERTIFIED_L1",
            Self::FidoCertifiedL1Plus => "FIDO_CERTIFIED_L1plus",
            Self::FidoCertifiedL2 => "FIDO_CERTIFIED_L2",
            Self::FidoCertifiedL2Plus => "FIDO_CERTIFIED_L2plus",
            Self::FidoCertifiedL3 => "FIDO_CERTIFIED_L3",
            Self::FidoCertifiedL3Plus => "FIDO_CERTIFIED_L3plus",
            Self::Fips140CertifiedL1 => "FIPS140_CERTIFIED_L1",
            Self::Fips140CertifiedL2 => "FIPS140_CERTIFIED_L2",
            Self::Fips140CertifiedL3 => "FIPS140_CERTIFIED_L3",
            Self::Fips140CertifiedL4 => "FIPS140_CERTIFIED_L4",
            Self::Unknown => "unknown",
        }
    }

    /// The status with this name, to the letter.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|status| status.as_str() == name).unwrap_or(Self::Unknown)
    }

    /// Whether it tells of a weakness that no later report takes back: the model was broken, or its
    /// key was, or the FIDO Alliance revoked it.
    #[must_use]
    pub const fn is_compromise(self) -> bool {
        matches!(
            self,
            Self::UserVerificationBypass
                | Self::AttestationKeyCompromise
                | Self::UserKeyRemoteCompromise
                | Self::UserKeyPhysicalCompromise
                | Self::Revoked
        )
    }
}

/// One report on a model (MDS §3.1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusReport {
    /// What is reported.
    pub status: Status,
    /// The day from which it counts; without one, it counts for as long as it is in the blob.
    pub effective: Option<Day>,
    /// The day from which it does not count any more.
    pub sunset: Option<Day>,
    /// The firmware that it is about: the first that a weakness is in, or the one that is certified.
    pub authenticator_version: Option<u64>,
    /// The certificates (`certificate`, `batchCertificate`), in DER, of the only authenticators that
    /// it is about; empty if it is about all.
    pub certificates: Vec<Vec<u8>>,
}

/// A report as the blob has it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawReport {
    status: String,
    effective_date: Option<Maybe<String>>,
    sunset_date: Option<Maybe<String>>,
    authenticator_version: Option<Maybe<u64>>,
    certificate: Option<Maybe<String>>,
    batch_certificate: Option<Maybe<String>>,
}

impl RawReport {
    /// What the report says. Of one that is wrong somewhere, no good is believed and all evil: a
    /// compromise counts without the limit that could not be read, and anything else not at all.
    pub(super) fn read(self) -> Option<StatusReport> {
        let status = Status::from_name(&self.status);
        let mut whole = true;
        let mut day = |member| limit(member, |text: String| Day::read(&text), &mut whole);
        let (effective, sunset) = (day(self.effective_date), day(self.sunset_date));
        let authenticator_version = limit(self.authenticator_version, Some, &mut whole);
        let mut named = |member| limit(member, |text: String| certificate(&text), &mut whole);
        let certificates = [named(self.certificate), named(self.batch_certificate)];
        let certificates = certificates.into_iter().flatten().collect();
        let report =
            StatusReport { status, effective, sunset, authenticator_version, certificates };
        (whole || status.is_compromise()).then_some(report)
    }
}

/// The limit that `member` sets, if there is one and it can be read.
fn limit<T, U>(
    member: Option<Maybe<T>>,
    read: impl FnOnce(T) -> Option<U>,
    whole: &mut bool,
) -> Option<U> {
    let read = member?.ok().and_then(read);
    *whole &= read.is_some();
    read
}

impl StatusReport {
    /// Whether the report counts on `today`.
    #[must_use]
    pub fn is_in_effect(&self, today: Day) -> bool {
        self.effective.is_none_or(|effective| effective <= today)
            && self.sunset.is_none_or(|sunset| today < sunset)
    }

    /// Whether the report is about an authenticator that sent these certificates.
    ///
    /// One that names certificates is about those that were attested with one of them, or under it:
    /// the specification has `certificate` "identifying compromised attestation root", and a root
    /// is not among what an authenticator sends. Of an authenticator whose certificates are not
    /// known, the worse is assumed.
    #[must_use]
    pub fn is_about(&self, trust_path: Option<&[Vec<u8>]>) -> bool {
        if self.certificates.is_empty() {
            return true;
        }
        let Some(path) = trust_path else { return self.status.is_compromise() };
        self.certificates
            .iter()
            .any(|named| path.iter().any(|sent| sent == named || issued(named, sent)))
    }
}

/// Whether `certificate` names `issuer` as its issuer. Whoever verified the trust path checked the
/// signatures; this must still hold when the certificates have expired.
fn issued(issuer: &[u8], certificate: &[u8]) -> bool {
    let read = |bytes| der::decode::<Certificate>(bytes).map(|it| it.tbs_certificate);
    let (Some(issuer), Some(certificate)) = (read(issuer), read(certificate)) else { return false };
    certificate.issuer == issuer.subject
}

/// What the reports on a model mean for one authenticator today.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Every compromise that is in effect, however old its report is.
    pub compromises: Vec<Status>,
    /// The status that the model has now, by its latest report in effect; `None` without any.
    pub current: Option<Status>,
}

impl Verdict {
    /// What `reports` mean at `now`, in seconds since the Unix epoch.
    pub(super) fn on(reports: &[StatusReport], now: u64, trust_path: Option<&[Vec<u8>]>) -> Self {
        let today = Day::at(now);
        let counting = reports.iter().filter(|report| {
            let known = report.status != Status::Unknown;
            known && report.is_in_effect(today) && report.is_about(trust_path)
        });
        // The specification puts the latest report last. Where both have dates, the dates decide.
        let latest = counting.clone().reduce(|latest, next| {
            let older =
                next.effective.zip(latest.effective).is_some_and(|(next, latest)| next < latest);
            if older { latest } else { next }
        });
        let statuses = counting.map(|report| report.status);
        Self {
            compromises: statuses.filter(|status| status.is_compromise()).collect(),
            current: latest.map(|report| report.status),
        }
    }

    /// Whether the authenticator is not to be trusted.
    #[must_use]
    pub const fn is_compromised(&self) -> bool {
        !self.compromises.is_empty()
    }
}
