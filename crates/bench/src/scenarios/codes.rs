//! Codes: one durable verification each, and what comes of it.

use std::{rc::Rc, time::Duration};

use data_encoding::HEXLOWER;
use nightlatch_core::Timestamp;
use nightlatch_store::Engine;
use serde_json::{Value, json};

use super::{Bench, FEW, Sessions, Side, Stage, body};
use crate::{http::Request, now, people::Person, process::Served, report::Report};

/// People who are signed in with codes of one moment, so that no code grows old in the line.
const AT_ONCE: usize = 2_000;

impl Bench<'_> {
    /// A sign-in after the password, by the next person's code.
    pub(super) fn code(&self, right: bool, now: Timestamp) -> Request {
        let person = self.person();
        let step = person.step(&self.ring, now, self.nonce());
        // No app shows eight digits here, so that no guess is right by chance.
        let code = if right { person.code(now, 0) } else { "00000000".to_owned() };
        let body = json!({ "temp_token": step.expose(), "mfa_token": code });
        let request = Request::post("/auth/login/mfa", None, &body.to_string());
        if right { request } else { request.expecting(401) }
    }

    /// The same for a floor: ids in the place of a token, padded to its length.
    pub(super) fn row(&self, now: Timestamp) -> Request {
        let mut id = [0; 16];
        id[..6].copy_from_slice(&now.millis().to_be_bytes()[2..]);
        id[8..].copy_from_slice(&self.nonce().to_be_bytes());
        let ids = [self.person().id().as_bytes(), &id].map(|id| HEXLOWER.encode(id));
        let token = format!("{:0<230}", ids.concat());
        let step = now.seconds().div_euclid(30).to_string();
        let body = json!({ "temp_token": token, "mfa_token": step });
        Request::post("/auth/login/mfa", None, &body.to_string())
    }

    pub(super) fn codes<'s>(&'s self, served: &'s Served, right: bool) -> Side<'s> {
        let requests = move || {
            let now = now();
            (0..self.slice()).map(|_| self.code(right, now)).collect()
        };
        Side { renew: self.renewed(&self.place), ..Side::new(served, requests) }
    }

    pub(super) fn rows<'s>(&'s self, served: &'s Served) -> Side<'s> {
        let requests = move || {
            let now = now();
            (0..self.slice()).map(|_| self.row(now)).collect()
        };
        Side { renew: self.renewed(&self.copy), ..Side::new(served, requests) }
    }

    /// A request in every session, whose answer is what the session goes on with.
    fn onward<'s>(
        &'s self,
        served: &'s Served,
        sessions: Sessions,
        request: fn(&Value) -> Request,
    ) -> Side<'s> {
        let requests = move || {
            let count = sessions.borrow().len();
            (0..count).map(|at| again(&sessions, at, request)).collect()
        };
        Side { renew: self.renewed(&self.place), ..Side::new(served, requests) }
    }

    /// Signs people in; what each was answered.
    pub(super) async fn signed_in(&self, ours: &Served, count: usize) -> Result<Sessions, String> {
        let sessions = Sessions::default();
        loop {
            let had = sessions.borrow().len();
            if had >= count {
                return Ok(sessions);
            }
            let turns = had % self.slice();
            if let Some(place) = self.renewed(&self.place).filter(|_| turns == 0) {
                place.forget_codes().await?;
            }
            let some = (count - had).min(self.slice() - turns).min(AT_ONCE);
            let requests = || {
                let now = now();
                let keep = |_| {
                    let sessions = Rc::clone(&sessions);
                    self.code(true, now).then(move |answer| {
                        sessions.borrow_mut().push(body(answer)?);
                        Ok(None)
                    })
                };
                (0..some).map(keep).collect()
            };
            Side::new(ours, requests).round(32, Duration::from_mins(1)).await?;
        }
    }

    /// One durable verification of a code, and a session.
    pub(super) async fn sign_in(
        &self,
        on: &Stage,
        connections: usize,
        report: &mut Report,
    ) -> Result<(), String> {
        let target = if self.place.engine() == Engine::Sqlite { 0.8 } else { 0.7 };
        let floors =
            vec![("rows", self.rows(&on.rows), Some(target)), ("bare", self.rows(&on.bare), None)];
        self.duel("totp_sign_in", self.codes(&on.ours, true), floors, connections, report).await
    }

    /// What round trips cost: the floor's rows in one statement against the same in two.
    pub(super) async fn one_statement(
        &self,
        on: &Stage,
        connections: usize,
        report: &mut Report,
    ) -> Result<(), String> {
        let Some(one_statement) = &on.one_statement else { return Ok(()) };
        let floors = vec![("rows", self.rows(&on.rows), None)];
        let side = self.rows(one_statement);
        self.duel("totp_one_statement", side, floors, connections, report).await
    }

    /// A wrong code: counted, and written down.
    pub(super) async fn refused_code(
        &self,
        on: &Stage,
        connections: usize,
        report: &mut Report,
    ) -> Result<(), String> {
        let floors = vec![("rows", self.rows(&on.rows), None)];
        self.duel("refused_code", self.codes(&on.ours, false), floors, connections, report).await
    }

    /// A further code in a session.
    pub(super) async fn step_up(
        &self,
        on: &Stage,
        connections: usize,
        report: &mut Report,
    ) -> Result<(), String> {
        if !self.wants("totp_step_up") || self.people > FEW {
            return Ok(());
        }
        let sessions = self.signed_in(&on.ours, self.slice()).await?;
        let side = self.onward(&on.ours, sessions, further);
        let floors = vec![("rows", self.rows(&on.rows), None)];
        self.duel("totp_step_up", side, floors, connections, report).await
    }

    /// The next tokens for a refresh token.
    pub(super) async fn refresh(
        &self,
        on: &Stage,
        connections: usize,
        report: &mut Report,
    ) -> Result<(), String> {
        if !self.wants("refresh") {
            return Ok(());
        }
        let sessions = self.signed_in(&on.ours, self.slice()).await?;
        let side = self.onward(&on.ours, sessions, next);
        let floors = vec![("rows", self.rows(&on.rows), None)];
        self.duel("refresh", side, floors, connections, report).await
    }
}

/// A request in the session at `at`, whose answer is what the session goes on with.
pub(super) fn again(sessions: &Sessions, at: usize, request: fn(&Value) -> Request) -> Request {
    let kept = Rc::clone(sessions);
    request(&sessions.borrow()[at]).then(move |answer| {
        kept.borrow_mut()[at] = body(answer)?;
        Ok(None)
    })
}

/// A step-up in the session of this answer.
fn further(answer: &Value) -> Request {
    let user = answer.pointer("/session/user_id").and_then(Value::as_str);
    let person = user.and_then(|user| Person::with_id(user.parse().ok()?)).unwrap_or(Person(0));
    let token = answer["access_token"].as_str();
    let body = json!({ "method": "totp", "code": person.code(now(), 0) });
    Request::post("/auth/step-up", token, &body.to_string())
}

/// The next tokens of the session of this answer.
pub(super) fn next(answer: &Value) -> Request {
    let body = json!({ "refresh_token": answer["refresh_token"] });
    Request::post("/auth/refresh", None, &body.to_string())
}
