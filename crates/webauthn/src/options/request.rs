//! `PublicKeyCredentialRequestOptionsJSON` (§5.1.9, §5.5): asking for an assertion.

use serde::Serialize;

use super::{Challenge, CredentialDescriptor, Hint, RequestExtensions, is_default};
use crate::UserVerification;

/// `PublicKeyCredentialRequestOptionsJSON`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestOptions {
    /// The challenge of this ceremony.
    pub challenge: Challenge,
    /// How long the client is to wait for the person, in milliseconds; a hint.
    #[serde(rename = "timeout", skip_serializing_if = "is_default")]
    pub timeout_ms: Option<u32>,
    /// The RP ID, a domain: the same as [`RelyingParty::id`](crate::RelyingParty::id).
    pub rp_id: String,
    /// The credentials that may answer, the preferred first; empty if any may, which then has to be
    /// discoverable.
    #[serde(skip_serializing_if = "is_default")]
    pub allow_credentials: Vec<CredentialDescriptor>,
    /// Whether the authenticator is to verify the person.
    pub user_verification: UserVerification,
    /// The kinds of authenticator to offer, the preferred first.
    #[serde(skip_serializing_if = "is_default")]
    pub hints: Vec<Hint>,
    /// The extensions that are asked for.
    #[serde(skip_serializing_if = "is_default")]
    pub extensions: RequestExtensions,
}

impl RequestOptions {
    /// Options that let any credential of `rp_id` answer, and are the specification's default in all
    /// else.
    #[must_use]
    pub fn new(rp_id: String, challenge: Challenge) -> Self {
        Self {
            challenge,
            timeout_ms: None,
            rp_id,
            allow_credentials: Vec::new(),
            user_verification: UserVerification::Preferred,
            hints: Vec::new(),
            extensions: RequestExtensions::default(),
        }
    }
}
