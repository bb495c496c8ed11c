//! What browsers are asked for, at each kind of ceremony.

use nightlatch_webauthn::{
    RelyingParty, UserVerification,
    options::{
        AttestationConveyance, AuthenticatorAttachment, AuthenticatorSelection, Challenge,
        CreationOptions, CredentialDescriptor, Hint, RequestOptions, ResidentKey, RpEntity,
        UserEntity, UserHandle,
    },
};

use super::{CEREMONY_LIFETIME, Credential, CredentialKind, user_handle};
use crate::{UserId, token::Ceremony};

/// Whom a new credential is for, as the person sees it.
#[derive(Debug, Clone, Copy)]
pub struct Person<'a> {
    /// The account.
    pub id: UserId,
    /// Its address.
    pub email: &'a str,
    /// What its owner is called, if they said.
    pub name: Option<&'a str>,
}

/// What a new credential is to be.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// As what it is enrolled.
    pub kind: CredentialKind,
    /// How its authenticator is to be attached, if it matters.
    pub attachment: Option<AuthenticatorAttachment>,
    /// The service's name.
    pub service: &'a str,
    /// Whether to ask who made the authenticator.
    pub attested: bool,
}

/// Asks for a new credential, none of `existing` again.
///
/// # Panics
///
/// Never: a challenge and an id have a fixed length.
#[must_use]
pub fn creation_options(
    party: &RelyingParty,
    ceremony: &Ceremony,
    person: Person<'_>,
    wanted: Wanted<'_>,
    existing: &[Credential],
) -> CreationOptions {
    let rp = RpEntity { id: party.id.clone(), name: wanted.service.to_owned() };
    let user = UserEntity {
        id: UserHandle::new(user_handle(&person.id)).expect("an id has 16 bytes"),
        name: person.email.to_owned(),
        display_name: person.name.unwrap_or(person.email).to_owned(),
    };
    let mut options = CreationOptions::new(rp, user, challenge(ceremony));
    options.timeout_ms = timeout();
    options.exclude_credentials = existing.iter().map(descriptor).collect();
    options.authenticator_selection = match wanted.kind {
        CredentialKind::Passkey => AuthenticatorSelection {
            authenticator_attachment: wanted.attachment,
            resident_key: ResidentKey::Preferred,
            user_verification: UserVerification::Preferred,
        },
        CredentialKind::SecurityKey => AuthenticatorSelection {
            authenticator_attachment: Some(AuthenticatorAttachment::CrossPlatform),
            resident_key: ResidentKey::Discouraged,
            user_verification: UserVerification::Discouraged,
        },
    };
    options.hints = match (wanted.kind, wanted.attachment) {
        (CredentialKind::SecurityKey, _) => vec![Hint::SecurityKey],
        (CredentialKind::Passkey, Some(AuthenticatorAttachment::Platform)) => {
            vec![Hint::ClientDevice]
        }
        (CredentialKind::Passkey, Some(AuthenticatorAttachment::CrossPlatform) | None) => {
            Vec::new()
        }
    };
    if wanted.attested {
        options.attestation = AttestationConveyance::Direct;
    }
    options.extensions.cred_props = true;
    options
}

/// Asks for one of `allowed`, or, if there are none, for any discoverable credential.
///
/// Security keys alone are only to be touched; whatever may be a passkey is asked to verify its owner.
#[must_use]
pub fn request_options(
    party: &RelyingParty,
    ceremony: &Ceremony,
    allowed: &[Credential],
) -> RequestOptions {
    let mut options = RequestOptions::new(party.id.clone(), challenge(ceremony));
    options.timeout_ms = timeout();
    options.allow_credentials = allowed.iter().map(descriptor).collect();
    let key = |credential: &Credential| credential.kind == CredentialKind::SecurityKey;
    if !allowed.is_empty() && allowed.iter().all(key) {
        options.user_verification = UserVerification::Discouraged;
        options.hints = vec![Hint::SecurityKey];
    }
    options
}

fn descriptor(credential: &Credential) -> CredentialDescriptor {
    CredentialDescriptor {
        id: credential.id.as_slice().into(),
        transports: credential.transports.clone(),
    }
}

fn challenge(ceremony: &Ceremony) -> Challenge {
    Challenge::new(&ceremony.challenge).expect("a challenge has 32 bytes")
}

fn timeout() -> Option<u32> {
    u32::try_from(CEREMONY_LIFETIME.as_millis()).ok()
}
