//! One person with one account: what they know for sure, what they don't, and what they know to be
//! over.
//!
//! A person does one thing after the other. When no answer comes, they keep the call and make it
//! again, to the letter, before anything else: either it goes through now, or it had gone through
//! before and is refused now. Both can't be.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::ledger::{Call, Ledger};
use crate::{
    app::{PASSWORD, Reply, Totp},
    device::{Credential, Device},
    end_to_end::{authenticator::now, caller::Caller},
};
use nightlatch_core::{Timestamp, lockout::FACTOR_FREE};

/// Where the pages of these servers are.
pub(crate) const ORIGIN: &str = "https://id.example.com";

/// Things that are spent and may be tried again after a fault; older ones were tried often enough.
const REMEMBERED: usize = 4;

/// Access tokens are trusted to be alive for this long, in seconds; they live for 300.
const FRESH: i64 = 240;

/// Failures in a row, as far as they were told.
#[derive(Debug, Default)]
pub(crate) struct Streak {
    told: i64,
    last: i64,
}

impl Streak {
    /// Counts one more; whether that is more than `free` in quick succession. Whoever has waited may
    /// go on, which shows nothing.
    pub(crate) fn grows_beyond(&mut self, free: i64) -> bool {
        let quick = now() - self.last < 20;
        self.told = if quick || self.told < free { self.told + 1 } else { 1 };
        self.last = now();
        self.told > free
    }
}

/// Tokens that work.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) access: String,
    pub(crate) refresh: String,
    since: i64,
}

/// An authenticator app.
pub(crate) struct App {
    pub(crate) totp: Totp,
    pub(crate) method: String,
    /// The last step whose code was presented.
    last: i64,
}

impl App {
    pub(crate) const fn new(totp: Totp) -> Self {
        Self { totp, method: String::new(), last: 0 }
    }

    /// The next code, if there is one for this moment or the next step.
    pub(crate) fn next(&mut self) -> Option<(i64, String)> {
        let step = (self.last + 1).max(now() / 30);
        if step > now() / 30 + 1 {
            return None;
        }
        self.last = step;
        Some((step, self.at(step)))
    }

    /// The code of a step.
    pub(crate) fn at(&self, step: i64) -> String {
        self.totp.code_at(Timestamp::from_seconds(step * 30))
    }
}

/// A passkey and the device that it is on.
pub(crate) struct Passkey {
    pub(crate) device: Device,
    pub(crate) credential: Credential,
    pub(crate) method: String,
}

/// What becomes true if a call goes through.
pub(crate) enum Effect {
    /// There is an account.
    Registered,
    /// Tokens come.
    SignedIn,
    /// An app counts, with these recovery codes if it brought some.
    App(App, Vec<String>),
    /// A passkey counts.
    Passkey(Box<Passkey>),
    /// A recovery code is spent.
    Recovered(String),
    /// The session is over.
    SignedOut(Session),
    /// The app is gone.
    NoApp,
    /// The passkey is gone.
    NoPasskey,
}

/// One person.
pub(crate) struct Person {
    pub(crate) email: String,
    /// Whether there is an account.
    pub(crate) account: bool,
    pub(crate) app: Option<App>,
    pub(crate) passkey: Option<Passkey>,
    /// Recovery codes that are not spent.
    pub(crate) recovery: Vec<String>,
    pub(crate) session: Option<Session>,
    /// Access tokens of sessions that are over.
    pub(crate) over: VecDeque<String>,
    /// Calls that went through and must never again.
    spent: VecDeque<Call>,
    /// The last code that was accepted, of an app or for recovery, with its name.
    pub(crate) code: Option<(String, String)>,
    /// Wrong codes in a row.
    wrong: Streak,
    /// An address whose password a stranger guesses, and how often it was wrong.
    pub(crate) guessed: (String, Streak),
    /// Journeys that were begun.
    pub(crate) journeys: u32,
    /// This person has seen enough.
    pub(crate) retired: bool,
    /// The call that got no answer, and what it was to do.
    open: Option<(Call, Effect)>,
}

impl Person {
    pub(crate) fn new(email: String) -> Self {
        Self {
            account: false,
            app: None,
            passkey: None,
            recovery: Vec::new(),
            session: None,
            over: VecDeque::new(),
            spent: VecDeque::new(),
            code: None,
            wrong: Streak::default(),
            guessed: (format!("guessed-{email}"), Streak::default()),
            journeys: 0,
            retired: false,
            open: None,
            email,
        }
    }

    /// A code was called wrong; after so many in a row there has to be a wait instead.
    pub(crate) fn was_wrong(&mut self, ledger: &Ledger) {
        if self.wrong.grows_beyond(FACTOR_FREE) {
            ledger.flaw(format!("the lock of {} came too late", self.email));
        }
    }

    /// Whether an answer is missing.
    pub(crate) const fn waits(&self) -> bool {
        self.open.is_some()
    }

    /// Whether a second factor is demanded.
    pub(crate) const fn holds(&self) -> bool {
        self.app.is_some() || self.passkey.is_some()
    }

    /// An access token that is not old.
    pub(crate) fn access(&self) -> Option<&str> {
        self.session.as_ref().filter(|s| now() < s.since + FRESH).map(|s| s.access.as_str())
    }

    /// Makes a call that has an effect; the answer, if one came.
    pub(crate) async fn act(
        &mut self,
        ledger: &Ledger,
        caller: &Caller,
        call: Call,
        effect: Effect,
    ) -> Option<Reply> {
        let Some(reply) = ledger.call(caller, &call).await else {
            self.open = Some((call, effect));
            return None;
        };
        if reply.status.is_success() {
            self.took_effect(effect, Some(&reply.json));
            self.never_again(call);
        }
        Some(reply)
    }

    fn never_again(&mut self, call: Call) {
        if !call.spends.is_empty() {
            self.spent.push_back(call);
            if self.spent.len() > REMEMBERED {
                self.spent.pop_front();
            }
        }
    }

    /// Notes what is true now; `told` is the answer, if one came.
    fn took_effect(&mut self, effect: Effect, told: Option<&Value>) {
        match effect {
            Effect::Registered => self.account = true,
            Effect::SignedIn => {}
            Effect::App(mut app, codes) => {
                let method = told.and_then(|told| told["method"]["id"].as_str());
                method.unwrap_or_default().clone_into(&mut app.method);
                self.app = Some(app);
                if !codes.is_empty() {
                    self.recovery = codes;
                }
            }
            Effect::Passkey(mut passkey) => {
                let method = told.and_then(|told| told["method"]["id"].as_str());
                method.unwrap_or_default().clone_into(&mut passkey.method);
                let codes = told.and_then(|told| told["backup_codes"].as_array());
                if let Some(codes) = codes {
                    self.recovery =
                        codes.iter().filter_map(|code| Some(code.as_str()?.to_owned())).collect();
                }
                self.passkey = Some(*passkey);
            }
            Effect::Recovered(code) => self.recovery.retain(|kept| *kept != code),
            Effect::SignedOut(session) => {
                self.session = None;
                self.over.push_back(session.access);
                if self.over.len() > REMEMBERED {
                    self.over.pop_front();
                }
            }
            Effect::NoApp => {
                (self.app, self.session) = (None, None);
                self.recovery.clear();
            }
            Effect::NoPasskey => {
                (self.passkey, self.session) = (None, None);
                self.recovery.clear();
            }
        }
        if let Some(told) = told {
            self.note_tokens(told);
        }
    }

    /// Keeps the tokens in an answer, if there are some.
    fn note_tokens(&mut self, told: &Value) {
        let tokens = if told["tokens"].is_object() { &told["tokens"] } else { told };
        let (access, refresh) = (tokens["access_token"].as_str(), tokens["refresh_token"].as_str());
        if let (Some(access), Some(refresh)) = (access, refresh) {
            let (access, refresh) = (access.to_owned(), refresh.to_owned());
            self.session = Some(Session { access, refresh, since: now() });
            self.wrong = Streak::default();
        }
    }

    /// Makes the call again that got no answer; whether it is settled.
    pub(crate) async fn settle(&mut self, ledger: &Ledger, caller: &Caller) -> bool {
        let Some((call, effect)) = self.open.take() else { return true };
        let Some(reply) = ledger.call(caller, &call).await else {
            self.open = Some((call, effect));
            return false;
        };
        if reply.status.is_success() {
            self.took_effect(effect, Some(&reply.json));
            self.never_again(call);
            return true;
        }
        // It went through before, or its codes and tokens were too old meanwhile. The tokens that it
        // gave are lost, and those that it replaced may be dead.
        self.session = None;
        match effect {
            Effect::Registered => ledger.flaw(format!("lost: {} cannot register", self.email)),
            effect @ (Effect::App(..) | Effect::Passkey(_)) => {
                match self.demands_more(ledger, caller).await {
                    None => {
                        self.open = Some((call, effect));
                        return false;
                    }
                    // There may be another factor.
                    Some(true) if self.holds() => self.retired = true,
                    Some(true) => self.took_effect(effect, None),
                    Some(false) => {}
                }
            }
            Effect::NoApp | Effect::NoPasskey => self.retired = true,
            effect => self.took_effect(effect, None),
        }
        true
    }

    /// Whether the account demands a second factor, if an answer comes.
    async fn demands_more(&self, ledger: &Ledger, caller: &Caller) -> Option<bool> {
        let reply = ledger.call(caller, &self.password()).await?;
        Some(reply.json["status"] == "mfa_required")
    }

    /// The call that presents the right password.
    pub(crate) fn password(&self) -> Call {
        let body = json!({ "email": self.email, "password": PASSWORD });
        Call::post("/auth/login", None, body)
    }

    /// The calls that went through lately, once.
    pub(crate) fn take_spent(&mut self) -> VecDeque<Call> {
        std::mem::take(&mut self.spent)
    }
}
