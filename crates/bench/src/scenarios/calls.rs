//! Calls that write nothing.

use super::{Bench, Side};
use crate::{http::Request, process::Served, report::Report};

/// Sessions whose tokens are warm.
const WARM: usize = 200;

impl Bench<'_> {
    /// Who is signed in, with a token that the server has seen before.
    pub(super) async fn session(
        &self,
        ours: &Served,
        bare: &Served,
        connections: usize,
        report: &mut Report,
    ) -> Result<(), String> {
        if !self.wants("session_warm") {
            return Ok(());
        }
        let answers = self.signed_in(ours, WARM).await?;
        let tokens: Vec<_> =
            answers.iter().filter_map(|answer| answer["access_token"].as_str()).collect();
        let calls = || tokens.iter().map(|token| Request::get("/auth/session", Some(token)));
        let side = |served| Side { repeat: true, ..Side::new(served, || calls().collect()) };
        let floors = vec![("bare", side(bare), Some(0.8))];
        self.duel("session_warm", side(ours), floors, connections, report).await
    }

    /// Nobody, and somebody with a token that is none.
    pub(super) async fn unauthenticated(
        &self,
        ours: &Served,
        bare: &Served,
        connections: usize,
        report: &mut Report,
    ) -> Result<(), String> {
        let made_up = format!("eyJ{}.eyJ{}.{}", "a".repeat(90), "b".repeat(600), "c".repeat(86));
        for (name, token) in [("unauthenticated", None), ("refused_token", Some(made_up))] {
            let call = || vec![Request::get("/auth/session", token.as_deref())];
            let side = |served, status| Side { repeat: true, status, ..Side::new(served, call) };
            let floors = vec![("bare", side(bare, 200), Some(0.8))];
            self.duel(name, side(ours, 401), floors, connections, report).await?;
        }
        Ok(())
    }
}
