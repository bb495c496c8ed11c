//! What callers were told, all of them together, and what of it turned out to be untrue.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use reqwest::Method;
use serde_json::Value;
use tokio::time::Instant;

use crate::{app::Reply, end_to_end::caller::Caller};

/// Something that can be asked for again, to the letter.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) bearer: Option<String>,
    pub(crate) body: Value,
    /// The one-time things that it spends: each may be granted once in all of time.
    pub(crate) spends: Vec<String>,
}

impl Call {
    /// `POST`; with `Value::Null`, without a body.
    pub(crate) fn post(path: &str, bearer: Option<&str>, body: Value) -> Self {
        let (path, bearer) = (path.to_owned(), bearer.map(str::to_owned));
        Self { method: Method::POST, path, bearer, body, spends: Vec::new() }
    }

    /// `GET`.
    pub(crate) fn get(path: &str, bearer: &str) -> Self {
        Self { method: Method::GET, ..Self::post(path, Some(bearer), Value::Null) }
    }

    /// `DELETE`.
    pub(crate) fn delete(path: &str, bearer: &str) -> Self {
        Self { method: Method::DELETE, ..Self::post(path, Some(bearer), Value::Null) }
    }

    /// With success, the one-time `thing` is spent.
    pub(crate) fn spending(mut self, kind: &str, thing: &str) -> Self {
        self.spends.push(format!("{kind} {thing}"));
        self
    }
}

/// The books of a whole run.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<Books>);

#[derive(Default)]
struct Books {
    requests: u64,
    acknowledged: u64,
    refused: u64,
    unknown: u64,
    granted: HashMap<String, u32>,
    flaws: Vec<String>,
    longest: Duration,
}

impl Ledger {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap()
    }

    /// How many requests were begun.
    pub(crate) fn requests(&self) -> u64 {
        self.books().requests
    }

    /// The longest time that a caller waited, whether for an answer or for none.
    pub(crate) fn longest(&self) -> Duration {
        self.books().longest
    }

    /// Makes a call and notes what its caller was told: `None` if that is nothing, because the
    /// connection broke or the server does not know either.
    pub(crate) async fn call(&self, caller: &Caller, call: &Call) -> Option<Reply> {
        self.books().requests += 1;
        let begun = Instant::now();
        let answer =
            caller.try_call(call.method.clone(), &call.path, call.bearer.as_deref(), &call.body);
        let answer = answer.await.ok();
        let mut books = self.books();
        books.longest = books.longest.max(begun.elapsed());
        match answer {
            Some(reply) if reply.status.is_success() => {
                books.acknowledged += 1;
                for thing in &call.spends {
                    let times = books.granted.entry(thing.clone()).or_default();
                    *times += 1;
                    if *times > 1 {
                        let flaw = format!("granted {times} times: {thing}");
                        books.flaws.push(flaw);
                    }
                }
                Some(reply)
            }
            Some(reply) if reply.status.is_client_error() => {
                books.refused += 1;
                Some(reply)
            }
            Some(reply) => {
                books.unknown += 1;
                if reply.status != 503 || !reply.headers.contains_key("retry-after") {
                    books
                        .flaws
                        .push(format!("{} answered {}: {}", call.path, reply.status, reply.text));
                }
                None
            }
            None => {
                books.unknown += 1;
                None
            }
        }
    }

    /// Something that is not as callers were told.
    pub(crate) fn flaw(&self, flaw: String) {
        self.books().flaws.push(flaw);
    }

    /// Insists that everything is as callers were told.
    #[track_caller]
    pub(crate) fn assert_true(&self) {
        let flaws = self.books().flaws.join("\n");
        assert!(flaws.is_empty(), "{self}\n{flaws}");
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let books = self.books();
        let twice = books.granted.values().filter(|times| **times > 1).count();
        let lost = books.flaws.iter().filter(|flaw| flaw.starts_with("lost")).count();
        write!(
            f,
            "requests {}, acknowledged {}, refused {}, unknown {}, one-time things granted {}, \
             granted twice {twice}, lost {lost}, other flaws {}, longest request {:.1} s",
            books.requests,
            books.acknowledged,
            books.refused,
            books.unknown,
            books.granted.len(),
            books.flaws.len() - twice - lost,
            books.longest.as_secs_f64(),
        )
    }
}
