//! The four ceremonies, begun and finished alike, so that a test can put one in the place of another.

use serde_json::{Value, json};

use super::acts::{asking, challenge, enrol, enrolling};
use crate::{
    acts::signed_in,
    app::{App, Reply},
    device::{Credential, Device},
};

/// Somebody who signed in and enrolled a passkey a moment ago.
pub(crate) struct Person {
    pub(crate) email: &'static str,
    pub(crate) device: Device,
    pub(crate) credential: Credential,
    /// The id of its method.
    pub(crate) method: String,
    /// The session that enrolled it.
    pub(crate) access: String,
    /// Its refresh token.
    pub(crate) refresh: String,
    /// The recovery codes that came with it.
    pub(crate) codes: Vec<String>,
    /// The account's id.
    pub(crate) user: String,
}

impl Person {
    pub(crate) async fn new(app: &App, email: &'static str, device: Device) -> Self {
        let access = signed_in(app, email).await;
        let (credential, reply) = enrol(app, &access, &device).await;
        let codes = reply.json["backup_codes"].as_array().cloned().unwrap_or_default();
        Self {
            email,
            device,
            credential,
            method: reply.text_at("/method/id"),
            access: reply.text_at("/tokens/access_token"),
            refresh: reply.text_at("/tokens/refresh_token"),
            codes: codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect(),
            user: reply.text_at("/tokens/session/user_id"),
        }
    }

    /// Somebody whose passkey is synced, and does not count.
    pub(crate) async fn synced(app: &App, email: &'static str) -> Self {
        Self::new(app, email, Device::synced(super::acts::ORIGIN)).await
    }

    /// What the server says of the person's factors and of their session.
    pub(crate) async fn state(&self, app: &App) -> [Value; 2] {
        let methods = app.get("/auth/mfa/methods", Some(&self.access)).await.expect(200);
        let session = app.get("/auth/session", Some(&self.access)).await.expect(200);
        [methods.json, session.json]
    }

    /// Another session of the same person.
    pub(crate) async fn session(&mut self, app: &App) -> String {
        let reply = super::acts::sign_in(app, &self.device, &mut self.credential).await;
        reply.expect(200).text_at("/access_token")
    }
}

/// What a ceremony is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Enrolling,
    SignIn,
    SecondFactor,
    StepUp,
}

impl Purpose {
    pub(crate) const ALL: [Self; 4] =
        [Self::Enrolling, Self::SignIn, Self::SecondFactor, Self::StepUp];

    /// Those that know who is asked.
    pub(crate) const BOUND: [Self; 3] = [Self::Enrolling, Self::SecondFactor, Self::StepUp];

    /// How an answer is refused, whatever the reason.
    pub(crate) const fn refusal(self) -> (u16, &'static str) {
        match self {
            Self::Enrolling => (400, "invalid-credential"),
            Self::SignIn => (401, "invalid-credential"),
            Self::SecondFactor | Self::StepUp => (401, "invalid-code"),
        }
    }

    /// Begins such a ceremony of a person.
    pub(crate) async fn begin(self, app: &App, person: &Person) -> Ceremony {
        let key = match self {
            Self::Enrolling | Self::StepUp => person.access.clone(),
            Self::SignIn => String::new(),
            Self::SecondFactor => app.challenge(person.email).await,
        };
        self.begin_with(app, key).await
    }

    /// Begins such a ceremony with this access token, or temporary token.
    pub(crate) async fn begin_with(self, app: &App, key: String) -> Ceremony {
        let options = match self {
            Self::Enrolling => enrolling(app, &key, "passkey").await,
            Self::SignIn => asking(app).await,
            Self::SecondFactor => challenge(app, &key).await,
            Self::StepUp => {
                let body = json!({ "method": "webauthn" });
                app.post("/auth/step-up/options", Some(&key), body).await
            }
        };
        let options = options.expect(200);
        let token = options.text_at("/challenge_token");
        Ceremony { purpose: self, key, token, public_key: options.json["public_key"].clone() }
    }
}

/// A ceremony under way.
#[derive(Debug, Clone)]
pub(crate) struct Ceremony {
    pub(crate) purpose: Purpose,
    /// The access token, or the temporary token, that it was begun with.
    pub(crate) key: String,
    /// The challenge token.
    pub(crate) token: String,
    /// What a browser is asked.
    pub(crate) public_key: Value,
}

impl Ceremony {
    /// What the browser of this person answers, by their device or by another one.
    pub(crate) fn answer_by(&self, device: &Device, credential: &mut Credential) -> Value {
        if self.purpose == Purpose::Enrolling {
            device.create(&self.public_key).1
        } else {
            device.get(credential, &self.public_key)
        }
    }

    /// The right answer of this person.
    pub(crate) fn answer(&self, person: &mut Person) -> Value {
        self.answer_by(&person.device, &mut person.credential)
    }

    /// The same ceremony with the challenge of another one: everything is right but its token.
    pub(crate) fn with_challenge_of(&self, other: &Self) -> Self {
        let mut mixed = Self { token: other.token.clone(), ..self.clone() };
        mixed.public_key["challenge"] = other.public_key["challenge"].clone();
        mixed
    }

    /// How the ceremony is finished: path, bearer and body.
    pub(crate) fn request(&self, credential: &Value) -> (&'static str, Option<&str>, Value) {
        let mut body = json!({ "challenge_token": self.token, "credential": credential });
        match self.purpose {
            Purpose::Enrolling => ("/auth/mfa/webauthn/register", Some(&self.key), body),
            Purpose::SignIn => ("/auth/passkey", None, body),
            Purpose::SecondFactor => {
                body["temp_token"] = json!(self.key);
                body["method"] = json!("webauthn");
                ("/auth/login/mfa", None, body)
            }
            Purpose::StepUp => {
                body["method"] = json!("webauthn");
                ("/auth/step-up", Some(&self.key), body)
            }
        }
    }

    /// Presents an answer.
    pub(crate) async fn finish(&self, app: &App, credential: &Value) -> Reply {
        let (path, bearer, body) = self.request(credential);
        app.post(path, bearer, body).await
    }

    /// Presents an answer, and insists that it is refused like any other.
    #[track_caller]
    pub(crate) fn refused(&self, reply: Reply, why: &str) -> Reply {
        let seen = (reply.status.as_u16(), reply.code());
        assert_eq!(seen, self.purpose.refusal(), "{:?}, {why}: {}", self.purpose, reply.text);
        reply
    }
}
