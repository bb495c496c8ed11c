//! Assurance: what a set of proofs is worth (NIST SP 800-63B), as a pure function of the proofs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    proof::{Authenticator, Factor, Kind, Proof, Proofs},
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
    /// When they were, with an authenticator that cannot be phished among them.
    pub phishing_resistant: Option<Timestamp>,
    /// When they were, with one that is bound to its device, attested and allowed.
    pub aal3: Option<Timestamp>,
}

impl Levels {
    /// When `level` was last proved; `first` is when the session was last authenticated at all.
    #[must_use]
    pub const fn at(&self, level: Level, first: Timestamp) -> Option<Timestamp> {
        match level {
            Level::Aal1 => Some(first),
            Level::Aal2 => self.aal2,
            Level::PhishingResistant => self.phishing_resistant,
            Level::Aal3 => self.aal3,
        }
    }
}

impl Proofs {
    /// Whether these proofs, of a sign-in that is not complete, are completed by `factor`: something
    /// known by something one has, and the other way round; never by another of the same kind.
    #[must_use]
    pub fn are_completed_by(&self, factor: Factor) -> bool {
        let knows = self.iter().any(|(factor, _)| factor.kind() == Kind::Know);
        factor.kind() == if knows { Kind::Have } else { Kind::Know }
    }

    /// When each level was last proved as a whole.
    ///
    /// A second level is as old as its proof of possession: presenting it again renews the level,
    /// presenting the password alone does not, and without both kinds there is no second level
    /// (docs/decisions/0002-age-of-a-level.md). An authenticator that verified the person brings both.
    #[must_use]
    pub fn levels(&self) -> Levels {
        let verified = self.authenticators().any(|(shown, _)| shown.user_verified);
        let knows = self.iter().any(|(factor, _)| factor.kind() == Kind::Know);
        if !verified && !knows {
            return Levels::default();
        }
        let has = self.iter().filter(|(factor, _)| factor.kind() == Kind::Have);
        // What another authenticator says that it verified is not good enough for the highest level.
        let bound = self.authenticators().filter(|(shown, _)| {
            shown.device_bound && shown.attested && (knows || shown.user_verified)
        });
        Levels {
            aal2: has.map(|(_, at)| at).max(),
            phishing_resistant: self.authenticators().map(|(_, at)| at).max(),
            aal3: bound.map(|(_, at)| at).max(),
        }
    }

    /// The highest level there is.
    #[must_use]
    pub fn level(&self) -> Level {
        let levels = self.levels();
        [
            (Level::Aal3, levels.aal3),
            (Level::PhishingResistant, levels.phishing_resistant),
            (Level::Aal2, levels.aal2),
        ]
        .into_iter()
        .find_map(|(level, at)| at.map(|_| level))
        .unwrap_or(Level::Aal1)
    }

    /// Whether `proof`, which is one of these, proved the level anew that they make together.
    #[must_use]
    pub fn renewed(&self, proof: &Proof) -> bool {
        match self.level() {
            Level::Aal1 => proof.factor().kind() == Kind::Know,
            level @ (Level::Aal2 | Level::PhishingResistant | Level::Aal3) => {
                let have = proof.factor().kind() == Kind::Have;
                have && self.levels().at(level, self.authenticated_at()) == Some(proof.at())
            }
        }
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
        for factor in Factor::ALL.into_iter().filter(|factor| self.at(*factor).is_some()) {
            match factor {
                Factor::Password => amr.push("pwd"),
                Factor::Totp => amr.push("otp"),
                Factor::BackupCode => amr.extend(["otp", "nl:lookup"]),
                Factor::Email => amr.push("nl:email"),
                Factor::WebAuthn => {
                    // Only an attested key is known to be in hardware (RFC 8176 §2).
                    let hard = |shown: Authenticator| shown.device_bound && shown.attested;
                    let key = |(shown, _)| if hard(shown) { "hwk" } else { "swk" };
                    amr.extend(self.authenticators().map(key));
                    amr.push("user");
                }
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

    const PLAIN: Authenticator =
        Authenticator { user_verified: false, device_bound: true, attested: false };
    const SYNCED: Authenticator =
        Authenticator { user_verified: true, device_bound: false, attested: false };
    const HIGHEST: Authenticator =
        Authenticator { user_verified: true, device_bound: true, attested: true };

    /// A proof at a second: of a factor with a code or none, or of an authenticator.
    #[derive(Debug, Clone, Copy)]
    enum Proved {
        Of(Factor, i64),
        By(Authenticator, i64),
    }
    use Factor::{BackupCode, Email, Password, Totp};
    use Proved::{By, Of};

    fn proof(proved: Proved) -> Proof {
        let (user, method) = (UserId::from_bytes([1; 16]), MethodId::from_bytes([1; 16]));
        match proved {
            Of(factor, second) => {
                Proof::new(user, factor, Timestamp::from_seconds(second), Evidence::Password)
            }
            By(authenticator, second) => {
                let evidence = Evidence::Registration { ceremony: [1; 16], method };
                let at = Timestamp::from_seconds(second);
                Proof::by_authenticator(user, authenticator, at, evidence)
            }
        }
    }

    fn proofs(proved: &[Proved]) -> Proofs {
        proved.iter().fold(Proofs::default(), |proofs, one| proofs.with(&proof(*one)))
    }

    /// The seconds at which the levels above the first were proved.
    #[track_caller]
    fn check(proved: &[Proved], levels: [Option<i64>; 3], amr: &[&str]) {
        let proofs = proofs(proved);
        let Levels { aal2, phishing_resistant, aal3 } = proofs.levels();
        let expected = levels.map(|second| second.map(Timestamp::from_seconds));
        assert_eq!([aal2, phishing_resistant, aal3], expected, "{proved:?}");
        assert_eq!(proofs.amr(), amr);
        let highest = match levels {
            [None, ..] => Level::Aal1,
            [_, None, _] => Level::Aal2,
            [_, _, None] => Level::PhishingResistant,
            [_, _, Some(_)] => Level::Aal3,
        };
        assert_eq!(proofs.level(), highest);
    }

    #[test]
    fn two_kinds_make_the_second_level() {
        check(&[Of(Password, 1)], [None; 3], &["pwd"]);
        check(&[Of(Totp, 1)], [None; 3], &["otp"]);
        check(&[Of(Totp, 1), Of(BackupCode, 2)], [None; 3], &["otp", "nl:lookup"]);
        check(&[Of(Password, 1), Of(Email, 2)], [None; 3], &["pwd", "nl:email"]);
        check(&[Of(Password, 1), Of(Totp, 2)], [Some(2), None, None], &["pwd", "otp", "mfa"]);
        check(
            &[Of(Password, 1), Of(BackupCode, 2)],
            [Some(2), None, None],
            &["pwd", "otp", "nl:lookup", "mfa"],
        );
    }

    #[test]
    fn an_authenticator_decides_by_what_it_showed() {
        check(&[By(PLAIN, 1)], [None; 3], &["swk", "user"]);
        check(&[By(PLAIN, 1), Of(Totp, 2)], [None; 3], &["swk", "user", "otp"]);
        check(
            &[By(PLAIN, 1), Of(BackupCode, 2), Of(Email, 3)],
            [None; 3],
            &["swk", "user", "otp", "nl:lookup", "nl:email"],
        );
        let pwd = ["pwd", "swk", "user", "mfa"];
        check(&[By(PLAIN, 1), Of(Password, 2)], [Some(1), Some(1), None], &pwd);
        check(&[By(SYNCED, 1)], [Some(1), Some(1), None], &["swk", "user", "mfa"]);
        check(&[By(HIGHEST, 1)], [Some(1); 3], &["hwk", "user", "mfa"]);
        let touched = Authenticator { user_verified: false, ..HIGHEST };
        check(&[By(touched, 1)], [None; 3], &["hwk", "user"]);
        check(&[Of(Password, 1), By(touched, 2)], [Some(2); 3], &["pwd", "hwk", "user", "mfa"]);
        for short in [
            Authenticator { device_bound: false, ..HIGHEST },
            Authenticator { attested: false, ..HIGHEST },
        ] {
            check(&[By(short, 1)], [Some(1), Some(1), None], &["swk", "user", "mfa"]);
        }
    }

    #[test]
    fn a_sign_in_is_completed_by_another_kind() {
        for (proved, completed_by) in [
            (Of(Password, 1), [false, true, true, true, false]),
            (By(PLAIN, 1), [true, false, false, false, false]),
        ] {
            let by = Factor::ALL.map(|factor| proofs(&[proved]).are_completed_by(factor));
            assert_eq!(by, completed_by, "{proved:?}");
        }
    }

    #[test]
    fn each_level_is_as_old_as_the_possession_that_it_needs() {
        check(
            &[Of(Password, 1), Of(Totp, 2), Of(Password, 90)],
            [Some(2), None, None],
            &["pwd", "otp", "mfa"],
        );
        check(
            &[Of(Password, 1), Of(Totp, 2), Of(Totp, 90)],
            [Some(90), None, None],
            &["pwd", "otp", "mfa"],
        );
        // A code renews the second level of a session that a passkey opened, and no higher one.
        let all = ["swk", "user", "otp", "mfa"];
        check(&[By(SYNCED, 1), Of(Totp, 90)], [Some(90), Some(1), None], &all);
        // The highest level takes no other authenticator's word for who was there.
        let touched = Authenticator { user_verified: false, ..HIGHEST };
        let two = ["swk", "hwk", "user", "mfa"];
        check(&[By(SYNCED, 1), By(touched, 2)], [Some(2), Some(2), None], &two);
        // Touching a plain key does not undo what a better one showed.
        let both = ["hwk", "swk", "user", "mfa"];
        check(&[By(HIGHEST, 1), By(PLAIN, 90)], [Some(90), Some(90), Some(1)], &both);
    }

    #[test]
    fn a_period_begins_anew_only_with_the_factor_that_renews_the_level() {
        for (proved, last, renewed) in [
            (&[][..], Of(Password, 9), true),
            (&[Of(Password, 1)][..], Of(Email, 9), false),
            (&[Of(Password, 1)][..], Of(Totp, 9), true),
            (&[Of(Password, 1), Of(Totp, 1)][..], Of(Password, 9), false),
            (&[Of(Password, 1), Of(Totp, 1)][..], Of(Email, 9), false),
            (&[Of(Password, 1), Of(Totp, 1)][..], Of(BackupCode, 9), true),
            (&[Of(Password, 1), Of(Totp, 1)][..], By(PLAIN, 9), true),
            (&[By(SYNCED, 1)][..], Of(Totp, 9), false),
            (&[By(SYNCED, 1)][..], Of(Password, 9), false),
            (&[By(SYNCED, 1)][..], By(SYNCED, 9), true),
            (&[By(HIGHEST, 1)][..], By(SYNCED, 9), false),
        ] {
            let proofs = proofs(proved).with(&proof(last));
            assert_eq!(proofs.renewed(&proof(last)), renewed, "{proved:?} {last:?}");
        }
    }
}
