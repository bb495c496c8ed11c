//! Calls that write nothing.

use serde_json::Value;

use super::{Bench, Sessions, Side, Stage};
use crate::{http::Request, report::Report};

/// Sessions whose tokens are warm.
pub(super) const WARM: usize = 200;

/// Sessions of a round whose tokens are cold.
const COLD: usize = 10_000;

impl Bench<'_> {
    /// Who is signed in, with a token that the server has seen before.
    pub(super) async fn session_warm(
        &self,
        on: &Stage,
        connections: usize,
        report: &mut Report,
    ) -> Result<(), String> {
        if !self.wants("session_warm") {
            return Ok(());
        }
        let sessions = self.signed_in(&on.ours, WARM).await?;
        let calls = || each(&sessions);
        let side = |served| Side { repeat: true, ..Side::new(served, calls) };
        let floors = vec![("bare", side(&on.bare), Some(0.8))];
        self.duel("session_warm", side(&on.ours), floors, connections, report).await
    }

    /// The same with tokens that it has not seen: each once after its sign-in.
    pub(super) async fn session_cold(
        &self,
        on: &Stage,
        connections: usize,
        report: &mut Report,
    ) -> Result<(), String> {
        const NAME: &str = "session_cold";
        if !self.wants(NAME) {
            return Ok(());
        }
        let count = COLD.min(10 * self.slice());
        let limit = self.plan.limit;
        let mut rounds = Vec::new();
        for _ in 0..self.plan.rounds {
            let sessions = self.signed_in(&on.ours, count).await?;
            let side = |served| Side::new(served, || each(&sessions));
            let ours = side(&on.ours).round(connections, limit).await?;
            let floor = Side { repeat: true, ..side(&on.bare) }.round(connections, limit).await?;
            rounds.push((ours.into(), floor.into()));
        }
        report.add(self.measured(NAME, connections, "bare", None, &rounds));
        Ok(())
    }

    /// Nobody, and somebody with a token that is none.
    pub(super) async fn unauthenticated(
        &self,
        on: &Stage,
        connections: usize,
        report: &mut Report,
    ) -> Result<(), String> {
        let made_up = format!("eyJ{}.eyJ{}.{}", "a".repeat(90), "b".repeat(600), "c".repeat(86));
        for (name, token) in [("unauthenticated", None), ("refused_token", Some(made_up))] {
            let token = token.as_deref();
            let call = |status| vec![Request::get("/auth/session", token).expecting(status)];
            let side =
                |served, status| Side { repeat: true, ..Side::new(served, move || call(status)) };
            let floors = vec![("bare", side(&on.bare, 200), Some(0.8))];
            self.duel(name, side(&on.ours, 401), floors, connections, report).await?;
        }
        Ok(())
    }
}

/// A call in every session.
fn each(sessions: &Sessions) -> Vec<Request> {
    sessions.borrow().iter().map(|session| call("/auth/session", session)).collect()
}

/// A call in the session of this answer.
pub(super) fn call(path: &str, answer: &Value) -> Request {
    Request::get(path, answer["access_token"].as_str())
}
