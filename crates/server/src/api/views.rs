//! The shapes that several answers share, made from what journeys return.

use nightlatch_core::{
    MethodId, SessionId, UserId, factors::webauthn::provider_name, methods, methods::State,
};
use nightlatch_flows::{sign_in, tokens};
use nightlatch_store::units::{account::Account, session};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::values::{Shown, Time, names};

/// What a completed sign-in, refresh or step-up hands out.
#[derive(Serialize, JsonSchema)]
pub(super) struct Tokens {
    /// Always `complete`.
    #[schemars(extend("const" = "complete"))]
    status: &'static str,
    /// For calls, in `Authorization: Bearer`.
    access_token: Shown,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds that the access token lives.
    expires_in: u64,
    /// For the next tokens; works once.
    refresh_token: Shown,
    /// The session.
    session: Session,
    /// Makes this device known at the next sign-in; proves nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_token: Option<Shown>,
}

impl From<tokens::Tokens> for Tokens {
    fn from(tokens: tokens::Tokens) -> Self {
        Self {
            status: "complete",
            session: Session::new(&tokens.session, &tokens.account),
            access_token: tokens.access_token.into(),
            token_type: "Bearer",
            expires_in: tokens.expires_in.as_secs(),
            refresh_token: tokens.refresh_token.into(),
            device_token: tokens.device_token.map(Shown::from),
        }
    }
}

/// A session and what was proved in it.
#[derive(Serialize, JsonSchema)]
pub(super) struct Session {
    /// Stable for the life of the session.
    #[schemars(with = "String")]
    id: SessionId,
    /// Whose it is.
    #[schemars(with = "String")]
    user_id: UserId,
    /// The highest level: `aal1`, `aal2`, `phishing_resistant` or `aal3`.
    level: &'static str,
    /// When each level above the first was last proved as a whole.
    levels: Levels,
    /// What was proved (RFC 8176).
    amr: Vec<&'static str>,
    /// When the person last proved anything.
    auth_time: Time,
    /// The same as `levels.aal2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    mfa_at: Option<Time>,
    /// When it began.
    created_at: Time,
    /// When it ends, unless it is refreshed or ended before.
    expires_at: Time,
    /// Whether control of the account's address was shown.
    email_verified: bool,
}

/// When each level above the first was last proved as a whole.
#[derive(Serialize, JsonSchema)]
struct Levels {
    /// Two factors of different kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    aal2: Option<Time>,
    /// The same, with an authenticator that cannot be phished.
    #[serde(skip_serializing_if = "Option::is_none")]
    phishing_resistant: Option<Time>,
    /// The same, with one that is bound to its device, attested and allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    aal3: Option<Time>,
}

impl Session {
    /// `session` of `account`.
    pub(super) fn new(session: &session::Session, account: &Account) -> Self {
        let (proofs, levels) = (&session.proofs, session.proofs.levels());
        Self {
            id: session.id,
            user_id: session.user,
            level: proofs.level().as_str(),
            levels: Levels {
                aal2: levels.aal2.map(Time::from),
                phishing_resistant: levels.phishing_resistant.map(Time::from),
                aal3: levels.aal3.map(Time::from),
            },
            amr: proofs.amr(),
            auth_time: proofs.authenticated_at().into(),
            mfa_at: levels.aal2.map(Time::from),
            created_at: session.created_at.into(),
            expires_at: expiry(session),
            email_verified: account.email_verified_at.is_some(),
        }
    }
}

/// When a session ends unless something happens in it.
pub(super) fn expiry(session: &session::Session) -> Time {
    session.expires_at.min(session.idle_until).into()
}

/// A second factor is asked for.
#[derive(Serialize, JsonSchema)]
pub(super) struct Challenge {
    /// Always `mfa_required`.
    #[schemars(extend("const" = "mfa_required"))]
    status: &'static str,
    /// Always true.
    mfa_required: bool,
    /// Continues this sign-in.
    temp_token: Shown,
    /// The types that this person can use now, the strongest first.
    mfa_types: Vec<&'static str>,
    /// The methods that this person can use now.
    methods: Vec<Offered>,
    /// The type to ask for first.
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred: Option<&'static str>,
    /// Seconds that the sign-in may take.
    expires_in: u64,
}

/// A method that can be used now.
#[derive(Serialize, JsonSchema)]
struct Offered {
    /// Its identity.
    #[schemars(with = "String")]
    id: MethodId,
    /// Its type.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The name its owner gave it.
    name: String,
}

impl From<sign_in::Challenge> for Challenge {
    fn from(challenge: sign_in::Challenge) -> Self {
        let mfa_types = names(&challenge.factors);
        let offered = |method: methods::Method| Offered {
            id: method.id,
            kind: method.factor.as_str(),
            name: method.name,
        };
        Self {
            status: "mfa_required",
            mfa_required: true,
            temp_token: challenge.temp_token.into(),
            preferred: mfa_types.first().copied(),
            mfa_types,
            methods: challenge.methods.into_iter().map(offered).collect(),
            expires_in: challenge.expires_in.as_secs(),
        }
    }
}

/// A second factor has to be enrolled before the sign-in completes.
#[derive(Serialize, JsonSchema)]
pub(super) struct MustEnroll {
    /// Always `enrollment_required`.
    #[schemars(extend("const" = "enrollment_required"))]
    status: &'static str,
    /// Always true.
    enrollment_required: bool,
    /// Opens the calls of enrolment, in `Authorization: Bearer`.
    temp_token: Shown,
    /// The types that may be enrolled.
    allowed_types: Vec<&'static str>,
    /// Seconds that the enrolment may take.
    expires_in: u64,
}

/// Where a sign-in stands; `status` tells which of these it is.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum SignIn {
    Complete(Box<Tokens>),
    MfaRequired(Challenge),
    EnrollmentRequired(MustEnroll),
}

impl From<sign_in::SignIn> for SignIn {
    fn from(signing_in: sign_in::SignIn) -> Self {
        match signing_in {
            sign_in::SignIn::Complete(tokens) => Self::from(*tokens),
            sign_in::SignIn::Challenge(challenge) => Self::MfaRequired(challenge.into()),
            sign_in::SignIn::EnrollmentRequired(required) => Self::EnrollmentRequired(MustEnroll {
                status: "enrollment_required",
                enrollment_required: true,
                temp_token: required.temp_token.into(),
                allowed_types: names(&required.allowed),
                expires_in: required.expires_in.as_secs(),
            }),
        }
    }
}

impl From<tokens::Tokens> for SignIn {
    fn from(tokens: tokens::Tokens) -> Self {
        Self::Complete(Box::new(tokens.into()))
    }
}

/// One enrolled method.
#[derive(Serialize, JsonSchema)]
pub(super) struct Method {
    /// Its identity.
    #[schemars(with = "String")]
    id: MethodId,
    /// Its type.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The name its owner gave it.
    name: String,
    /// Whether it can be used.
    enabled: bool,
    /// `active`, `disabled` after too many wrong codes, or `suspended`.
    state: &'static str,
    /// When it was confirmed.
    created_at: Time,
    /// When it last proved something.
    last_used_at: Option<Time>,
    /// Of a passkey or a security key.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    credential: Option<Credential>,
}

/// What there is to know of a passkey or a security key.
#[derive(Serialize, JsonSchema)]
struct Credential {
    /// As what it was enrolled: `passkey` or `security_key`.
    kind: &'static str,
    /// The authenticator's model, as it says; all zero if it does not.
    aaguid: String,
    /// Whose model that is, if it is a well-known one.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'static str>,
    /// Whether it is synced between devices.
    synced: bool,
    /// Whether there is a copy of it now.
    backed_up: bool,
    /// Whether its model was attested and trusted.
    attested: bool,
}

impl From<methods::CredentialFacts> for Credential {
    fn from(facts: methods::CredentialFacts) -> Self {
        Self {
            kind: facts.kind.as_str(),
            aaguid: facts.aaguid.to_string(),
            provider: provider_name(facts.aaguid),
            synced: facts.backup_eligible,
            backed_up: facts.backup_state,
            attested: facts.attested,
        }
    }
}

impl From<methods::Method> for Method {
    fn from(method: methods::Method) -> Self {
        Self {
            id: method.id,
            kind: method.factor.as_str(),
            name: method.name,
            enabled: method.state == State::Active,
            state: method.state.as_str(),
            created_at: method.created_at.into(),
            last_used_at: method.last_used_at.map(Time::from),
            credential: method.credential.map(Credential::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nightlatch_core::{
        SecretText, Timestamp,
        proof::{Factor, Proofs},
    };
    use serde_json::{Value, json};

    use super::*;

    fn shown(view: impl Serialize) -> Value {
        serde_json::to_value(view).unwrap()
    }

    fn temp_token() -> SecretText {
        SecretText::new("nlt_x".to_owned())
    }

    fn method() -> methods::Method {
        methods::Method {
            id: MethodId::from_bytes([0; 16]),
            factor: Factor::Totp,
            name: "Phone".to_owned(),
            state: State::Disabled,
            created_at: Timestamp::from_seconds(0),
            last_used_at: None,
            credential: None,
        }
    }

    #[test]
    fn a_challenge_says_what_can_be_used() {
        let challenge = sign_in::Challenge {
            temp_token: temp_token(),
            factors: vec![Factor::Totp, Factor::BackupCode],
            methods: vec![method()],
            expires_in: Duration::from_mins(5),
        };
        assert_eq!(
            shown(SignIn::from(sign_in::SignIn::Challenge(challenge))),
            json!({
                "status": "mfa_required",
                "mfa_required": true,
                "temp_token": "nlt_x",
                "mfa_types": ["totp", "backup_code"],
                "methods": [
                    { "id": "mth_00000000000000000000000000", "type": "totp", "name": "Phone" },
                ],
                "preferred": "totp",
                "expires_in": 300,
            })
        );
    }

    #[test]
    fn an_enrolment_says_what_may_be_enrolled() {
        let required = sign_in::EnrollmentRequired {
            temp_token: temp_token(),
            allowed: vec![Factor::Totp],
            expires_in: Duration::from_mins(15),
        };
        assert_eq!(
            shown(SignIn::from(sign_in::SignIn::EnrollmentRequired(required))),
            json!({
                "status": "enrollment_required",
                "enrollment_required": true,
                "temp_token": "nlt_x",
                "allowed_types": ["totp"],
                "expires_in": 900,
            })
        );
    }

    #[test]
    fn a_method_is_enabled_while_it_is_active() {
        let view = shown(Method::from(method()));
        assert_eq!(view["enabled"], false);
        assert_eq!(view["state"], "disabled");
        assert_eq!(view["last_used_at"], Value::Null);
        let active = methods::Method { state: State::Active, ..method() };
        assert_eq!(shown(Method::from(active))["enabled"], true);
    }

    #[test]
    fn a_session_ends_at_the_earlier_of_its_two_limits() {
        let at = Timestamp::from_seconds;
        let session = |expires_at, idle_until| session::Session {
            id: SessionId::from_bytes([0; 16]),
            user: UserId::from_bytes([0; 16]),
            created_at: at(0),
            expires_at,
            idle_until,
            seen_at: at(0),
            proofs: Proofs::default(),
            secrets: 0,
            generation: 0,
            client: None,
            address: None,
        };
        assert_eq!(shown(expiry(&session(at(60), at(30)))), "1970-01-01T00:00:30Z");
        assert_eq!(shown(expiry(&session(at(60), at(90)))), "1970-01-01T00:01:00Z");
    }
}
