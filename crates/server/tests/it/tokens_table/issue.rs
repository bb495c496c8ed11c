//! One token of every kind.

use std::cell::RefCell;

use nightlatch_flows::admin::invite::{Invited, invite};
use serde_json::{Value, json};

use crate::{
    acts::{STEP, joined, mailed_link, refresh, step_up},
    app::{App, Enrolled, PASSWORD, Reply, Totp},
    calls::{APPLICATION, Call},
    device::{Credential, Device},
    passkeys::acts::{ORIGIN, enrol, sign_in},
};

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Access,
    Application,
    Device,
    /// The ceremonies, by their purpose.
    Enrolling,
    SecondFactor,
    StepUp,
    Passkey,
    Enrolment,
    Invite,
    Link,
    Refresh,
    Registration,
    SignIn,
}

impl Kind {
    /// The kind that a member of a call's body takes.
    pub(super) fn of_member(call: &Call, member: &str) -> Option<Self> {
        match member {
            "token" if call.template == "/auth/register/verify" => Some(Self::Link),
            "challenge_token" => Some(match &*call.template {
                "/auth/mfa/webauthn/register" => Self::Enrolling,
                "/auth/login/mfa" => Self::SecondFactor,
                "/auth/step-up" => Self::StepUp,
                _ => Self::Passkey,
            }),
            "device_token" => Some(Self::Device),
            "invite" => Some(Self::Invite),
            "refresh_token" => Some(Self::Refresh),
            "registration_token" => Some(Self::Registration),
            "temp_token" => Some(Self::SignIn),
            _ => None,
        }
    }
}

/// One token of every kind, and what goes with them.
pub(super) struct Issued {
    pub(super) tokens: Vec<(Kind, String)>,
    pub(super) totp: Totp,
    /// The session, and how many its owner has.
    pub(super) session: String,
    pub(super) sessions: usize,
    /// The app's method.
    pub(super) method: String,
    /// Whom the invitation is for.
    pub(super) invitee: String,
    /// A ceremony of each purpose.
    pub(super) begun: Vec<(Kind, Reply)>,
    credential: RefCell<Credential>,
}

impl Issued {
    pub(super) fn text(&self, kind: Kind) -> &str {
        self.tokens.iter().find(|(other, _)| *other == kind).map(|(_, text)| text).unwrap()
    }
}

fn device() -> Device {
    Device::synced(ORIGIN)
}

/// Begins a ceremony of each purpose.
pub(super) async fn ceremonies(app: &App, access: &str, temp_token: &str) -> Vec<(Kind, Reply)> {
    let bearer = Some(access);
    let mut begun = Vec::new();
    for (kind, path, bearer, body) in [
        (
            Kind::Enrolling,
            "/auth/mfa/webauthn/register/options",
            bearer,
            json!({ "kind": "passkey" }),
        ),
        (
            Kind::SecondFactor,
            "/auth/login/mfa/options",
            None,
            json!({ "temp_token": temp_token, "method": "webauthn" }),
        ),
        (Kind::StepUp, "/auth/step-up/options", bearer, json!({ "method": "webauthn" })),
        (Kind::Passkey, "/auth/passkey/options", None, json!({})),
    ] {
        begun.push((kind, app.post(path, bearer, body).await.expect(200)));
    }
    begun
}

/// Finishes every ceremony that was begun for `issued`, each by the right answer. The enrolment comes
/// last: it changes the account, which ends the sign-ins that are under way.
pub(super) async fn finish_ceremonies(
    app: &App,
    issued: &Issued,
    begun: &[(Kind, Reply)],
    access_token: &str,
) {
    let mut access = access_token.to_owned();
    for (kind, path, method) in [
        (Kind::SecondFactor, "/auth/login/mfa", true),
        (Kind::Passkey, "/auth/passkey", false),
        (Kind::StepUp, "/auth/step-up", true),
        (Kind::Enrolling, "/auth/mfa/webauthn/register", false),
    ] {
        let (_, begun) = begun.iter().find(|(begun, _)| *begun == kind).unwrap();
        let asked = &begun.json["public_key"];
        let credential = if kind == Kind::Enrolling {
            device().create(asked).1
        } else {
            device().get(&mut issued.credential.borrow_mut(), asked)
        };
        let challenge_token = &begun.json["challenge_token"];
        let mut body = json!({ "challenge_token": challenge_token, "credential": credential });
        if method {
            body["method"] = json!("webauthn");
        }
        if kind == Kind::SecondFactor {
            body["temp_token"] = json!(issued.text(Kind::SignIn));
        }
        let own = matches!(kind, Kind::StepUp | Kind::Enrolling);
        let reply = app.post(path, own.then_some(access.as_str()), body).await;
        assert!(reply.status.is_success(), "{kind:?}: {}", reply.text);
        if kind == Kind::StepUp {
            access = reply.text_at("/access_token");
        }
    }
}

/// A registration with an invitation.
pub(super) fn invited(email: &str, invite: &str) -> Value {
    json!({ "email": email, "password": PASSWORD, "invite": invite })
}

/// Invites an address; the token of the link.
async fn invitation(app: &App, email: &str) -> String {
    match invite(&app.env, email).await.unwrap() {
        Invited::Link(link) => link.expose().to_owned(),
        other => panic!("{other:?}"),
    }
}

/// Has one token of every kind issued, for accounts whose names begin with `who`.
pub(super) async fn issue(app: &App, who: &str) -> Issued {
    let address = |what: &str| format!("{who}{what}@example.org");
    let (owner, newcomer, chief) = (address(""), address("-new"), address("-chief"));
    let first = joined(app, &owner).await.text_at("/access_token");
    let Enrolled { totp, access_token, .. } = app.enrol_totp(&first).await;
    let (mut credential, _) = enrol(app, &access_token, &device()).await;
    app.clock.advance(STEP);
    let tokens = sign_in(app, &device(), &mut credential).await.expect(200);
    app.clock.advance(STEP);
    let access = tokens.text_at("/access_token");
    let methods = app.get("/auth/mfa/methods", Some(&access)).await.expect(200);
    let body = json!({ "audience": APPLICATION });
    let application = app.post("/auth/token", Some(&access), body).await.expect(200);

    let registration = app.register(&newcomer).await.text_at("/registration_token");
    let link = mailed_link(app, &newcomer).await;
    let made = invited(&chief, &invitation(app, &chief).await);
    app.post("/auth/register", None, made).await.expect(201);
    let enrolment = app.sign_in(&chief).await.text_at("/temp_token");
    let invitee = address("-guest");
    let temp_token = app.challenge(&owner).await;
    let begun = ceremonies(app, &access, &temp_token).await;
    let challenges = begun.iter().map(|(kind, asked)| (*kind, asked.text_at("/challenge_token")));
    let mut tokens_of_all: Vec<_> = challenges.collect();
    tokens_of_all.extend([
        (Kind::Access, access),
        (Kind::Application, application.text_at("/access_token")),
        (Kind::Device, tokens.text_at("/device_token")),
        (Kind::Enrolment, enrolment),
        (Kind::Invite, invitation(app, &invitee).await),
        (Kind::Link, link),
        (Kind::Refresh, tokens.text_at("/refresh_token")),
        (Kind::Registration, registration),
        (Kind::SignIn, temp_token),
    ]);
    Issued {
        tokens: tokens_of_all,
        begun,
        credential: RefCell::new(credential),
        totp,
        session: tokens.text_at("/session/id"),
        sessions: 2,
        method: methods.text_at("/methods/0/id"),
        invitee,
    }
}

/// Uses every token that can be used up.
pub(super) async fn use_up(app: &App, issued: &Issued) {
    refresh(app, issued.text(Kind::Refresh)).await.expect(200);
    let code = issued.totp.code_at(app.now());
    let raised = step_up(app, issued.text(Kind::Access), &code).await.expect(200);
    let access = raised.text_at("/access_token");
    finish_ceremonies(app, issued, &issued.begun, &access).await;
    let body = json!({
        "token": issued.text(Kind::Link), "registration_token": issued.text(Kind::Registration),
    });
    app.post("/auth/register/verify", None, body).await.expect(200);
    let body = invited(&issued.invitee, issued.text(Kind::Invite));
    app.post("/auth/register", None, body).await.expect(201);
    app.enrol_totp(issued.text(Kind::Enrolment)).await;
}
