//! Whether a certificate leads to a trust anchor (RFC 5280 §6).

use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{
    ALL_VERIFICATION_ALGS, EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter,
    anchor_from_trusted_cert,
};

use super::Certificate;

/// What attestation keys may be used for is for each format to say, not for the chain.
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        Ok(())
    }
}

/// Whether the first certificate of `path` is an anchor, or leads to one over any of the others, and
/// all on the way are valid at `now`, in seconds since the Unix epoch.
///
/// Anchors are trusted for who named them: their own dates and constraints on use are not looked at
/// (RFC 5280 §6.1.1 d), so that a root of version 1 will do. Everything below them is held to the
/// profile: version 3, CA bit, path length, no critical extension that is not understood, no SHA-1.
pub(crate) fn leads_to(path: &[Vec<u8>], anchors: &[&[u8]], now: u64) -> bool {
    let Some((leaf, others)) = path.split_first() else { return false };
    // Metadata list the certificates of some models themselves. No path is built then, and the
    // certificate vouches for itself; that it is still valid holds as anywhere else.
    if anchors.contains(&leaf.as_slice()) {
        return Certificate::read(leaf).is_ok_and(|certificate| certificate.is_valid_at(now));
    }
    let anchors: Vec<_> = anchors.iter().map(|anchor| CertificateDer::from(*anchor)).collect();
    // One anchor that cannot be read makes no other worthless.
    let anchors: Vec<_> =
        anchors.iter().filter_map(|anchor| anchor_from_trusted_cert(anchor).ok()).collect();
    let leaf = CertificateDer::from(leaf.as_slice());
    // The root may be among these: the path ends at the anchor before it is asked for.
    let others: Vec<_> =
        others.iter().map(|other| CertificateDer::from(other.as_slice())).collect();
    EndEntityCert::try_from(&leaf).is_ok_and(|leaf| {
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
        leaf.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, &others, now, AnyUsage, None, None)
            .is_ok()
    })
}
