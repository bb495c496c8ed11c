//! Makes calls, and remembers every secret that passes and everything that is refused or kept.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    app::{App, Reply},
    calls::Call,
    database::dump,
};

/// Members of bodies that are no secrets.
const PUBLIC: [&str; 9] = [
    "attachment",
    "audience",
    "email",
    "generated_at",
    "kind",
    "locale",
    "method",
    "method_id",
    "name",
];

/// Members of answers that are secrets.
const SECRET: [&str; 10] = [
    "access_token",
    "backup_codes",
    "challenge_token",
    "device_token",
    "otpauth_uri",
    "recovery_codes",
    "refresh_token",
    "registration_token",
    "secret",
    "temp_token",
];

pub(super) struct Witness<'a> {
    pub(super) app: &'a App,
    /// Each secret under where it was first seen.
    pub(super) secrets: BTreeMap<String, String>,
    /// The bodies of all refusals.
    pub(super) problems: String,
    rows: BTreeSet<String>,
    seen: BTreeSet<(String, String)>,
}

impl<'a> Witness<'a> {
    pub(super) const fn new(app: &'a App) -> Self {
        Self {
            app,
            secrets: BTreeMap::new(),
            problems: String::new(),
            rows: BTreeSet::new(),
            seen: BTreeSet::new(),
        }
    }

    /// Calls, and looks at what was sent, answered and kept.
    pub(super) async fn call(
        &mut self,
        method: &str,
        path: &str,
        bearer: Option<&str>,
        body: Value,
    ) -> Reply {
        let what = format!("{method} {path} ({})", self.seen.len());
        self.learn(&what, &body, true);
        let reply = self.app.call(method, path, bearer, body).await;
        if reply.status.is_success() {
            self.learn(&what, &reply.json, false);
        } else {
            self.problems.push_str(&reply.text);
        }
        self.seen.insert((method.to_owned(), path.to_owned()));
        self.look().await;
        reply
    }

    pub(super) async fn post(&mut self, path: &str, bearer: Option<&str>, body: Value) -> Reply {
        self.call("POST", path, bearer, body).await
    }

    /// Delivers what waits; the newest code or link to this address.
    pub(super) async fn mailed(&mut self, email: &str) -> String {
        self.look().await;
        let mails = self.app.mails(email).await;
        let link = |link: String| link.rsplit_once('/').unwrap().1.to_owned();
        let found = mails.into_iter().find_map(|mail| mail.code.or(mail.link.map(link))).unwrap();
        self.add("a mail", &found);
        found
    }

    pub(super) fn add(&mut self, place: &str, secret: &str) {
        // What is presented again is known by where it was first.
        if !self.secrets.values().any(|known| known == secret) {
            self.secrets.insert(format!("{place}#{}", self.secrets.len()), secret.to_owned());
        }
    }

    fn learn(&mut self, place: &str, json: &Value, sent: bool) {
        let Value::Object(members) = json else { return };
        for (name, value) in members {
            let place = format!("{place} {name}");
            let secret = if sent { !PUBLIC.contains(&&**name) } else { SECRET.contains(&&**name) };
            match value {
                Value::String(text) if secret => self.add(&place, text),
                Value::Array(texts) if secret => {
                    texts.iter().filter_map(Value::as_str).for_each(|text| self.add(&place, text));
                }
                // What an authenticator answers proves something once, to this server alone.
                Value::Object(_) if name != "credential" => self.learn(&place, value, sent),
                _ => {}
            }
        }
    }

    /// Remembers the rows of this moment: some live for one request only.
    async fn look(&mut self) {
        self.rows.extend(dump(self.app).await.lines().map(str::to_owned));
    }

    /// Every row that there was at any moment.
    pub(super) fn rows(&self) -> String {
        let rows: Vec<&str> = self.rows.iter().map(String::as_str).collect();
        rows.join("\n")
    }

    /// Whether the story made this call.
    pub(super) fn saw(&self, call: &Call) -> bool {
        let (before, after) = call.template.split_once("{id}").unwrap_or((&call.template, ""));
        self.seen.iter().any(|(method, path)| {
            let rest = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            let fits = rest.is_some_and(|id| id.is_empty() != call.template.contains("{id}"));
            *method == call.method && fits && !rest.is_some_and(|id| id.contains('/'))
        })
    }
}
