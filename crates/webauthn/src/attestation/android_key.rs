//! `android-key` (§8.4): Android's key store certifies the credential's key, and describes it in an
//! extension of the certificate.

use x509_cert::der::asn1::ObjectIdentifier;

use super::{AttestationType, Conveyed, Evidence, Statement, x5c::Chain};
use crate::{
    Algorithm,
    x509::der::{self, Reader, Tag},
};

const KEY_DESCRIPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.1.17");

/// `KM_PURPOSE_SIGN`
const PURPOSE_SIGN: u8 = 2;

/// `KM_ORIGIN_GENERATED`
const ORIGIN_GENERATED: u8 = 0;

pub(super) fn verify(
    statement: Statement<'_, '_>,
    evidence: &Evidence<'_>,
) -> Result<Conveyed, &'static str> {
    let members = statement.members(&["alg", "sig", "x5c"])?;
    let algorithm = members.int("alg").and_then(Algorithm::from_id);
    let algorithm = algorithm.ok_or("the statement's algorithm is not supported")?;
    let signature = members.bytes("sig").ok_or("sig is no byte string")?;
    let chain = Chain::read(members)?;
    if !chain.leaf.public_key(algorithm)?.verify(&evidence.signed(), signature) {
        return Err("the signature is not of the certificate");
    }
    if chain.leaf.key()? != *evidence.key.numbers() {
        return Err("the certificate is of another key");
    }
    let extension = chain.leaf.extension(KEY_DESCRIPTION).ok_or("no key description")?;
    let description = KeyDescription::read(extension.extn_value.as_bytes())?;
    if description.challenge != evidence.client_data_hash {
        return Err("the certificate's challenge is of another ceremony");
    }
    description.check()?;
    Ok(Conveyed { kind: AttestationType::Basic, chain: Some(chain) })
}

struct KeyDescription<'a> {
    challenge: &'a [u8],
    /// `softwareEnforced` and `teeEnforced`.
    authorizations: [Authorizations; 2],
}

impl<'a> KeyDescription<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let mut fields = Reader::new(der::only(bytes, Tag::SEQUENCE)?);
        // Version and security level, of the attestation and of the key store.
        for tag in [Tag::INTEGER, Tag::ENUMERATED, Tag::INTEGER, Tag::ENUMERATED] {
            fields.expect(tag)?;
        }
        let challenge = fields.expect(Tag::OCTET_STRING)?;
        fields.expect(Tag::OCTET_STRING)?;
        let software = Authorizations::read(fields.expect(Tag::SEQUENCE)?)?;
        let tee = Authorizations::read(fields.expect(Tag::SEQUENCE)?)?;
        if !fields.is_empty() {
            return Err("bytes follow the key description");
        }
        Ok(Self { challenge, authorizations: [software, tee] })
    }

    /// The rules for the lists, read as one (the specification's union). A list that does not speak
    /// of purpose or origin says nothing against them: the specification's own vector has both lists
    /// empty.
    fn check(&self) -> Result<(), &'static str> {
        let [software, tee] = &self.authorizations;
        if software.all_applications || tee.all_applications {
            return Err("the key is for all applications");
        }
        let generated = |list: &Authorizations| list.origin.is_none_or(|it| it == ORIGIN_GENERATED);
        if !generated(software) || !generated(tee) {
            return Err("the key was not generated where it is kept");
        }
        let purposes = [software.purposes.as_slice(), &tee.purposes].concat();
        if !purposes.is_empty() && !purposes.contains(&PURPOSE_SIGN) {
            return Err("the key is not for signing");
        }
        Ok(())
    }
}

/// What this format needs of an `AuthorizationList`.
#[derive(Default)]
struct Authorizations {
    purposes: Vec<u8>,
    all_applications: bool,
    origin: Option<u8>,
}

impl Authorizations {
    fn read(list: &[u8]) -> Result<Self, &'static str> {
        const PURPOSE: Tag = Tag::explicit(1);
        const ALL_APPLICATIONS: Tag = Tag::explicit(600);
        const ORIGIN: Tag = Tag::explicit(702);
        let mut read = Self::default();
        let mut seen = Vec::new();
        let mut fields = Reader::new(list);
        while !fields.is_empty() {
            let (tag, content) = fields.element()?;
            match tag {
                PURPOSE => read.purposes = purposes(content)?,
                ALL_APPLICATIONS => read.all_applications = true,
                ORIGIN => read.origin = Some(der::small(content)?),
                _ => continue,
            }
            if seen.contains(&tag) {
                return Err("an authorization stands twice in a list");
            }
            seen.push(tag);
        }
        Ok(read)
    }
}

/// `SET OF INTEGER`
fn purposes(content: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut purposes = Vec::new();
    let mut set = Reader::new(der::only(content, Tag::SET)?);
    while !set.is_empty() {
        match der::unsigned(set.expect(Tag::INTEGER)?)? {
            [purpose] => purposes.push(*purpose),
            _ => return Err("a key purpose that is not known"),
        }
    }
    Ok(purposes)
}
