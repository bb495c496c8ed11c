//! What a person has enrolled, and what follows from it at sign-in.
//!
//! *Required* and *usable* are two questions. A method that was once confirmed and not removed by
//! its owner makes a second factor required, whatever became of it; only an active one that policy
//! allows is usable. Required and none usable is the way to recovery, never a session.

use nightlatch_webauthn::Aaguid;

use crate::{
    MethodId, Timestamp, assurance::Level, factors::webauthn::CredentialKind, proof::Factor,
};

/// What became of a confirmed method. A removed one has no row; a pending one is no method yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It can be used.
    Active,
    /// Too many wrong codes in a row.
    Disabled,
    /// Reported lost, or set aside by an administrator.
    Suspended,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Active, Self::Disabled, Self::Suspended];

    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Suspended => "suspended",
        }
    }

    /// The number that rows keep; never reused.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Active => 1,
            Self::Disabled => 2,
            Self::Suspended => 3,
        }
    }

    /// The state with this number.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }
}

/// One confirmed second factor of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method {
    /// Its identity.
    pub id: MethodId,
    /// Which factor it is.
    pub factor: Factor,
    /// The name its owner gave it.
    pub name: String,
    /// What became of it.
    pub state: State,
    /// When it was confirmed.
    pub created_at: Timestamp,
    /// When it last proved something.
    pub last_used_at: Option<Timestamp>,
    /// What its owner may want to know of it, if it is a passkey or a security key.
    pub credential: Option<CredentialFacts>,
}

/// What the owner of a passkey or security key sees of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CredentialFacts {
    /// As what it was enrolled.
    pub kind: CredentialKind,
    /// The authenticator's model, as it says.
    pub aaguid: Aaguid,
    /// Whether it is synced between devices.
    pub backup_eligible: bool,
    /// Whether a copy of it exists now.
    pub backup_state: bool,
    /// Whether its model was attested and trusted.
    pub attested: bool,
}

/// The types of second factors that policy allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed(pub Vec<Factor>);

impl Default for Allowed {
    fn default() -> Self {
        Self(vec![Factor::WebAuthn, Factor::Totp, Factor::BackupCode])
    }
}

impl Allowed {
    /// The types that a person can enrol as a method; recovery codes come with the first of them.
    #[must_use]
    pub fn enrollable(&self) -> Vec<Factor> {
        let method = |factor: &Factor| matches!(factor, Factor::WebAuthn | Factor::Totp);
        self.0.iter().copied().filter(method).collect()
    }
}

/// All that a sign-in has to know about an account's second factors.
#[derive(Debug, Clone, Default)]
pub struct Holding {
    /// The confirmed methods.
    pub methods: Vec<Method>,
    /// Recovery codes that are activated and not spent.
    pub codes_left: i64,
    /// Whether recovery codes were disabled by too many wrong ones.
    pub codes_disabled: bool,
}

/// Whether anyone demands a second factor of an account that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// Nobody does.
    None,
    /// Policy does, and the person may enrol one with the password alone.
    Enroll,
    /// Policy does, but the password alone must not be enough to enrol: an administrator without a
    /// bootstrap link or temporary pass.
    Vouched,
}

/// What follows after the first factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A session.
    Complete,
    /// A second factor, one of these; the strongest first.
    Challenge(Vec<Factor>),
    /// Enrolling a second factor.
    Enroll,
    /// Recovery.
    Recover,
}

impl Holding {
    /// Whether a second factor must be asked for.
    #[must_use]
    pub const fn required(&self) -> bool {
        !self.methods.is_empty()
    }

    /// Which factors could be asked for now, the strongest first.
    #[must_use]
    pub fn usable(&self, allowed: &Allowed) -> Vec<Factor> {
        let active = |factor| {
            self.methods
                .iter()
                .any(|method| method.factor == factor && method.state == State::Active)
        };
        let codes = self.required() && self.codes_left > 0 && !self.codes_disabled;
        Factor::ALL
            .into_iter()
            .filter(|factor| active(*factor) || (*factor == Factor::BackupCode && codes))
            .filter(|factor| allowed.0.contains(factor))
            .collect()
    }

    /// What follows after the right password.
    #[must_use]
    pub fn after_password(&self, allowed: &Allowed, demand: Demand) -> Next {
        if self.required() {
            let usable = self.usable(allowed);
            return if usable.is_empty() { Next::Recover } else { Next::Challenge(usable) };
        }
        match demand {
            Demand::None => Next::Complete,
            Demand::Enroll => Next::Enroll,
            Demand::Vouched => Next::Recover,
        }
    }

    /// The account's own level: what a change of its factors must be proved at. The highest that a
    /// method which can be used now can prove.
    #[must_use]
    pub fn own_level(&self, allowed: &Allowed) -> Level {
        if self.accepts(Factor::WebAuthn, allowed) {
            Level::PhishingResistant
        } else if self.required() {
            Level::Aal2
        } else {
            Level::Aal1
        }
    }

    /// Whether `factor` may be presented now.
    #[must_use]
    pub fn accepts(&self, factor: Factor, allowed: &Allowed) -> bool {
        self.usable(allowed).contains(&factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn method((factor, state): (Factor, State)) -> Method {
        Method {
            id: MethodId::from_bytes([1; 16]),
            factor,
            name: String::new(),
            state,
            created_at: Timestamp::default(),
            last_used_at: None,
            credential: None,
        }
    }

    fn holding() -> impl Strategy<Value = Holding> {
        let factor = prop::sample::select(vec![Factor::WebAuthn, Factor::Totp]);
        let state = prop::sample::select(State::ALL.to_vec());
        (prop::collection::vec((factor, state), 0..4), 0_i64..3, any::<bool>()).prop_map(
            |(methods, codes_left, codes_disabled)| Holding {
                methods: methods.into_iter().map(method).collect(),
                codes_left,
                codes_disabled,
            },
        )
    }

    fn allowed() -> impl Strategy<Value = Allowed> {
        prop::collection::vec(prop::sample::select(Factor::ALL.to_vec()), 0..4).prop_map(Allowed)
    }

    proptest! {
        /// The password alone completes a sign-in only where nothing was ever confirmed.
        #[test]
        fn enrolled_means_enforced(holding in holding(), allowed in allowed()) {
            for demand in [Demand::None, Demand::Enroll, Demand::Vouched] {
                let next = holding.after_password(&allowed, demand);
                let nothing = holding.methods.is_empty();
                prop_assert_eq!(next == Next::Complete, nothing && demand == Demand::None);
                prop_assert_eq!(next == Next::Enroll, nothing && demand == Demand::Enroll);
            }
        }

        /// Whatever is offered is active or a code that is left, and allowed.
        #[test]
        fn only_usable_factors_are_offered(holding in holding(), allowed in allowed()) {
            for factor in holding.usable(&allowed) {
                prop_assert!(allowed.0.contains(&factor));
                let usable = match factor {
                    Factor::WebAuthn | Factor::Totp => {
                        let mut methods = holding.methods.iter();
                        methods.any(|one| one.factor == factor && one.state == State::Active)
                    }
                    Factor::BackupCode => holding.codes_left > 0 && !holding.codes_disabled,
                    Factor::Password | Factor::Email => false,
                };
                prop_assert!(usable, "{factor:?} was offered");
            }
        }

        /// What an account's own level asks for can be proved by what it has, or by nothing.
        #[test]
        fn the_own_level_is_one_that_can_be_proved(holding in holding(), allowed in allowed()) {
            let level = holding.own_level(&allowed);
            let key = holding.usable(&allowed).contains(&Factor::WebAuthn);
            prop_assert_eq!(level == Level::PhishingResistant, key);
            prop_assert_eq!(level == Level::Aal1, holding.methods.is_empty());
        }
    }
}
