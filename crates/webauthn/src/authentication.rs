//! Verifying an authentication assertion (WebAuthn Level 3 §7.2).

use aws_lc_rs::digest::{SHA256, digest};

use crate::{
    AuthenticationResponse, AuthenticatorData, ClientExtensionResults, Flags, PublicKey,
    RelyingParty, UserVerification,
    client_data::{Ceremony, ClientData},
    refused::{At, Refused, Step, ensure},
    registration::verify_shared_flags,
};

/// One authentication, as it was asked for.
#[derive(Debug, Clone)]
pub struct Authentication<'a> {
    /// Who asked.
    pub relying_party: &'a RelyingParty,
    /// The challenge of this ceremony; never used before.
    pub challenge: &'a [u8],
    /// `userVerification`
    pub user_verification: UserVerification,
    /// The ids in `allowCredentials`; none if any credential may answer.
    pub allow_credentials: &'a [Vec<u8>],
    /// Whether the account was known before the ceremony began. If it was not, the answer must say
    /// whose it is.
    pub user_identified: bool,
    /// The `AppID`, if the `appid` extension was asked for.
    pub appid: Option<&'a str>,
}

/// A credential record, as far as a ceremony needs it.
#[derive(Debug, Clone, Copy)]
pub struct StoredCredential<'a> {
    /// The credential id.
    pub id: &'a [u8],
    /// The public key, a `COSE_Key`.
    pub public_key: &'a [u8],
    /// The signature counter.
    pub sign_count: u32,
    /// The BE bit at registration.
    pub backup_eligible: bool,
    /// The handle of the account that the credential belongs to.
    pub user_handle: Option<&'a [u8]>,
}

/// What the signature counter says. Whether one that did not rise is a refusal is for the caller's
/// policy: it is a sign of a cloned authenticator, and no proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counter {
    /// It rose.
    Rose,
    /// It stayed, and is not zero.
    Equal,
    /// It fell.
    Fell,
    /// It is zero and always was: the authenticator does not count.
    BothZero,
}

impl Counter {
    /// Compares the counter on record with the one that was sent.
    #[must_use]
    pub const fn compare(stored: u32, sent: u32) -> Self {
        if stored == 0 && sent == 0 {
            Self::BothZero
        } else if sent > stored {
            Self::Rose
        } else if sent == stored {
            Self::Equal
        } else {
            Self::Fell
        }
    }

    /// A stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rose => "rose",
            Self::Equal => "equal",
            Self::Fell => "fell",
            Self::BothZero => "both_zero",
        }
    }
}

/// An assertion that was verified: what updates the credential record.
#[derive(Debug, Clone)]
pub struct Authenticated {
    /// The flags: what the authenticator says it verified.
    pub flags: Flags,
    /// What the signature counter says.
    pub counter: Counter,
    /// The signature counter that was sent.
    pub sign_count: u32,
    /// Whether the credential answered under the `AppID`.
    pub appid_used: bool,
    /// How the authenticator was attached: `platform`, `cross-platform` or unknown.
    pub authenticator_attachment: Option<String>,
    /// The client's extension outputs: claims of the browser, signed by nobody.
    pub client_extensions: ClientExtensionResults,
    /// The authenticator's extension outputs, a CBOR map.
    pub authenticator_extensions: Option<Vec<u8>>,
}

impl Authentication<'_> {
    /// Verifies the answer against the record of the credential that it names.
    ///
    /// # Errors
    ///
    /// The first step that does not hold.
    pub fn verify(
        &self,
        response: &AuthenticationResponse,
        stored: &StoredCredential<'_>,
    ) -> Result<Authenticated, Refused> {
        self.verify_credential(response, stored)?;
        let client_data = &response.client_data_json;
        ClientData::verify(
            client_data,
            Ceremony::Authentication,
            self.challenge,
            self.relying_party,
        )?;
        let data = AuthenticatorData::read(&response.authenticator_data);
        let data = data.at(Step::AuthenticatorData)?;
        let asserted = data.attested.is_none();
        ensure(asserted, Step::AuthenticatorData, "an assertion does not attest a credential")?;
        let appid_used = self.verify_rp_id_hash(&data, &response.client_extension_results)?;
        ensure(data.flags.user_present(), Step::UserPresence, "nobody was present")?;
        verify_shared_flags(data.flags, self.user_verification)?;
        let unchanged = data.flags.backup_eligible() == stored.backup_eligible;
        ensure(unchanged, Step::BackupEligibility, "backup eligibility is not as registered")?;

        let key = PublicKey::from_cose(stored.public_key).at(Step::CredentialRecord)?;
        let client_data_hash = digest(&SHA256, client_data);
        let signed = [response.authenticator_data.as_slice(), client_data_hash.as_ref()].concat();
        let valid = key.verify(&signed, &response.signature);
        ensure(valid, Step::Signature, "the signature is not the credential's")?;

        Ok(Authenticated {
            flags: data.flags,
            counter: Counter::compare(stored.sign_count, data.sign_count),
            sign_count: data.sign_count,
            appid_used,
            authenticator_attachment: response.authenticator_attachment.clone(),
            client_extensions: response.client_extension_results.clone(),
            authenticator_extensions: data.extensions.map(<[u8]>::to_vec),
        })
    }

    /// The steps that identify the credential and its user.
    fn verify_credential(
        &self,
        response: &AuthenticationResponse,
        stored: &StoredCredential<'_>,
    ) -> Result<(), Refused> {
        let id = &response.raw_id;
        let allowed = self.allow_credentials.is_empty() || self.allow_credentials.contains(id);
        ensure(allowed, Step::AllowCredentials, "the credential was not asked for")?;
        let on_record = id == stored.id;
        ensure(on_record, Step::CredentialRecord, "the record is of another credential")?;
        match (response.user_handle.as_deref(), stored.user_handle) {
            (Some(given), Some(handle)) => {
                ensure(given == handle, Step::UserHandle, "the user handle is of another account")
            }
            (None, _) | (Some(_), None) => ensure(
                self.user_identified,
                Step::UserHandle,
                "no user was named, and the answer does not show whose it is",
            ),
        }
    }

    /// The step on `rpIdHash`, with the special logic of the `appid` extension (§10.1.1): the `AppID`
    /// counts only if this ceremony asked for it and the client says that it was used.
    fn verify_rp_id_hash(
        &self,
        data: &AuthenticatorData<'_>,
        extensions: &ClientExtensionResults,
    ) -> Result<bool, Refused> {
        let appid = self.appid.filter(|_| extensions.appid == Some(true));
        let expected = digest(&SHA256, appid.unwrap_or(&self.relying_party.id).as_bytes());
        let ours = data.rp_id_hash == expected.as_ref();
        ensure(ours, Step::RpIdHash, "the credential is for another RP ID")?;
        Ok(appid.is_some())
    }
}
