//! What people do, one entry for each kind of journey.
//!
//! A journey makes its calls through [`Person::act`], and names the one-time things that each call
//! spends; the rest is the harness's. Whoever adds a feature adds its journey to [`JOURNEYS`].

use std::pin::Pin;

use serde_json::{Value, json};

use super::{
    ledger::{Call, Ledger},
    person::{App, Effect, ORIGIN, Passkey, Person},
};
use crate::{
    acts::wrong_code,
    app::{PASSWORD, Totp},
    device::Device,
    end_to_end::{authenticator::now, caller::Caller},
};
use nightlatch_core::{Timestamp, lockout::Budget};

/// Who walks, where, and who writes it down.
pub(crate) struct Walk<'a> {
    pub(crate) person: &'a mut Person,
    pub(crate) caller: &'a Caller,
    pub(crate) ledger: &'a Ledger,
}

type Walking<'a> = Pin<Box<dyn Future<Output = Option<()>> + Send + 'a>>;

/// A journey ends early, with `None`, when it can't be made now or an answer is missing.
pub(crate) type Journey = for<'a> fn(Walk<'a>) -> Walking<'a>;

/// All of them; each is as likely as the others.
pub(crate) const JOURNEYS: [Journey; 12] = [
    |walk| Box::pin(walk.sign_in()),
    |walk| Box::pin(walk.sign_in()),
    |walk| Box::pin(walk.refresh()),
    |walk| Box::pin(walk.step_up()),
    |walk| Box::pin(walk.enrol_app()),
    |walk| Box::pin(walk.enrol_passkey()),
    |walk| Box::pin(walk.sign_in_with_passkey()),
    |walk| Box::pin(walk.recover()),
    |walk| Box::pin(walk.present_wrong_code()),
    |walk| Box::pin(walk.guess_password()),
    |walk| Box::pin(walk.sign_out()),
    |walk| Box::pin(walk.remove_method()),
];

impl Walk<'_> {
    async fn act(&mut self, call: Call, effect: Effect) -> Option<crate::app::Reply> {
        self.person.act(self.ledger, self.caller, call, effect).await
    }

    /// Every person begins with this.
    pub(crate) async fn register(mut self) -> Option<()> {
        let body = json!({ "email": self.person.email, "password": PASSWORD });
        self.act(Call::post("/auth/register", None, body), Effect::Registered).await.map(drop)
    }

    /// The token of a sign-in whose password was right, or the session where that is all.
    async fn challenge(&mut self) -> Option<String> {
        let call = self.person.password();
        let reply = self.act(call, Effect::SignedIn).await?;
        if reply.json["status"] == "mfa_required" {
            return Some(reply.text_at("/temp_token"));
        }
        None
    }

    /// Answers a challenge; what it was answered.
    async fn answer(
        &mut self,
        token: &str,
        code: &str,
        spent: &str,
        effect: Effect,
    ) -> Option<bool> {
        let body = json!({ "temp_token": token, "mfa_token": code });
        let call = Call::post("/auth/login/mfa", None, body).spending("sign-in", token);
        let call = call.spending("code", spent);
        let reply = self.act(call, effect).await?;
        if reply.status.is_success() {
            self.person.code = Some((spent.to_owned(), code.to_owned()));
        }
        if reply.code() == "invalid-code" {
            self.person.was_wrong(self.ledger);
        }
        if reply.code() == "too-many-attempts" {
            self.person.retired = true;
        }
        Some(reply.status.is_success())
    }

    async fn sign_in(mut self) -> Option<()> {
        let Some(app) = self.person.app.as_mut() else {
            return self.challenge().await.map(drop);
        };
        let (step, code) = app.next()?;
        let spent = format!("{code} at {step} of {}", self.person.email);
        let token = self.challenge().await?;
        self.answer(&token, &code, &spent, Effect::SignedIn).await.map(drop)
    }

    async fn refresh(mut self) -> Option<()> {
        let token = self.person.session.as_ref()?.refresh.clone();
        let call = Call::post("/auth/refresh", None, json!({ "refresh_token": token }));
        let reply = self.act(call.spending("refresh", &token), Effect::SignedIn).await?;
        if !reply.status.is_success() {
            self.ledger.flaw(format!("lost: a session of {}: {}", self.person.email, reply.text));
        }
        Some(())
    }

    async fn step_up(mut self) -> Option<()> {
        let access = self.person.access()?.to_owned();
        let (step, code) = self.person.app.as_mut()?.next()?;
        let spent = format!("{code} at {step} of {}", self.person.email);
        let call =
            Call::post("/auth/step-up", Some(&access), json!({ "method": "totp", "code": code }));
        let reply = self.act(call.spending("code", &spent), Effect::SignedIn).await?;
        if reply.code() == "invalid-code" {
            self.person.was_wrong(self.ledger);
        }
        Some(())
    }

    async fn enrol_app(mut self) -> Option<()> {
        let access = self.person.access()?.to_owned();
        if self.person.app.is_some() {
            return None;
        }
        let call = Call::post("/auth/mfa/enable", Some(&access), Value::Null);
        let setup = self.ledger.call(self.caller, &call).await?;
        if !setup.status.is_success() {
            return None;
        }
        let mut app = App::new(Totp::from_base32(&setup.text_at("/secret")));
        let (step, code) = app.next()?;
        let codes = texts(&setup.json["backup_codes"]);
        let call = Call::post("/auth/mfa/confirm", Some(&access), json!({ "token": code }));
        let call = call.spending("code", &format!("{code} at {step} of {}", self.person.email));
        self.act(call, Effect::App(app, codes)).await.map(drop)
    }

    async fn enrol_passkey(mut self) -> Option<()> {
        let access = self.person.access()?.to_owned();
        if self.person.passkey.is_some() {
            return None;
        }
        let path = "/auth/mfa/webauthn/register/options";
        let call = Call::post(path, Some(&access), json!({ "kind": "passkey" }));
        let options = self.ledger.call(self.caller, &call).await?;
        if !options.status.is_success() {
            return None;
        }
        let device = Device::synced(ORIGIN);
        let (credential, answer) = device.create(&options.json["public_key"]);
        let challenge = options.text_at("/challenge_token");
        let body = json!({ "challenge_token": challenge, "credential": answer });
        let call = Call::post("/auth/mfa/webauthn/register", Some(&access), body);
        let passkey = Passkey { device, credential, method: String::new() };
        let effect = Effect::Passkey(Box::new(passkey));
        self.act(call.spending("challenge", &challenge), effect).await.map(drop)
    }

    async fn sign_in_with_passkey(mut self) -> Option<()> {
        self.person.passkey.as_ref()?;
        let call = Call::post("/auth/passkey/options", None, json!({}));
        let options = self.ledger.call(self.caller, &call).await?;
        let challenge = options.text_at("/challenge_token");
        let Passkey { device, credential, .. } = self.person.passkey.as_mut()?;
        let answer = device.get(credential, &options.json["public_key"]);
        let body = json!({ "challenge_token": challenge, "credential": answer });
        let call = Call::post("/auth/passkey", None, body).spending("challenge", &challenge);
        let reply = self.act(call, Effect::SignedIn).await?;
        if !reply.status.is_success() {
            self.ledger.flaw(format!("lost: the passkey of {}: {}", self.person.email, reply.text));
        }
        Some(())
    }

    async fn recover(mut self) -> Option<()> {
        let code = self.person.recovery.last()?.clone();
        let token = self.challenge().await?;
        let spent = code.clone();
        if self.answer(&token, &code, &spent, Effect::Recovered(code.clone())).await? {
            return Some(());
        }
        if !self.person.retired {
            self.ledger.flaw(format!("lost: a recovery code of {}", self.person.email));
        }
        None
    }

    async fn present_wrong_code(mut self) -> Option<()> {
        let app = self.person.app.as_ref()?;
        let code = wrong_code(&app.totp, Timestamp::from_seconds(now()));
        let token = self.challenge().await?;
        let call =
            Call::post("/auth/login/mfa", None, json!({ "temp_token": token, "mfa_token": code }));
        let reply = self.ledger.call(self.caller, &call).await?;
        match reply.code() {
            "invalid-code" => self.person.was_wrong(self.ledger),
            "too-many-attempts" => self.person.retired = true,
            _ => self.ledger.flaw(format!("a wrong code was answered {}", reply.text)),
        }
        Some(())
    }

    /// A stranger guesses the password of an address; known and unknown ones are counted alike.
    async fn guess_password(self) -> Option<()> {
        let (email, streak) = &mut self.person.guessed;
        let body = json!({ "email": email, "password": "mustard canyon violin" });
        let reply = self.ledger.call(self.caller, &Call::post("/auth/login", None, body)).await?;
        match reply.code() {
            "invalid-credentials" if streak.grows_beyond(Budget::Network.free()) => {
                self.ledger.flaw(format!("the budget of {email} came too late"));
            }
            "invalid-credentials" | "too-many-attempts" => {}
            _ => self.ledger.flaw(format!("a guess was answered {}", reply.text)),
        }
        Some(())
    }

    async fn sign_out(mut self) -> Option<()> {
        let session = self.person.session.clone()?;
        self.person.access()?;
        let call = Call::post("/auth/logout", Some(&session.access), Value::Null);
        let reply = self.act(call, Effect::SignedOut(session)).await?;
        reply.status.is_success().then_some(())
    }

    async fn remove_method(mut self) -> Option<()> {
        let access = self.person.access()?.to_owned();
        let (method, effect) = match (&self.person.app, &self.person.passkey) {
            (_, Some(passkey)) => (&passkey.method, Effect::NoPasskey),
            (Some(app), None) => (&app.method, Effect::NoApp),
            (None, None) => return None,
        };
        // It is known from the answer to its enrolment alone.
        if method.is_empty() {
            return None;
        }
        let call = Call::delete(&format!("/auth/mfa/methods/{method}"), &access);
        self.act(call, effect).await.map(drop)
    }
}

fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|text| Some(text.as_str()?.to_owned())).collect()
}
