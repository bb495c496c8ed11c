//! Client data (WebAuthn Level 3 §5.8.1): what the browser says of the ceremony, and the part of
//! both ceremonies that checks it.

use serde::Deserialize;
use subtle::ConstantTimeEq;

use crate::{
    RelyingParty, base64url, json,
    refused::{At, Refused, Step, ensure},
};

/// The longest client data: a browser's take a few hundred bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// The ceremony that client data are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ceremony {
    /// `navigator.credentials.create()`
    Registration,
    /// `navigator.credentials.get()`
    Authentication,
}

impl Ceremony {
    const fn client_data_type(self) -> &'static str {
        match self {
            Self::Registration => "webauthn.create",
            Self::Authentication => "webauthn.get",
        }
    }
}

/// `CollectedClientData`; members that it does not name are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientData {
    /// What was asked of the browser.
    pub r#type: String,
    /// The challenge, as base64url.
    pub challenge: String,
    /// The origin of the page that asked.
    pub origin: String,
    /// Whether that page was in an iframe of another origin.
    #[serde(default, deserialize_with = "json::present")]
    pub cross_origin: Option<bool>,
    /// The origin of the page around the iframe.
    #[serde(default, deserialize_with = "json::present")]
    pub top_origin: Option<String>,
}

impl ClientData {
    /// Reads client data as the browser wrote them.
    ///
    /// # Errors
    ///
    /// A few words on what is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() > MAX_BYTES {
            return Err("more client data than are ever needed");
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "the client data are not UTF-8")?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        json::read(text.as_bytes())
    }

    /// The steps from `type` to `topOrigin`, which both ceremonies share.
    pub(crate) fn verify(
        bytes: &[u8],
        ceremony: Ceremony,
        challenge: &[u8],
        expected: &RelyingParty,
    ) -> Result<(), Refused> {
        let client_data = Self::read(bytes).at(Step::ClientData)?;
        let of_ceremony = client_data.r#type == ceremony.client_data_type();
        ensure(of_ceremony, Step::Type, "the client data are of another ceremony")?;
        let answered = client_data.challenge.as_bytes();
        let issued = base64url::encode(challenge);
        let answers = !challenge.is_empty() && bool::from(answered.ct_eq(issued.as_bytes()));
        ensure(answers, Step::Challenge, "another challenge was answered")?;
        let listed = expected.origins.contains(&client_data.origin);
        ensure(listed, Step::Origin, "the origin is not expected")?;
        let framed = client_data.cross_origin == Some(true);
        let may_be_framed = expected.allow_cross_origin;
        ensure(!framed || may_be_framed, Step::CrossOrigin, "no iframe is expected")?;
        if let Some(top_origin) = &client_data.top_origin {
            ensure(may_be_framed, Step::TopOrigin, "no iframe is expected")?;
            let listed = expected.top_origins.contains(top_origin);
            ensure(listed, Step::TopOrigin, "the page around the iframe is not expected")?;
        }
        Ok(())
    }
}
