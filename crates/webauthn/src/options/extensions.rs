//! `AuthenticationExtensionsClientInputsJSON` (§5.7.1, §10.1): the extensions that a client is asked
//! for, one type for each ceremony, because each takes some that the other refuses.

use std::collections::BTreeMap;

use serde::Serialize;

use super::is_default;
use crate::{base64url::Bytes, response::PrfValues};

/// The extensions of a registration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreationExtensions {
    /// `appidExclude` (§10.1.2): the `AppID` under which `excludeCredentials` may be too.
    #[serde(skip_serializing_if = "is_default")]
    pub appid_exclude: Option<String>,
    /// `credProps` (§10.1.3): whether the client is to say if the credential is discoverable.
    #[serde(skip_serializing_if = "is_default")]
    pub cred_props: bool,
    /// `prf` (§10.1.4): give the credential a pseudo-random function.
    #[serde(skip_serializing_if = "is_default")]
    pub prf: Option<CreationPrf>,
}

/// The extensions of an authentication.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestExtensions {
    /// `appid` (§10.1.1): the `AppID` under which a credential may answer too. It goes to
    /// [`Authentication::appid`](crate::Authentication::appid) as well.
    #[serde(skip_serializing_if = "is_default")]
    pub appid: Option<String>,
    /// `prf` (§10.1.4): evaluate the credential's pseudo-random function.
    #[serde(skip_serializing_if = "is_default")]
    pub prf: Option<RequestPrf>,
}

/// `AuthenticationExtensionsPRFInputsJSON`, as far as a registration takes them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CreationPrf {
    /// What to evaluate at once, which few authenticators can. Without it, the client only says
    /// whether the credential has the function.
    #[serde(skip_serializing_if = "is_default")]
    pub eval: Option<PrfValues>,
}

/// `AuthenticationExtensionsPRFInputsJSON`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestPrf {
    /// What to evaluate for a credential that is not in `eval_by_credential`.
    #[serde(skip_serializing_if = "is_default")]
    pub eval: Option<PrfValues>,
    /// What to evaluate for which credential id. Each must be in `allowCredentials`.
    #[serde(skip_serializing_if = "is_default")]
    pub eval_by_credential: BTreeMap<Bytes, PrfValues>,
}
