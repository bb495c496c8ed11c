//! Passkeys and security keys: what Nightlatch makes of a WebAuthn ceremony.
//!
//! [`nightlatch_webauthn`] verifies what an authenticator proved; here its answer becomes a [`Proof`]
//! or a refusal with a reason, by the policy on counters (security.md 7) and on which authenticators
//! are trusted with the highest level.

mod credential;
mod options;
mod providers;

use nightlatch_webauthn::{
    Algorithm, Attestation, AttestationPolicy, Authentication, AuthenticatorData, Counter, Format,
    Model, Registered, Registration, StoredCredential, UserVerification,
};

pub use nightlatch_webauthn::{
    Aaguid, AuthenticationResponse, CreationOptions, Refused as StepRefused, RegistrationResponse,
    RelyingParty, RequestOptions, Step, base64url, mds, options::AuthenticatorAttachment,
};

pub use credential::{Credential, CredentialKind, CredentialState, credential_lookup};
pub use options::{Person, Wanted, creation_options, request_options};
pub use providers::name as provider_name;

use crate::{
    MethodId, Timestamp, UserId,
    audit::Reason,
    proof::{Authenticator, Evidence, Proof},
    token::Ceremony,
};

/// A `COSE_Key` that stands in where there is none, so that it costs as much as where there is one: the
/// base point of P-256. Anybody can sign for it, and nobody is believed who does.
#[rustfmt::skip]
static DECOY_KEY: [u8; 77] = [
    0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20, 0x6b, 0x17, 0xd1, 0xf2,
    0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03,
    0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
    0x22, 0x58, 0x20, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb,
    0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb,
    0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
];

/// How long a ceremony may take.
pub const CEREMONY_LIFETIME: std::time::Duration = std::time::Duration::from_mins(5);

/// How many credentials one account may have.
pub const MOST_CREDENTIALS: usize = 20;

/// The account's handle in the person's authenticators: its id, which says nothing about anyone.
#[must_use]
pub const fn user_handle(user: &UserId) -> &[u8; 16] {
    user.as_bytes()
}

/// Why an answer was refused: for the log and the audit trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A step of the specification did not hold.
    Ceremony(nightlatch_webauthn::Refused),
    /// The signature counter of a key that is bound to one device did not rise: there may be two.
    Cloned,
    /// The metadata say that the authenticator's model is broken.
    Compromised,
}

impl Refused {
    /// The reason in the audit trail.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Ceremony(_) => Reason::WrongCredential,
            Self::Cloned => Reason::ClonedCredential,
            Self::Compromised => Reason::CompromisedModel,
        }
    }
}

/// An assertion that was verified.
#[derive(Debug)]
pub struct Asserted {
    /// The proof.
    pub proof: Proof,
    /// Whether the counter of a synced credential did not rise: worth a look, and no more.
    pub suspicious: bool,
    /// Whether the authenticator says it verified the person. It counts as a factor only once another
    /// factor vouched for it (`uvInitialized`, WebAuthn Level 3 §4).
    pub verified: bool,
}

/// Who verifies, and whom it trusts with the highest level.
#[derive(Debug, Clone)]
pub struct Verifier<'a> {
    /// The relying party.
    pub party: &'a RelyingParty,
    /// The models that may prove the highest level, if their attestation was trusted.
    pub highest: &'a [Aaguid],
    /// Who made which model and what became of it, if the operator keeps such a list.
    pub metadata: Option<&'a mds::Blob>,
}

impl Verifier<'_> {
    /// Verifies the answer to `ceremony` against the credential on record.
    ///
    /// `identified` says whether the account was known before the ceremony began.
    ///
    /// # Errors
    ///
    /// Why it was refused.
    pub fn assert(
        &self,
        ceremony: &Ceremony,
        response: &AuthenticationResponse,
        credential: &Credential,
        identified: bool,
        now: Timestamp,
    ) -> Result<Asserted, Refused> {
        let authentication = Authentication {
            relying_party: self.party,
            challenge: &ceremony.challenge,
            user_verification: UserVerification::Preferred,
            allow_credentials: &[],
            user_identified: identified,
            appid: None,
        };
        let stored = StoredCredential {
            id: &credential.id,
            public_key: &credential.public_key,
            sign_count: credential.state.sign_count,
            backup_eligible: credential.backup_eligible,
            user_handle: Some(user_handle(&credential.user)),
        };
        let asserted = authentication.verify(response, &stored).map_err(Refused::Ceremony)?;
        let rose = matches!(asserted.counter, Counter::Rose | Counter::BothZero);
        if !rose && !credential.backup_eligible {
            return Err(Refused::Cloned);
        }
        let verified = asserted.flags.user_verified();
        let authenticator = Authenticator {
            user_verified: verified && credential.state.uv_initialized,
            device_bound: !credential.backup_eligible,
            attested: self.is_highest(credential.trusted, credential.aaguid, now),
        };
        let evidence = Evidence::Assertion {
            ceremony: ceremony.id,
            method: credential.method,
            from: credential.state.sign_count,
            // The highest that was seen: a fallen counter must not let an old answer rise again.
            to: asserted.sign_count.max(credential.state.sign_count),
            backup_state: asserted.flags.backup_state(),
        };
        let proof = Proof::by_authenticator(credential.user, authenticator, now, evidence);
        Ok(Asserted { proof, suspicious: !rose, verified })
    }

    /// Does the work of [`Verifier::assert`] for an answer of a credential that no account has.
    /// `removed` is the key of one that was removed; says whether that key signed.
    #[must_use]
    pub fn assert_removed(
        &self,
        ceremony: &Ceremony,
        response: &AuthenticationResponse,
        removed: Option<&[u8]>,
    ) -> bool {
        let authentication = Authentication {
            relying_party: self.party,
            challenge: &ceremony.challenge,
            user_verification: UserVerification::Preferred,
            allow_credentials: &[],
            user_identified: false,
            appid: None,
        };
        let data = AuthenticatorData::read(&response.authenticator_data);
        let stored = StoredCredential {
            id: &response.raw_id,
            public_key: removed.unwrap_or(&DECOY_KEY),
            sign_count: 0,
            backup_eligible: data.is_ok_and(|data| data.flags.backup_eligible()),
            user_handle: response.user_handle.as_deref(),
        };
        authentication.verify(response, &stored).is_ok() && removed.is_some()
    }

    /// Whether an authenticator may prove the highest level: its model is one of those that may, its
    /// attestation was trusted, and the metadata that say so are not out of date.
    fn is_highest(&self, trusted: bool, aaguid: Aaguid, now: Timestamp) -> bool {
        let current = self.metadata.is_some_and(|blob| !blob.is_stale(unix(now)));
        trusted && current && self.highest.contains(&aaguid)
    }
}

/// A credential that was registered, and what that proves.
#[derive(Debug)]
pub struct Enrolled {
    /// The credential.
    pub credential: Credential,
    /// The proof: whoever registered it has it.
    pub proof: Proof,
}

impl Verifier<'_> {
    /// Verifies the answer to the registration `ceremony` of `user`; the new method will be `method`.
    ///
    /// # Errors
    ///
    /// Why it was refused.
    pub fn enrol(
        &self,
        ceremony: &Ceremony,
        response: &RegistrationResponse,
        (user, method, kind): (UserId, MethodId, CredentialKind),
        now: Timestamp,
    ) -> Result<Enrolled, Refused> {
        let registration = Registration {
            relying_party: self.party,
            challenge: &ceremony.challenge,
            user_verification: UserVerification::Preferred,
            conditional: false,
            algorithms: &Algorithm::ALL,
            attestation: self.attestation_policy(now),
        };
        let mut registered = registration.verify(response).map_err(Refused::Ceremony)?;
        if registered.attestation.by == Format::FidoU2f {
            // Signed by nobody: what it says must neither raise a level nor hide a broken model.
            registered.aaguid = Aaguid::ZERO;
        }
        if self.is_compromised(&registered, now) {
            return Err(Refused::Compromised);
        }
        let authenticator = Authenticator {
            user_verified: registered.flags.user_verified(),
            device_bound: !registered.flags.backup_eligible(),
            attested: self.is_highest(registered.attestation.trusted, registered.aaguid, now),
        };
        let evidence = Evidence::Registration { ceremony: ceremony.id, method };
        let proof = Proof::by_authenticator(user, authenticator, now, evidence);
        Ok(Enrolled { credential: record(self.party, registered, (user, method, kind)), proof })
    }
}

impl<'a> Verifier<'a> {
    /// Every correct attestation is accepted; the metadata decide which is trusted.
    fn attestation_policy(&self, now: Timestamp) -> AttestationPolicy<'a> {
        match self.metadata {
            Some(blob) => {
                AttestationPolicy { anchors: blob, now: unix(now), ..AttestationPolicy::NOT_NEEDED }
            }
            None => AttestationPolicy::NOT_NEEDED,
        }
    }

    fn is_compromised(&self, registered: &Registered, now: Timestamp) -> bool {
        let path = &registered.attestation.trust_path;
        let model = Model {
            format: registered.attestation.by,
            aaguid: registered.aaguid,
            trust_path: path,
        };
        let entries = self.metadata.map(|blob| blob.of_model(&model)).unwrap_or_default();
        entries.iter().any(|entry| entry.verdict(unix(now), Some(path)).is_compromised())
    }
}

/// Whether the metadata say that a model is broken, whatever certificate one of it has.
#[must_use]
pub fn is_compromised_model(
    blob: &mds::Blob,
    aaguid: Aaguid,
    attestation_key: Option<&[u8]>,
    now: Timestamp,
) -> bool {
    let broken = |entry: &mds::Entry| entry.verdict(unix(now), None).is_compromised();
    match attestation_key.map(mds::KeyIdentifier::try_from) {
        Some(Ok(key)) => blob.by_key_identifier(key).any(broken),
        Some(Err(_)) => false,
        None => blob.by_aaguid(aaguid).any(broken),
    }
}

fn unix(now: Timestamp) -> u64 {
    u64::try_from(now.seconds()).unwrap_or_default()
}

fn record(
    party: &RelyingParty,
    registered: Registered,
    (user, method, kind): (UserId, MethodId, CredentialKind),
) -> Credential {
    let attestation_key = registered.attestation.key_identifier();
    let Attestation { format, kind: attestation, trusted, .. } = registered.attestation;
    Credential {
        user,
        method,
        kind,
        id: registered.credential_id,
        public_key: registered.public_key,
        aaguid: registered.aaguid,
        // An AAGUID tells more, where there is one that is attested.
        attestation_key: attestation_key
            .filter(|_| registered.aaguid == Aaguid::ZERO)
            .map(|key| key.to_vec()),
        backup_eligible: registered.flags.backup_eligible(),
        trusted,
        attestation: format!("{}/{}", format.as_str(), attestation.as_str()),
        transports: registered.transports,
        attachment: registered.authenticator_attachment,
        discoverable: registered.client_extensions.cred_props.and_then(|props| props.rk),
        rp_id: party.id.clone(),
        state: CredentialState {
            sign_count: registered.sign_count,
            backup_state: registered.flags.backup_state(),
            uv_initialized: registered.flags.user_verified(),
        },
    }
}
