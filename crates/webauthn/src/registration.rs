//! Registering a new credential (WebAuthn Level 3 §7.1).

use aws_lc_rs::digest::{SHA256, digest};

use crate::{
    Aaguid, Algorithm, Attestation, AttestationPolicy, AuthenticatorData, ClientExtensionResults,
    Flags, PublicKey, RegistrationResponse, RelyingParty, UserVerification,
    attestation::{self, Statement},
    cbor::{self, Key, Map},
    client_data::{Ceremony, ClientData},
    refused::{At, Refused, Step, ensure},
    response::MAX_CREDENTIAL_ID,
};

/// One registration, as it was asked for.
#[derive(Debug, Clone)]
pub struct Registration<'a> {
    /// Who asked.
    pub relying_party: &'a RelyingParty,
    /// The challenge of this ceremony; never used before.
    pub challenge: &'a [u8],
    /// `authenticatorSelection.userVerification`
    pub user_verification: UserVerification,
    /// Whether `mediation` was `conditional`: then the person's presence is not asked for.
    pub conditional: bool,
    /// The algorithms in `pubKeyCredParams`.
    pub algorithms: &'a [Algorithm],
    /// Which attestations are accepted.
    pub attestation: AttestationPolicy<'a>,
}

/// A credential that was registered: what a credential record keeps.
///
/// Two steps are left to the caller, who knows the records: that no user has a credential of this id
/// yet, and that it goes to the account that the options named.
#[derive(Debug, Clone)]
pub struct Registered {
    /// The credential id.
    pub credential_id: Vec<u8>,
    /// The public key, a `COSE_Key`.
    pub public_key: Vec<u8>,
    /// The algorithm of the key.
    pub algorithm: Algorithm,
    /// The signature counter.
    pub sign_count: u32,
    /// The flags: whether the person was verified, and whether the credential is synced.
    pub flags: Flags,
    /// The authenticator's model; proved only by a trusted attestation.
    pub aaguid: Aaguid,
    /// The transports that the authenticator is believed to speak.
    pub transports: Vec<String>,
    /// How the authenticator was attached: `platform`, `cross-platform` or unknown.
    pub authenticator_attachment: Option<String>,
    /// What the attestation statement showed.
    pub attestation: Attestation,
    /// The client's extension outputs: claims of the browser, signed by nobody.
    pub client_extensions: ClientExtensionResults,
    /// The authenticator's extension outputs, a CBOR map.
    pub authenticator_extensions: Option<Vec<u8>>,
}

impl Registration<'_> {
    /// Verifies the answer, step by step as the specification numbers them.
    ///
    /// # Errors
    ///
    /// The first step that does not hold.
    pub fn verify(&self, response: &RegistrationResponse) -> Result<Registered, Refused> {
        let client_data = &response.client_data_json;
        ClientData::verify(
            client_data,
            Ceremony::Registration,
            self.challenge,
            self.relying_party,
        )?;
        let client_data_hash = digest(&SHA256, client_data);

        let object = cbor::read(&response.attestation_object).at(Step::AttestationObject)?;
        let (format, statement, raw) = object.as_map().and_then(parts).ok_or(Refused::new(
            Step::AttestationObject,
            "the attestation object has no such shape",
        ))?;
        let data = AuthenticatorData::read(raw).at(Step::AuthenticatorData)?;
        self.verify_authenticator(&data)?;
        let attested = data
            .attested
            .as_ref()
            .ok_or(Refused::new(Step::AuthenticatorData, "no credential is attested"))?;
        let key = PublicKey::from_cose(attested.public_key).at(Step::PublicKey)?;
        let offered = self.algorithms.contains(&key.algorithm());
        ensure(offered, Step::Algorithm, "the algorithm was not offered")?;

        let evidence = attestation::Evidence {
            authenticator_data: raw,
            rp_id_hash: data.rp_id_hash,
            credential: attested,
            key: &key,
            client_data_hash: client_data_hash.as_ref(),
        };
        let attestation = self.attestation.verify(format, statement, &evidence)?;
        let length = attested.id.len();
        ensure(length <= MAX_CREDENTIAL_ID, Step::CredentialId, "the credential id is too long")?;
        let same = attested.id == response.raw_id;
        ensure(same, Step::CredentialId, "another credential id was attested")?;

        Ok(Registered {
            credential_id: attested.id.to_vec(),
            public_key: attested.public_key.to_vec(),
            algorithm: key.algorithm(),
            sign_count: data.sign_count,
            flags: data.flags,
            aaguid: attested.aaguid,
            transports: response.transports.clone(),
            authenticator_attachment: response.authenticator_attachment.clone(),
            attestation,
            client_extensions: response.client_extension_results.clone(),
            authenticator_extensions: data.extensions.map(<[u8]>::to_vec),
        })
    }

    fn verify_authenticator(&self, data: &AuthenticatorData<'_>) -> Result<(), Refused> {
        let expected = digest(&SHA256, self.relying_party.id.as_bytes());
        let ours = data.rp_id_hash == expected.as_ref();
        ensure(ours, Step::RpIdHash, "the credential is for another RP ID")?;
        let present = data.flags.user_present() || self.conditional;
        ensure(present, Step::UserPresence, "nobody was present")?;
        verify_shared_flags(data.flags, self.user_verification)
    }
}

/// The steps on UV and BS, which both ceremonies share.
pub(crate) fn verify_shared_flags(
    flags: Flags,
    user_verification: UserVerification,
) -> Result<(), Refused> {
    let verified = flags.user_verified() || user_verification != UserVerification::Required;
    ensure(verified, Step::UserVerification, "the person was not verified")?;
    let consistent = flags.backup_eligible() || !flags.backup_state();
    ensure(consistent, Step::BackupState, "backed up and yet not eligible for it")
}

/// The format, the statement and the authenticator data of an attestation object.
fn parts<'m, 'a>(object: &'m Map<'a>) -> Option<(&'a str, Statement<'m, 'a>, &'a [u8])> {
    let keys = ["fmt", "attStmt", "authData"].map(Key::Text);
    let statement = object.get("attStmt").filter(|_| object.has_only(&keys))?;
    Some((object.text("fmt")?, Statement(statement), object.bytes("authData")?))
}
