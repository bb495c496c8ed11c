//! Every kind of token at every call: none opens anything but its own step.

mod issue;

use serde_json::{Map, Value, json};

use crate::{
    acts::refresh,
    app::{App, Setup, each_engine_with},
    calls::{APPLICATION, Call, calls, token_members},
    database::dump,
    tokens_table::issue::{Issued, Kind, ceremonies, finish_ceremonies, issue, use_up},
};

/// Longer than anything lives.
const AGE: std::time::Duration = std::time::Duration::from_hours(24 * 40);

/// The calls that an enrolment token opens.
const ENROLMENT: [&str; 5] = [
    "GET /auth/mfa/available",
    "POST /auth/mfa/enable",
    "POST /auth/mfa/confirm",
    "POST /auth/mfa/webauthn/register/options",
    "POST /auth/mfa/webauthn/register",
];

/// Mails are answered, and there is an application.
fn setup() -> Setup {
    Setup::default().settings(|settings| {
        settings.verify_email = true;
        settings.audiences = vec![APPLICATION.to_owned()];
    })
}

/// A token that is presented.
struct Token {
    name: String,
    /// What it is good for, if it is good.
    live: Option<Kind>,
    text: String,
}

#[tokio::test]
async fn no_token_opens_anything_but_its_own_step() {
    each_engine_with(setup(), async |app| {
        let old = issue(&app, "old").await;
        app.clock.advance(AGE);
        let used = issue(&app, "used").await;
        use_up(&app, &used).await;
        let live = issue(&app, "live").await;

        let mut tokens = garbage(&live);
        for (issued, state) in [(&old, "expired"), (&used, "used"), (&live, "live")] {
            tokens.extend(issued.tokens.iter().map(|(kind, text)| Token {
                name: format!("{state} {kind:?}"),
                live: (state == "live").then_some(*kind),
                text: text.clone(),
            }));
        }
        for call in calls(&app).await {
            as_bearer(&app, &call, &tokens, &live).await;
            in_the_body(&app, &call, &tokens, &live).await;
        }
        each_opens_its_own(&app, &live).await;
    })
    .await;
}

/// What was never issued, or was changed since.
fn garbage(live: &Issued) -> Vec<Token> {
    let access = live.text(Kind::Access);
    let parts: Vec<&str> = access.split('.').collect();
    let encode = |json: Value| data_encoding::BASE64URL_NOPAD.encode(json.to_string().as_bytes());
    let unsigned = format!("{}.{}.", encode(json!({ "alg": "none", "typ": "at+jwt" })), parts[1]);
    let plain = format!("{}.{}.{}", encode(json!({ "alg": "EdDSA" })), parts[1], parts[2]);
    let cut = access[..access.len() - 1].to_owned();
    let texts = ["x".to_owned(), "nlt_".to_owned(), "nlr_AAAA".to_owned(), "n".repeat(5_000)];
    let texts = texts.into_iter().chain([unsigned, plain, cut]);
    texts.map(|text| Token { name: format!("garbage {text:.12}"), live: None, text }).collect()
}

/// Presents every token in `Authorization`.
async fn as_bearer(app: &App, call: &Call, tokens: &[Token], live: &Issued) {
    let path = call.path(&live.session, &live.method);
    let body = call.bodies.first().cloned().map_or(Value::Null, Value::Object);
    for token in tokens.iter().filter(|token| token.live != Some(Kind::Access)) {
        let enrols = token.live == Some(Kind::Enrolment) && ENROLMENT.contains(&&*call.to_string());
        if enrols || !call.bearer && call.template != "/auth/logout" {
            continue;
        }
        let reply = app.call(&call.method, &path, Some(&token.text), body.clone()).await;
        let expected = if call.bearer { 401 } else { 204 };
        assert_eq!(reply.status, expected, "{call} by {}: {}", token.name, reply.text);
        if call.bearer {
            assert_eq!(reply.code(), "unauthenticated");
            assert!(reply.headers.contains_key("www-authenticate"));
        }
    }
}

/// Presents every token in every member that takes one, whatever else is right.
async fn in_the_body(app: &App, call: &Call, tokens: &[Token], live: &Issued) {
    let bearer = call.bearer.then(|| live.text(Kind::Access));
    for form in &call.bodies {
        for member in token_members(form) {
            // Recognises a device and proves nothing: the password decides.
            if member == "device_token" {
                continue;
            }
            let own = Kind::of_member(call, &member);
            for token in tokens.iter().filter(|token| token.live.is_none() || token.live != own) {
                let body = filled(call, form, &member, token, live);
                let path = call.path(&live.session, &live.method);
                let reply = app.call(&call.method, &path, bearer, body).await;
                let refused = [400, 401, 403, 422].contains(&reply.status.as_u16());
                let what = format!("{call} with {} as {member}", token.name);
                assert!(refused, "{what}: {} {}", reply.status, reply.text);
            }
        }
    }
}

/// A body whose tokens are all good but the one in `member`.
fn filled(
    call: &Call,
    form: &Map<String, Value>,
    member: &str,
    token: &Token,
    live: &Issued,
) -> Value {
    let mut body = form.clone();
    for other in token_members(form) {
        if let Some(kind) = Kind::of_member(call, &other) {
            body[&other] = json!(live.text(kind));
        } else if other == "mfa_token" {
            body[&other] = json!("000000");
        }
    }
    body[member] = json!(token.text);
    if body.contains_key("registration_token") {
        // Goes instead of it.
        body.remove("password");
    }
    Value::Object(body)
}

/// Whatever was tried above, nothing but challenges was used up and nothing ended.
async fn each_opens_its_own(app: &App, live: &Issued) {
    let sessions = app.get("/auth/sessions", Some(live.text(Kind::Access))).await.expect(200);
    assert_eq!(sessions.json["items"].as_array().unwrap().len(), live.sessions);
    refresh(app, live.text(Kind::Refresh)).await.expect(200);
    // A challenge is gone after its first presentation, whoever presented it with whatever.
    let access = live.text(Kind::Access);
    let begun = ceremonies(app, access, live.text(Kind::SignIn)).await;
    finish_ceremonies(app, live, &begun, access).await;
    let body = json!({
        "token": live.text(Kind::Link), "registration_token": live.text(Kind::Registration),
    });
    app.post("/auth/register/verify", None, body).await.expect(200);
    let body = issue::invited(&live.invitee, live.text(Kind::Invite));
    app.post("/auth/register", None, body).await.expect(201);
    app.enrol_totp(live.text(Kind::Enrolment)).await;
}

#[tokio::test]
async fn nobody_reaches_what_is_somebody_elses() {
    each_engine_with(setup(), async |app| {
        let (theirs, mine) = (issue(&app, "owner").await, issue(&app, "other").await);
        let before = dump(&app).await;
        let mut tried = 0;
        for call in calls(&app).await.iter().filter(|call| call.template.contains("{id}")) {
            let path = call.path(&theirs.session, &theirs.method);
            let body = call.bodies.first().cloned().map_or(Value::Null, Value::Object);
            let access = mine.text(Kind::Access);
            let reply = app.call(&call.method, &path, Some(access), body).await;
            assert_eq!((reply.status.as_u16(), reply.code()), (404, "not-found"), "{call}");
            tried += 1;
        }
        assert_eq!(tried, 3);
        let access = mine.text(Kind::Access);
        let code = theirs.totp.code_at(app.now());
        let body = json!({ "method": "totp", "method_id": theirs.method, "code": code });
        app.post("/auth/step-up", Some(access), body).await.refused(401, "invalid-code");
        let after = dump(&app).await;
        let tables = ["methods: ", "sessions: ", "totp: ", "users: "];
        let of = |dump: &str| -> Vec<String> {
            let lines =
                dump.lines().filter(|line| tables.iter().any(|name| line.starts_with(name)));
            lines.map(str::to_owned).collect()
        };
        assert_eq!(of(&before), of(&after));
    })
    .await;
}
