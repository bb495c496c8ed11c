//! Members that occur in several bodies. What names nothing is refused as a value (422).

use nightlatch_core::{MethodId, SecretText, code::AnyCode, proof::Factor};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::problem::{Code, Problem};

/// The types of the contract that this server has no verifier for: never allowed, yet no mistake.
const NOT_OFFERED: [&str; 3] = ["hotp", "sms", "temporary_pass"];

/// Reads `method`, the type of a method.
pub(super) fn factor(name: &str) -> Result<Factor, Problem> {
    Factor::ALL.into_iter().find(|factor| factor.as_str() == name).ok_or_else(|| {
        if NOT_OFFERED.contains(&name) {
            Code::MethodNotAllowed.into()
        } else {
            Problem::field("method", "There is no method of this type.")
        }
    })
}

/// Refuses `method` unless it is the one that the rest of the body is for.
pub(super) fn is(name: &str, expected: Factor) -> Result<(), Problem> {
    if factor(name)? == expected {
        return Ok(());
    }
    Err(Problem::field("method", "The method and what is sent with it do not go together."))
}

/// Reads `method_id`, which picks one of several methods of a type.
pub(super) fn method_id(text: Option<&str>) -> Result<Option<MethodId>, Problem> {
    text.map(str::parse)
        .transpose()
        .map_err(|_| Problem::field("method_id", "This is not the id of a method."))
}

/// The answer of an authenticator, as the browser gave it. Browsers add members, so all are taken.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub(super) struct Credential(serde_json::Map<String, serde_json::Value>);

impl Credential {
    /// The JSON text of it, for whoever verifies it.
    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.0).unwrap_or_default()
    }
}

/// Reads `mfa_token`, a code that says by its form what it is. Anything else is refused here, before
/// it could be counted as an attempt.
pub(super) fn mfa_token(text: &SecretText) -> Result<AnyCode, Problem> {
    AnyCode::parse(text.expose()).ok_or_else(|| {
        Problem::field("mfa_token", "Send 6 to 8 digits, or the 16 symbols of a recovery code.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_allowed_not_offered_or_unknown() {
        for factor in Factor::ALL {
            assert_eq!(super::factor(factor.as_str()).unwrap(), factor);
        }
        assert_eq!(factor("hotp").unwrap_err().code(), Code::MethodNotAllowed);
        for odd in ["", "TOTP", "totp ", "carrier_pigeon"] {
            assert_eq!(factor(odd).unwrap_err().code(), Code::InvalidValues, "{odd}");
        }
    }

    #[test]
    fn an_id_of_another_kind_is_no_id() {
        let id = MethodId::from_bytes([7; 16]);
        assert_eq!(method_id(None).unwrap(), None);
        assert_eq!(method_id(Some(&id.to_string())).unwrap(), Some(id));
        assert_eq!(method_id(Some("ses_1")).unwrap_err().code(), Code::InvalidValues);
    }

    #[test]
    fn a_code_is_known_by_its_form() {
        let read = |text: &str| mfa_token(&SecretText::new(text.to_owned()));
        assert!(matches!(read("287 082"), Ok(AnyCode::OneTime(_))));
        assert!(matches!(read("7777-7777-7777-7777"), Ok(AnyCode::Recovery(_))));
        for odd in ["", "12345", "123456789", "six digits", "7777-7777-7777-777"] {
            assert_eq!(read(odd).unwrap_err().code(), Code::InvalidValues, "{odd}");
        }
    }
}
