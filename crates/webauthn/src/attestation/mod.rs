//! Attestation (WebAuthn Level 3 §6.5 and §8): what an authenticator's maker says of it.
//!
//! A statement is verified whatever was asked for: one that is wrong is a sign that something is, and
//! fails the registration even where no attestation is needed. What a right one is worth is a second
//! question: [`AttestationPolicy`] names the trust anchors and says whether one of them is needed.

mod android_key;
mod apple;
mod compound;
mod fido_u2f;
mod none;
mod packed;
mod tpm;
mod x5c;

use self::x5c::Chain;
use crate::{
    Aaguid, PublicKey,
    authenticator_data::AttestedCredential,
    cbor::{Key, Map, Value},
    refused::{At, Refused, Step, ensure},
    x509::{Certificate, chain},
};

/// An attestation statement format (IANA's registry; §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `none`
    None,
    /// `packed`
    Packed,
    /// `fido-u2f`
    FidoU2f,
    /// `tpm`
    Tpm,
    /// `android-key`
    AndroidKey,
    /// `apple`
    Apple,
    /// `compound`
    Compound,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Packed,
        Self::FidoU2f,
        Self::Tpm,
        Self::AndroidKey,
        Self::Apple,
        Self::Compound,
    ];

    /// The identifier in the registry.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Packed => "packed",
            Self::FidoU2f => "fido-u2f",
            Self::Tpm => "tpm",
            Self::AndroidKey => "android-key",
            Self::Apple => "apple",
            Self::Compound => "compound",
        }
    }

    /// The format with this identifier, to the letter.
    #[must_use]
    pub fn from_identifier(identifier: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == identifier)
    }
}

/// What an attestation statement conveys (§6.5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttestationType {
    /// Nothing.
    None,
    /// The credential's own key signed.
    SelfAttestation,
    /// A key of the model signed; whether it is the maker's or a CA attested it cannot be told from
    /// the statement (*Basic* or *`AttCA`*).
    Basic,
    /// A CA that knows the authenticator certified a key for it (*`AttCA`*).
    AttCa,
    /// A CA made a certificate for this one credential (*`AnonCA`*).
    AnonCa,
}

impl AttestationType {
    /// A stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SelfAttestation => "self",
            Self::Basic => "basic",
            Self::AttCa => "attca",
            Self::AnonCa => "anonca",
        }
    }
}

/// What a correct attestation statement showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// The format of the statement.
    pub format: Format,
    /// The format of the part that shows the rest; `format` itself, unless that is `compound`.
    pub by: Format,
    /// What it conveys.
    pub kind: AttestationType,
    /// The certificates, the attestation key's first; empty for none and self.
    pub trust_path: Vec<Vec<u8>>,
    /// Whether the trust path ends at one of the policy's trust anchors.
    pub trusted: bool,
}

impl Attestation {
    /// The identifier of the attestation key (RFC 5280 §4.2.1.2, method 1), if a certificate was sent:
    /// what names the model of an authenticator that has no AAGUID.
    #[must_use]
    pub fn key_identifier(&self) -> Option<[u8; 20]> {
        Certificate::read(self.trust_path.first()?).ok()?.key_identifier().ok()
    }
}

/// Which authenticator a trust anchor is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model<'a> {
    /// The format of its statement.
    pub format: Format,
    /// Its AAGUID, zero if it has none.
    pub aaguid: Aaguid,
    /// The certificates that it sent, the attestation key's first.
    pub trust_path: &'a [Vec<u8>],
}

/// Where trust anchors come from: a list, or the FIDO Metadata Service.
pub trait TrustAnchors {
    /// The anchors for `model`: root certificates, or attestation certificates themselves, in DER.
    fn anchors(&self, model: &Model<'_>) -> Vec<&[u8]>;
}

/// The same anchors for every model.
impl TrustAnchors for Vec<Vec<u8>> {
    fn anchors(&self, _: &Model<'_>) -> Vec<&[u8]> {
        self.iter().map(Vec::as_slice).collect()
    }
}

/// Rules of the FIDO conformance programme that go beyond the specification. The official test
/// vectors break each of them; so do authenticators.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProgrammeRules {
    /// A `fido-u2f` attestation is refused unless its AAGUID is zero.
    pub zero_u2f_aaguid: bool,
    /// A `tpm` attestation is refused unless the manufacturer is in the TCG's vendor registry.
    pub known_tpm_manufacturer: bool,
    /// An `x5c` with nothing but the attestation certificate is refused, unless that certificate is
    /// itself a trust anchor, or the format (`fido-u2f`) has room for no other.
    pub full_chain: bool,
}

/// Which attestations are accepted.
#[derive(Clone, Copy)]
pub struct AttestationPolicy<'a> {
    /// Where trust anchors come from.
    pub anchors: &'a dyn TrustAnchors,
    /// The time at which certificates must be valid, in seconds since the Unix epoch.
    pub now: u64,
    /// Whether a registration without a trusted attestation is refused. None and self are never
    /// trusted.
    pub require_trusted: bool,
    /// Stricter rules than the specification's.
    pub rules: ProgrammeRules,
}

impl AttestationPolicy<'static> {
    /// Accepts every correct statement, and trusts none.
    pub const NOT_NEEDED: Self =
        Self { anchors: &NoAnchors, now: 0, require_trusted: false, rules: SPECIFICATION };
}

/// Nothing beyond the specification.
const SPECIFICATION: ProgrammeRules =
    ProgrammeRules { zero_u2f_aaguid: false, known_tpm_manufacturer: false, full_chain: false };

struct NoAnchors;

impl TrustAnchors for NoAnchors {
    fn anchors(&self, _: &Model<'_>) -> Vec<&[u8]> {
        Vec::new()
    }
}

impl std::fmt::Debug for AttestationPolicy<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AttestationPolicy")
            .field("now", &self.now)
            .field("require_trusted", &self.require_trusted)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

/// An attestation statement as it was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Statement<'m, 'a>(pub(crate) &'m Value<'a>);

impl<'m, 'a> Statement<'m, 'a> {
    /// The statement, if it is a map with exactly these members.
    fn members(self, names: &[&str]) -> Result<&'m Map<'a>, &'static str> {
        let names: Vec<_> = names.iter().copied().map(Key::Text).collect();
        let members = self.0.as_map().filter(|map| map.has_only(&names));
        members.ok_or("the statement has not the members of its format")
    }
}

/// What a statement has to be right about.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    /// The authenticator data as they were sent.
    pub(crate) authenticator_data: &'a [u8],
    /// The hash of the RP ID in them.
    pub(crate) rp_id_hash: &'a [u8; 32],
    /// The credential in them.
    pub(crate) credential: &'a AttestedCredential<'a>,
    /// The credential's public key.
    pub(crate) key: &'a PublicKey,
    /// The hash of the client data.
    pub(crate) client_data_hash: &'a [u8],
}

impl Evidence<'_> {
    /// Authenticator data and client data hash: what most statements sign.
    pub(crate) fn signed(&self) -> Vec<u8> {
        [self.authenticator_data, self.client_data_hash].concat()
    }
}

/// What a correct statement conveys, before anyone asked whether it is to be trusted.
#[derive(Debug)]
struct Conveyed {
    kind: AttestationType,
    chain: Option<Chain>,
}

impl AttestationPolicy<'_> {
    /// The steps from the statement's format to the assessment of its trust.
    pub(crate) fn verify(
        &self,
        identifier: &str,
        statement: Statement<'_, '_>,
        evidence: &Evidence<'_>,
    ) -> Result<Attestation, Refused> {
        let attestation = if identifier == Format::Compound.as_str() {
            compound::verify(self, statement, evidence)?
        } else {
            self.verify_single(identifier, statement, evidence)?
        };
        let accepted = attestation.trusted || !self.require_trusted;
        ensure(accepted, Step::AttestationTrust, "the attestation leads to no trust anchor")?;
        Ok(attestation)
    }

    /// Verifies a statement that does not consist of others, and looks where it leads.
    fn verify_single(
        &self,
        identifier: &str,
        statement: Statement<'_, '_>,
        evidence: &Evidence<'_>,
    ) -> Result<Attestation, Refused> {
        let format = Format::from_identifier(identifier)
            .ok_or("the attestation format is not known")
            .at(Step::AttestationFormat)?;
        let conveyed = match format {
            Format::None => none::verify(statement),
            Format::Packed => packed::verify(statement, evidence),
            Format::FidoU2f => fido_u2f::verify(statement, evidence),
            Format::Tpm => tpm::verify(statement, evidence),
            Format::AndroidKey => android_key::verify(statement, evidence),
            Format::Apple => apple::verify(statement, evidence),
            Format::Compound => Err("a compound statement in another one"),
        };
        let Conveyed { kind, chain } = conveyed.at(Step::AttestationStatement)?;
        let Some(Chain { leaf, path: trust_path }) = chain else {
            return Ok(Attestation {
                format,
                by: format,
                kind,
                trust_path: Vec::new(),
                trusted: false,
            });
        };
        let aaguid = evidence.credential.aaguid;
        let model = Model { format, aaguid, trust_path: &trust_path };
        let anchors = self.anchors.anchors(&model);
        let trusted = chain::leads_to(&trust_path, &anchors, self.now);

        let rules = self.rules;
        let step = Step::AttestationTrust;
        if format == Format::FidoU2f {
            let zero = aaguid == Aaguid::ZERO || !rules.zero_u2f_aaguid;
            ensure(zero, step, "a U2F authenticator has no AAGUID")?;
        } else {
            let alone = trust_path.len() == 1
                && !anchors.iter().any(|anchor| trust_path.iter().any(|own| own == anchor));
            ensure(!alone || !rules.full_chain, step, "the certificates are no full chain")?;
        }
        if format == Format::Tpm && rules.known_tpm_manufacturer {
            let known = tpm::has_known_manufacturer(&leaf);
            ensure(known, step, "the TPM's manufacturer is not registered")?;
        }
        Ok(Attestation { format, by: format, kind, trust_path, trusted })
    }
}
