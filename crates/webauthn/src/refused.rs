//! Why a ceremony was refused: for the log, never for the wire.

use std::fmt;

/// The step of a ceremony (WebAuthn Level 3 §7.1 for registration, §7.2 for authentication) that
/// did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The response is a `PublicKeyCredential` of this ceremony, well-formed, its `id` the base64url
    /// of its `rawId`.
    Response,
    /// The client data are UTF-8 and JSON.
    ClientData,
    /// `C.type` is that of this ceremony.
    Type,
    /// `C.challenge` is the one that was issued.
    Challenge,
    /// `C.origin` is expected.
    Origin,
    /// `C.crossOrigin` is true only where an iframe is expected.
    CrossOrigin,
    /// `C.topOrigin` is present only where an iframe is expected, and names an expected page.
    TopOrigin,
    /// The attestation object is CBOR of the right shape.
    AttestationObject,
    /// The authenticator data have the right shape.
    AuthenticatorData,
    /// `rpIdHash` is the hash of the RP ID.
    RpIdHash,
    /// The UP bit is set, unless the registration was conditional.
    UserPresence,
    /// The UV bit is set where it is required.
    UserVerification,
    /// The BS bit is set only with the BE bit.
    BackupState,
    /// The BE bit is what it was at registration.
    BackupEligibility,
    /// The algorithm is one of those offered.
    Algorithm,
    /// The credential's public key is well-formed, on its curve, and of the kind its algorithm says.
    PublicKey,
    /// The attestation statement's format is known.
    AttestationFormat,
    /// The attestation statement is correct and its signature valid.
    AttestationStatement,
    /// The attestation is one that policy accepts.
    AttestationTrust,
    /// The credential id has at most 1023 bytes and is the one that was attested.
    CredentialId,
    /// The credential is one of `allowCredentials`, if there are any.
    AllowCredentials,
    /// The credential is the one on record.
    CredentialRecord,
    /// The user handle is that of the account, and present where no user was named before.
    UserHandle,
    /// The signature is valid under the key on record.
    Signature,
}

impl Step {
    /// Every step, in the order of the ceremonies.
    pub const ALL: [Self; 24] = [
        Self::Response,
        Self::ClientData,
        Self::Type,
        Self::Challenge,
        Self::Origin,
        Self::CrossOrigin,
        Self::TopOrigin,
        Self::AttestationObject,
        Self::AuthenticatorData,
        Self::RpIdHash,
        Self::UserPresence,
        Self::UserVerification,
        Self::BackupState,
        Self::BackupEligibility,
        Self::Algorithm,
        Self::PublicKey,
        Self::AttestationFormat,
        Self::AttestationStatement,
        Self::AttestationTrust,
        Self::CredentialId,
        Self::AllowCredentials,
        Self::CredentialRecord,
        Self::UserHandle,
        Self::Signature,
    ];

    /// A stable name for logs and counters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::ClientData => "client_data",
            Self::Type => "type",
            Self::Challenge => "challenge",
            Self::Origin => "origin",
            Self::CrossOrigin => "cross_origin",
            Self::TopOrigin => "top_origin",
            Self::AttestationObject => "attestation_object",
            Self::AuthenticatorData => "authenticator_data",
            Self::RpIdHash => "rp_id_hash",
            Self::UserPresence => "user_presence",
            Self::UserVerification => "user_verification",
            Self::BackupState => "backup_state",
            Self::BackupEligibility => "backup_eligibility",
            Self::Algorithm => "algorithm",
            Self::PublicKey => "public_key",
            Self::AttestationFormat => "attestation_format",
            Self::AttestationStatement => "attestation_statement",
            Self::AttestationTrust => "attestation_trust",
            Self::CredentialId => "credential_id",
            Self::AllowCredentials => "allow_credentials",
            Self::CredentialRecord => "credential_record",
            Self::UserHandle => "user_handle",
            Self::Signature => "signature",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A ceremony that failed: at which step, and what was wrong.
///
/// It is meant for the operator. Whoever is being authenticated is told that it failed and nothing
/// else, or the difference between two refusals tells who exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {reason}")]
pub struct Refused {
    /// The step that did not hold.
    pub step: Step,
    /// What was wrong, in a few words without any of the data.
    pub reason: &'static str,
}

impl Refused {
    /// A refusal at `step`.
    #[must_use]
    pub const fn new(step: Step, reason: &'static str) -> Self {
        Self { step, reason }
    }
}

/// Refuses at `step` unless `holds`.
pub(crate) const fn ensure(holds: bool, step: Step, reason: &'static str) -> Result<(), Refused> {
    if holds { Ok(()) } else { Err(Refused::new(step, reason)) }
}

/// What a part that knows no step reports; whoever called it knows the step.
pub(crate) trait At<T> {
    /// The same, at `step`.
    fn at(self, step: Step) -> Result<T, Refused>;
}

impl<T> At<T> for Result<T, &'static str> {
    fn at(self, step: Step) -> Result<T, Refused> {
        self.map_err(|reason| Refused::new(step, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A step's name is its variant's in snake case, and no step is missing from the list.
    #[test]
    fn names_are_stable() {
        for (position, step) in Step::ALL.into_iter().enumerate() {
            let name = step.as_str();
            assert_eq!(name.replace('_', ""), format!("{step:?}").to_lowercase());
            assert_eq!(name, name.to_lowercase());
            let refused = Refused::new(step, "so");
            assert_eq!(refused.to_string(), format!("{name}: so"));
            assert!(!Step::ALL.iter().take(position).any(|other| *other == step), "{name}");
        }
    }

    #[test]
    fn what_does_not_hold_is_refused_at_its_step() {
        let refused = Refused::new(Step::Origin, "so");
        assert_eq!(ensure(true, Step::Origin, "so"), Ok(()));
        assert_eq!(ensure(false, Step::Origin, "so"), Err(refused));
        assert_eq!(Err::<(), _>("so").at(Step::Origin), Err(refused));
        assert_eq!(Ok::<_, &str>(1).at(Step::Origin), Ok(1));
    }
}
