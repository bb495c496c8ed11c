//! Passwords, and what they do to others.

use serde_json::json;

use super::{Bench, Side, Stage};
use crate::{
    http::Request,
    people::PASSWORD,
    process::Served,
    report::{Report, Round},
};

impl Bench<'_> {
    pub(super) fn passwords<'s>(&'s self, served: &'s Served) -> Side<'s> {
        let request = |_| {
            let body = json!({ "email": self.person().email(), "password": PASSWORD });
            Request::post("/auth/login", None, &body.to_string())
        };
        Side::new(served, move || (0..self.slice().min(2_000)).map(request).collect())
    }

    /// The right password of somebody who has a second factor.
    pub(super) async fn password(&self, on: &Stage, report: &mut Report) -> Result<(), String> {
        let floors = vec![("argon2", self.passwords(&on.argon2), Some(0.95))];
        self.duel("password", self.passwords(&on.ours), floors, 32, report).await
    }

    /// Codes while passwords flood in, against codes alone.
    pub(super) async fn flood(&self, on: &Stage, report: &mut Report) -> Result<(), String> {
        const NAME: &str = "totp_in_a_flood";
        if !self.wants(NAME) {
            return Ok(());
        }
        let (codes, passwords) = (self.codes(&on.ours, true), self.passwords(&on.ours));
        let limit = self.plan.limit;
        let mut rounds = Vec::new();
        for _ in 0..self.plan.rounds {
            let alone: Round = codes.round(32, limit).await?.into();
            let (flooded, flood) = tokio::join!(codes.round(32, limit), passwords.round(32, limit));
            flood?;
            rounds.push((Round::from(flooded?), alone));
        }
        report.add(self.measured(NAME, 32, "alone", Some(0.5), &rounds));
        Ok(())
    }
}
