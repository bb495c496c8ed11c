//! Codes: one durable verification each.

use std::{cell::RefCell, rc::Rc, time::Duration};

use data_encoding::HEXLOWER;
use nightlatch_store::Engine;
use serde_json::{Value, json};

use super::{Bench, FEW, Side};
use crate::{http::Request, now, people::Person, process::Served, report::Report};

impl Bench<'_> {
    /// Sign-ins after the password, each by the next person's code.
    pub(super) fn codes(&self, right: bool) -> Vec<Request> {
        let now = now();
        // No app shows eight digits here, so that no guess is right by chance.
        let wrong = (!right).then(|| "00000000".to_owned());
        let code = |person: Person| wrong.clone().unwrap_or_else(|| person.code(now, 0));
        let request = |_| {
            let person = self.person();
            let step = person.step(&self.ring, now, self.nonce());
            let body = json!({ "temp_token": step.expose(), "mfa_token": code(person) });
            Request::post("/auth/login/mfa", None, &body.to_string())
        };
        (0..self.slice()).map(request).collect()
    }

    /// The same for a floor: ids in the place of a token, padded to its length.
    pub(super) fn rows(&self) -> Vec<Request> {
        let now = now();
        let request = |_| {
            let person = self.person();
            let mut id = [0; 16];
            id[..6].copy_from_slice(&now.millis().to_be_bytes()[2..]);
            id[8..].copy_from_slice(&self.nonce().to_be_bytes());
            let ids = [person.id().as_bytes(), person.method().as_bytes(), &id]
                .map(|id| HEXLOWER.encode(id));
            let token = format!("{:0<230}", ids.concat());
            let step = now.seconds().div_euclid(30).to_string();
            let body = json!({ "temp_token": token, "mfa_token": step });
            Request::post("/auth/login/mfa", None, &body.to_string())
        };
        (0..self.slice()).map(request).collect()
    }

    pub(super) fn ours<'s>(&'s self, served: &'s Served, status: u16, right: bool) -> Side<'s> {
        let renew = self.renewed(&self.place);
        Side { status, renew, ..Side::new(served, move || self.codes(right)) }
    }

    pub(super) fn floor<'s>(&'s self, served: &'s Served) -> Side<'s> {
        Side { renew: self.renewed(&self.copy), ..Side::new(served, || self.rows()) }
    }

    /// A request in every session that the requests before have left.
    fn onward<'s>(
        &'s self,
        served: &'s Served,
        sessions: Vec<Value>,
        request: fn(&Value) -> Request,
    ) -> Side<'s> {
        let kept = Rc::new(RefCell::new(sessions));
        let next = Rc::clone(&kept);
        let requests = move || next.take().iter().map(request).collect();
        Side { renew: self.renewed(&self.place), keep: Some(kept), ..Side::new(served, requests) }
    }

    /// One durable verification of a code, and a session.
    pub(super) async fn sign_in(
        &self,
        ours: &Served,
        floors: &[(&'static str, &Served)],
        connections: usize,
        report: &mut Report,
    ) -> Result<(), String> {
        let rows = if self.place.engine() == Engine::Sqlite { 0.8 } else { 0.7 };
        let floors: Vec<_> = floors
            .iter()
            .map(|(name, served)| {
                let target = if *name == "rows" { Some(rows) } else { None };
                (*name, self.floor(served), target)
            })
            .collect();
        self.duel("totp_sign_in", self.ours(ours, 200, true), floors, connections, report).await
    }

    /// A wrong code: counted, and written down.
    pub(super) async fn refused_code(
        &self,
        ours: &Served,
        rows: &Served,
        connections: usize,
        report: &mut Report,
    ) -> Result<(), String> {
        let floors = vec![("rows", self.floor(rows), None)];
        // Whoever types wrong codes again and again has to wait, so everybody does so once.
        if self.people <= FEW {
            return Ok(());
        }
        self.duel("refused_code", self.ours(ours, 401, false), floors, connections, report).await
    }

    /// Signs people in; what each was answered.
    pub(super) async fn signed_in(
        &self,
        ours: &Served,
        count: usize,
    ) -> Result<Vec<Value>, String> {
        let kept = Rc::new(RefCell::new(Vec::new()));
        let side = Side {
            requests: Box::new(|| self.codes(true).into_iter().take(count).collect()),
            keep: Some(Rc::clone(&kept)),
            renew: None,
            ..self.ours(ours, 200, true)
        };
        if let Some(place) = self.renewed(&self.place) {
            place.forget_codes().await?;
        }
        side.round(32, Duration::from_mins(1)).await?;
        Ok(kept.take())
    }

    /// A further code in a session.
    pub(super) async fn step_up(
        &self,
        ours: &Served,
        rows: &Served,
        connections: usize,
        report: &mut Report,
    ) -> Result<(), String> {
        if !self.wants("totp_step_up") || self.people > FEW {
            return Ok(());
        }
        let sessions = self.signed_in(ours, self.slice()).await?;
        let side = self.onward(ours, sessions, further);
        let floors = vec![("rows", self.floor(rows), None)];
        self.duel("totp_step_up", side, floors, connections, report).await
    }

    /// The next tokens for a refresh token.
    pub(super) async fn refresh(
        &self,
        ours: &Served,
        rows: &Served,
        connections: usize,
        report: &mut Report,
    ) -> Result<(), String> {
        if !self.wants("refresh") {
            return Ok(());
        }
        let sessions = self.signed_in(ours, self.slice()).await?;
        let side = self.onward(ours, sessions, next);
        let floors = vec![("rows", self.floor(rows), None)];
        self.duel("refresh", side, floors, connections, report).await
    }
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
fn next(answer: &Value) -> Request {
    let body = json!({ "refresh_token": answer["refresh_token"] });
    Request::post("/auth/refresh", None, &body.to_string())
}
