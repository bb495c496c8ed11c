//! One token of every kind.

use nightlatch_flows::admin::invite::{Invited, invite};
use serde_json::{Value, json};

use crate::{
    acts::{STEP, answer, joined, mailed_link, refresh, step_up},
    app::{App, Enrolled, PASSWORD, Totp},
    calls::{APPLICATION, Call},
};

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Access,
    Application,
    Device,
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
}

impl Issued {
    pub(super) fn text(&self, kind: Kind) -> &str {
        self.tokens.iter().find(|(other, _)| *other == kind).map(|(_, text)| text).unwrap()
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
    let Enrolled { totp, .. } = app.enrol_totp(&first).await;
    app.clock.advance(STEP);
    let tokens = app.sign_in_with(&owner, &totp).await;
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
    Issued {
        tokens: vec![
            (Kind::Access, access),
            (Kind::Application, application.text_at("/access_token")),
            (Kind::Device, tokens.text_at("/device_token")),
            (Kind::Enrolment, enrolment),
            (Kind::Invite, invitation(app, &invitee).await),
            (Kind::Link, link),
            (Kind::Refresh, tokens.text_at("/refresh_token")),
            (Kind::Registration, registration),
            (Kind::SignIn, app.challenge(&owner).await),
        ],
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
    step_up(app, issued.text(Kind::Access), &code).await.expect(200);
    app.clock.advance(STEP);
    let code = issued.totp.code_at(app.now());
    answer(app, issued.text(Kind::SignIn), &code).await.expect(200);
    let body = json!({
        "token": issued.text(Kind::Link), "registration_token": issued.text(Kind::Registration),
    });
    app.post("/auth/register/verify", None, body).await.expect(200);
    let body = invited(&issued.invitee, issued.text(Kind::Invite));
    app.post("/auth/register", None, body).await.expect(201);
    app.enrol_totp(issued.text(Kind::Enrolment)).await;
}
