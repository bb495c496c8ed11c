//! The gate in front of what is sensitive: how recently, and how well, a person must have proved who
//! they are.

use std::time::Duration;

use crate::{
    Timestamp,
    assurance::Level,
    methods::{Allowed, Holding},
    proof::{Factor, Proofs},
};

/// How recently control of the mailbox must have been shown before the first second factor is
/// enrolled, where that is asked for.
pub const MAILBOX_MAX_AGE: Duration = Duration::from_mins(15);

/// What a person has to prove before the gate opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Required {
    /// At which level.
    pub level: Level,
    /// How old the proof may be.
    pub max_age: Duration,
    /// By which factors, the strongest first.
    pub methods: Vec<Factor>,
}

/// What the gate is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What the session has proved.
    pub proofs: &'a Proofs,
    /// What the account has enrolled.
    pub holding: &'a Holding,
    /// What policy allows.
    pub allowed: &'a Allowed,
    /// How old a proof may be.
    pub max_age: Duration,
    /// Now.
    pub now: Timestamp,
}

impl Question<'_> {
    fn fresh(&self, at: Option<Timestamp>, max_age: Duration) -> bool {
        // A proof of the future is no proof: clocks of nodes differ by less than a step-up lasts.
        at.is_some_and(|at| at <= self.now && self.now.since(at) <= max_age)
    }

    /// Whether a change of the account's own factors may go on: a proof at the account's own level
    /// that is not older than `max_age`; for an account without a second factor, its password.
    ///
    /// # Errors
    ///
    /// What is [`Required`] instead.
    pub fn step_up(&self) -> Result<(), Required> {
        let level = self.holding.own_level(self.allowed);
        let (at, methods) = match level {
            Level::Aal1 => (self.proofs.at(Factor::Password), vec![Factor::Password]),
            Level::Aal2 | Level::PhishingResistant | Level::Aal3 => {
                let first = self.proofs.authenticated_at();
                let mut methods = self.holding.usable(self.allowed);
                methods.retain(|factor| level == Level::Aal2 || *factor == Factor::WebAuthn);
                (self.proofs.levels().at(level, first), methods)
            }
        };
        if self.fresh(at, self.max_age) {
            return Ok(());
        }
        Err(Required { level, max_age: self.max_age, methods })
    }

    /// As [`Question::step_up`]; where `mailbox` is asked for, the first second factor of an account
    /// needs control of the mailbox as well, so that a stolen password alone cannot enrol one.
    ///
    /// # Errors
    ///
    /// What is [`Required`] instead.
    pub fn enrol(&self, mailbox: bool) -> Result<(), Required> {
        self.step_up()?;
        let first = !self.holding.required();
        if !first || !mailbox || self.fresh(self.proofs.at(Factor::Email), MAILBOX_MAX_AGE) {
            return Ok(());
        }
        let methods = vec![Factor::Email];
        Err(Required { level: Level::Aal1, max_age: MAILBOX_MAX_AGE, methods })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        MethodId, UserId,
        methods::{Method, State},
        proof::{Evidence, Proof},
    };

    const MAX_AGE: Duration = Duration::from_mins(5);

    fn proofs(proved: &[(Factor, i64)]) -> Proofs {
        proved.iter().fold(Proofs::default(), |proofs, (factor, second)| {
            let (user, at) = (UserId::from_bytes([1; 16]), Timestamp::from_seconds(*second));
            proofs.with(&Proof::new(user, *factor, at, Evidence::Password))
        })
    }

    fn enrolled(state: State) -> Holding {
        let method = Method {
            id: MethodId::from_bytes([1; 16]),
            factor: Factor::Totp,
            name: String::new(),
            state,
            created_at: Timestamp::default(),
            last_used_at: None,
            credential: None,
        };
        Holding { methods: vec![method], ..Holding::default() }
    }

    #[track_caller]
    fn check(proved: &[(Factor, i64)], holding: &Holding, now: i64, open: bool) {
        let (proofs, allowed) = (proofs(proved), Allowed::default());
        let now = Timestamp::from_seconds(now);
        let question =
            Question { proofs: &proofs, holding, allowed: &allowed, max_age: MAX_AGE, now };
        assert_eq!(question.step_up().is_ok(), open);
    }

    #[test]
    fn the_accounts_own_level_must_be_fresh() {
        use Factor::{Password, Totp};
        let none = Holding::default();
        check(&[(Password, 100)], &none, 400, true);
        check(&[(Password, 100)], &none, 401, false);
        check(&[(Password, 100)], &none, 99, false);

        for state in State::ALL {
            let holding = enrolled(state);
            check(&[(Password, 100)], &holding, 101, false);
            check(&[(Password, 100), (Totp, 100)], &holding, 400, true);
            check(&[(Password, 100), (Totp, 100)], &holding, 401, false);
            check(&[(Password, 400), (Totp, 100)], &holding, 401, false);
            check(&[(Password, 100), (Totp, 400)], &holding, 401, true);
        }
    }

    #[test]
    fn the_first_enrolment_may_need_the_mailbox() {
        use Factor::{Email, Password};
        let (holding, allowed) = (Holding::default(), Allowed::default());
        let ask = |proved: &[(Factor, i64)], now| {
            let proofs = proofs(proved);
            let now = Timestamp::from_seconds(now);
            Question {
                proofs: &proofs,
                holding: &holding,
                allowed: &allowed,
                max_age: MAX_AGE,
                now,
            }
            .enrol(true)
        };
        assert!(ask(&[(Password, 0), (Email, 0)], 300).is_ok());
        assert_eq!(ask(&[(Password, 0)], 1).unwrap_err().methods, [Email]);
        assert_eq!(ask(&[(Password, 900), (Email, 0)], 901).unwrap_err().methods, [Email]);
        assert_eq!(ask(&[(Password, 0), (Email, 0)], 301).unwrap_err().methods, [Password]);
    }
}
