//! Assurance: what a set of proofs is worth (NIST SP 800-63B), as a pure function of the proofs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    proof::{Factor, Kind, Proof, Proofs},
};

/// How sure a session is. Ordered: a higher level satisfies every demand for a lower one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// One factor.
    Aal1,
    /// Two factors of different kinds, or one authenticator that proves two.
    Aal2,
    /// As `Aal2`, with an authenticator that cannot be phished.
    PhishingResistant,
    /// As `PhishingResistant`, bound to one device, attested and allowed by policy.
    Aal3,
}

impl Level {
    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
            Self::PhishingResistant => "phishing_resistant",
            Self::Aal3 => "aal3",
        }
    }

    /// The authentication context class reference in tokens (`acr`).
    #[must_use]
    pub fn acr(self) -> String {
        format!("urn:nightlatch:{}", self.as_str())
    }
}

/// How long a session lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// Without activity.
    pub idle: Duration,
    /// At most.
    pub absolute: Duration,
}

/// How long sessions last at each level; renewing one level never outlasts its own limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// One factor.
    pub aal1: Lifetime,
    /// Two factors, phishing-resistant or not.
    pub aal2: Lifetime,
    /// The highest level.
    pub aal3: Lifetime,
}

impl Lifetimes {
    /// The limits at `level`.
    #[must_use]
    pub const fn of(&self, level: Level) -> Lifetime {
        match level {
            Level::Aal1 => self.aal1,
            Level::Aal2 | Level::PhishingResistant => self.aal2,
            Level::Aal3 => self.aal3,
        }
    }
}

/// When each level above the first was last proved as a whole.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    /// When two factors of different kinds were complete.
    pub aal2: Option<Timestamp>,
}

impl Levels {
    /// When `level` was last proved; `first` is when the session was last authenticated at all.
    #[must_use]
    pub const fn at(&self, level: Level, first: Timestamp) -> Option<Timestamp> {
        match level {
            Level::Aal1 => Some(first),
            Level::Aal2 => self.aal2,
            // No factor that could prove these exists yet.
            Level::PhishingResistant | Level::Aal3 => None,
        }
    }
}

impl Proofs {
    /// When each level was last proved as a whole.
    ///
    /// A second level is as old as its proof of possession: presenting it again renews the level,
    /// presenting the password alone does not, and without both kinds there is no second level
    /// (docs/decisions/0002-age-of-a-level.md).
    #[must_use]
    pub fn levels(&self) -> Levels {
        let newest =
            |kind| self.iter().filter(|(factor, _)| factor.kind() == kind).map(|(_, at)| at).max();
        Levels { aal2: newest(Kind::Know).and_then(|_| newest(Kind::Have)) }
    }

    /// The highest level there is.
    #[must_use]
    pub fn level(&self) -> Level {
        if self.levels().aal2.is_some() { Level::Aal2 } else { Level::Aal1 }
    }

    /// Whether `proof`, which is one of these, proved the level anew that they make together.
    #[must_use]
    pub fn renewed(&self, proof: &Proof) -> bool {
        let renewing = match self.level() {
            Level::Aal1 => Kind::Know,
            Level::Aal2 | Level::PhishingResistant | Level::Aal3 => Kind::Have,
        };
        proof.factor().kind() == renewing
    }

    /// When the person last proved anything.
    #[must_use]
    pub fn authenticated_at(&self) -> Timestamp {
        self.iter().map(|(_, at)| at).max().unwrap_or_default()
    }

    /// Authentication method references (RFC 8176), private ones under `nl:`.
    #[must_use]
    pub fn amr(&self) -> Vec<&'static str> {
        let mut amr = Vec::new();
        for factor in Factor::ALL {
            if self.at(factor).is_some() {
                amr.extend_from_slice(match factor {
                    Factor::Password => &["pwd"][..],
                    Factor::Totp => &["otp"],
                    Factor::BackupCode => &["otp", "nl:lookup"],
                    Factor::Email => &["nl:email"],
                });
            }
        }
        if self.levels().aal2.is_some() {
            amr.push("mfa");
        }
        let mut seen = Vec::new();
        amr.retain(|name| {
            !seen.contains(name) && {
                seen.push(*name);
                true
            }
        });
        amr
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MethodId, UserId, proof::Evidence};

    fn proof(factor: Factor, second: i64) -> Proof {
        let evidence = match factor {
            Factor::Password => Evidence::Password,
            Factor::Totp => {
                Evidence::TotpStep { method: MethodId::from_bytes([1; 16]), step: 1, drift: 0 }
            }
            Factor::BackupCode => Evidence::RecoveryCode { set: [1; 16], number: 1 },
            Factor::Email => Evidence::Mail { id: [1; 16] },
        };
        let user = UserId::from_bytes([1; 16]);
        Proof::new(user, factor, Timestamp::from_seconds(second), evidence)
    }

    #[track_caller]
    fn check(proved: &[(Factor, i64)], aal2: Option<i64>, amr: &[&str]) {
        let proofs = proved
            .iter()
            .fold(Proofs::default(), |proofs, (factor, at)| proofs.with(&proof(*factor, *at)));
        assert_eq!(proofs.levels().aal2, aal2.map(Timestamp::from_seconds));
        assert_eq!(proofs.amr(), amr);
        assert_eq!(proofs.level() == Level::Aal2, aal2.is_some());
    }

    #[test]
    fn two_kinds_make_the_second_level() {
        use Factor::{BackupCode, Email, Password, Totp};
        check(&[(Password, 1)], None, &["pwd"]);
        check(&[(Totp, 1)], None, &["otp"]);
        check(&[(Totp, 1), (BackupCode, 2)], None, &["otp", "nl:lookup"]);
        check(&[(Password, 1), (Email, 2)], None, &["pwd", "nl:email"]);
        check(&[(Password, 1), (Totp, 2)], Some(2), &["pwd", "otp", "mfa"]);
        check(&[(Password, 1), (BackupCode, 2)], Some(2), &["pwd", "otp", "nl:lookup", "mfa"]);
    }

    #[test]
    fn only_possession_renews_the_second_level() {
        use Factor::{Password, Totp};
        check(&[(Password, 1), (Totp, 2), (Password, 90)], Some(2), &["pwd", "otp", "mfa"]);
        check(&[(Password, 1), (Totp, 2), (Totp, 90)], Some(90), &["pwd", "otp", "mfa"]);
    }

    #[test]
    fn a_period_begins_anew_only_with_the_factor_that_renews_the_level() {
        use Factor::{BackupCode, Email, Password, Totp};
        for (proved, last, renewed) in [
            (&[][..], Password, true),
            (&[Password][..], Email, false),
            (&[Password][..], Totp, true),
            (&[Password, Totp][..], Password, false),
            (&[Password, Totp][..], Email, false),
            (&[Password, Totp][..], BackupCode, true),
        ] {
            let last = proof(last, 9);
            let proofs = proved
                .iter()
                .fold(Proofs::default(), |proofs, factor| proofs.with(&proof(*factor, 1)))
                .with(&last);
            assert_eq!(proofs.renewed(&last), renewed, "{proved:?}");
        }
    }
}
