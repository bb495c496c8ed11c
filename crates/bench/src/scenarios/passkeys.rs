//! Passkeys: a whole sign-in, from the challenge to the session.

use super::{Bench, Side, Stage};
use crate::{http::Request, passkey, report::Report};

impl Bench<'_> {
    /// The next person's sign-in by their passkey, from whoever makes challenges.
    pub(super) fn passkey(&self) -> Request {
        let person = self.person();
        Request::post("/auth/passkey/options", None, "{}").then(move |options| {
            let body = passkey::answer(person, &options.body)?;
            let answer = Request::post("/auth/passkey", None, &body);
            Ok(Some(answer.then(|answer| {
                // A passkey that proves too little is a success, too: the password is asked for next.
                let complete = answer.body.starts_with(br#"{"status":"complete""#);
                let body = || String::from_utf8_lossy(&answer.body);
                if complete { Ok(None) } else { Err(format!("it is not complete: {}", body())) }
            })))
        })
    }

    /// A sign-in by a passkey: two calls, and one check of a signature.
    pub(super) async fn webauthn_sign_in(
        &self,
        on: &Stage,
        connections: usize,
        report: &mut Report,
    ) -> Result<(), String> {
        let requests = || (0..self.slice()).map(|_| self.passkey()).collect();
        let side = |served| Side { repeat: true, ..Side::new(served, requests) };
        let floors = vec![("rows", side(&on.rows), Some(0.75))];
        self.duel("webauthn_sign_in", side(&on.ours), floors, connections, report).await
    }
}
