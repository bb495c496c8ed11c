//! The whole product in one process, on a clock that is turned by hand.
//!
//! A test gets an [`App`] on a database of its own, once on SQLite and once on PostgreSQL, and calls
//! it through the full frame, as a connection would. Nothing runs in the background: mails are sent
//! when a test [looks](App::mail) for them, upkeep is called on [`App::env`], and time passes only
//! when [`App::clock`] is turned. Hashes are cheap, sign-up is open and answers no mail, unless a
//! [`Setup`] says otherwise.
//!
//! ```ignore
//! #[tokio::test]
//! async fn a_code_works_once() {
//!     each_engine(async |app| {
//!         app.register("ada@example.org").await;
//!         let access = app.sign_in("ada@example.org").await.text_at("/access_token");
//!         let Enrolled { totp, .. } = app.enrol_totp(&access).await;
//!         app.clock.advance(Duration::from_secs(30));
//!         let answer = json!({ "temp_token": app.challenge("ada@example.org").await,
//!                              "mfa_token": totp.code_at(app.now()) });
//!         app.post("/auth/login/mfa", None, answer).await.expect(200);
//!         let again = json!({ "temp_token": app.challenge("ada@example.org").await,
//!                             "mfa_token": totp.code_at(app.now()) });
//!         app.post("/auth/login/mfa", None, again).await.refused(401, "invalid-code");
//!     })
//!     .await;
//! }
//! ```

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, StatusCode, header},
};
use nightlatch::{
    config::{Argon2, Config, Dev},
    delivery::mailbox::{Filter, Mailbox, Message},
    http::frame::Frame,
    telemetry::metrics::Metrics,
    wiring::{
        installation::{World, purpose},
        routes::{self, Health},
        settings,
    },
};
use nightlatch_core::{
    Secret, Timestamp,
    factors::hotp::{self, Algorithm},
    keys::KeyRing,
};
use nightlatch_flows::{
    Clock, Entropy, Env, Settings, boot,
    env::{OsEntropy, testing::ManualClock},
    upkeep::outbox::{Sent, send_one},
};
use nightlatch_store::{Engine, Store};
use serde_json::{Value, json};

use crate::place::Place;

/// The password of everybody in tests.
pub(crate) const PASSWORD: &str = "violin mustard canyon";

/// When every test begins.
const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// The only `Host` that is served.
const HOST: &str = "localhost:8080";

/// Runs `test` with an app on SQLite, then with one on PostgreSQL.
pub(crate) async fn each_engine(test: impl AsyncFn(App)) {
    each_engine_with(Setup::default(), test).await;
}

/// The same for an app that is set up otherwise.
pub(crate) async fn each_engine_with(setup: Setup, test: impl AsyncFn(App)) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        // Shown if the test fails.
        println!("on {engine}:");
        let app = App::new(engine, setup).await;
        let place = Arc::clone(&app.place);
        test(app).await;
        place.remove().await;
    }
}

/// What differs from the usual app.
#[derive(Default, Clone, Copy)]
pub(crate) struct Setup {
    config: Option<fn(&mut Config)>,
    settings: Option<fn(&mut Settings)>,
}

impl Setup {
    /// Changes what the frame goes by: proxies, origins, limits, hosts.
    pub(crate) const fn config(self, change: fn(&mut Config)) -> Self {
        Self { config: Some(change), ..self }
    }

    /// Changes what journeys go by: registration, mails, lifetimes, audiences, costs.
    pub(crate) const fn settings(self, change: fn(&mut Settings)) -> Self {
        Self { settings: Some(change), ..self }
    }
}

/// One running node.
pub(crate) struct App {
    /// Time, for all nodes of a test.
    pub(crate) clock: Arc<ManualClock>,
    /// The node's world: `env.store.statements()`, `env.hasher.jobs()`, upkeep, administration.
    pub(crate) env: Arc<Env>,
    mailbox: Arc<Mailbox>,
    public: Frame,
    operator: Frame,
    setup: Setup,
    place: Arc<Place>,
}

impl App {
    /// An app on a fresh database.
    pub(crate) async fn new(engine: Engine, setup: Setup) -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let mailbox = Arc::new(Mailbox::new(clock.clone()));
        Self::start(Arc::new(Place::new(engine).await), clock, mailbox, setup).await
    }

    async fn start(
        place: Arc<Place>,
        clock: Arc<ManualClock>,
        mailbox: Arc<Mailbox>,
        setup: Setup,
    ) -> Self {
        let config = config(&place, setup);
        let now = clock.now();
        let store = Store::open_and_migrate(place.options(), now).await.unwrap();
        let ring = KeyRing::single(&[7; 32]);
        let nonces = [[0; 12], [1; 12]];
        let mut era = [0; 16];
        OsEntropy.fill(&mut era);
        let claimed = boot::claim(&store, ring, purpose(config.mode), nonces, era, now).await;
        let (ring, _) = claimed.unwrap();
        let world = World { store, clock: clock.clone(), entropy: Arc::new(OsEntropy), ring };
        let mut settings = settings::of(&config);
        if let Some(change) = setup.settings {
            change(&mut settings);
        }
        let env = Arc::new(world.env(&config.passwords, settings));
        let metrics = Arc::new(Metrics::new("0.0.0"));
        let public = routes::public(&config, &env, Some(&mailbox), &metrics).unwrap();
        let operator = routes::operator(&config, &env, &Arc::new(Health::default()), &metrics);
        Self { clock, env, mailbox, public, operator, setup, place }
    }

    /// Another node on the same database, with the same keys, clock and mailbox.
    pub(crate) async fn second_node(&self) -> Self {
        let (place, clock) = (Arc::clone(&self.place), Arc::clone(&self.clock));
        Self::start(place, clock, Arc::clone(&self.mailbox), self.setup).await
    }

    /// The same node after an orderly end: what it had in memory is gone.
    pub(crate) async fn restart(self) -> Self {
        self.env.store.close(self.now()).await;
        Self::start(self.place, self.clock, self.mailbox, self.setup).await
    }

    /// Another installation with the same keys, clock and mailbox, on an empty database of the
    /// engine, which `fill` fills before it starts.
    pub(crate) async fn elsewhere(&self, engine: Engine, fill: impl AsyncFn(&Place)) -> Self {
        let place = Arc::new(Place::new(engine).await);
        fill(&place).await;
        Self::start(place, Arc::clone(&self.clock), Arc::clone(&self.mailbox), self.setup).await
    }

    /// Ends the node in order; its database.
    pub(crate) async fn end(self) -> Arc<Place> {
        self.env.store.close(self.now()).await;
        self.place
    }

    /// Where the database is, as an operator writes it.
    pub(crate) fn database(&self) -> String {
        self.place.address()
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Sends a request as it is, over a connection from `peer`.
    pub(crate) async fn send(&self, request: Request, peer: IpAddr) -> Reply {
        Reply::read(self.public.handle(request, peer).await).await
    }

    /// Sends whatever body with these headers and the right `Host`.
    pub(crate) async fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, HOST);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap(), Ipv4Addr::LOCALHOST.into()).await
    }

    /// Calls with a JSON body; with `Value::Null`, without any.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        bearer: Option<&str>,
        body: Value,
    ) -> Reply {
        let bearer = bearer.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("user-agent", "a test")];
        headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        if body.is_null() {
            return self.raw(method, path, &headers, Body::empty()).await;
        }
        headers.push(("content-type", "application/json"));
        self.raw(method, path, &headers, body.to_string()).await
    }

    /// `GET`.
    pub(crate) async fn get(&self, path: &str, bearer: Option<&str>) -> Reply {
        self.call("GET", path, bearer, Value::Null).await
    }

    /// `POST`; with `Value::Null`, without a body.
    pub(crate) async fn post(&self, path: &str, bearer: Option<&str>, body: Value) -> Reply {
        self.call("POST", path, bearer, body).await
    }

    /// `GET` on the second listener.
    pub(crate) async fn operator(&self, path: &str) -> Reply {
        let request = Request::get(path).header(header::HOST, "localhost:8081");
        let request = request.body(Body::empty()).unwrap();
        Reply::read(self.operator.handle(request, Ipv4Addr::LOCALHOST.into()).await).await
    }

    /// Sends what waits in the outbox; the newest mail to this address.
    pub(crate) async fn mail(&self, to: &str) -> Option<Message> {
        self.mails(to).await.into_iter().next()
    }

    /// Sends what waits in the outbox; all mails to this address, newest first.
    pub(crate) async fn mails(&self, to: &str) -> Vec<Message> {
        while send_one(&self.env, &*self.mailbox).await.unwrap() != Sent::Nothing {}
        self.mailbox.list(&Filter { to: Some(to.to_owned()), channel: None })
    }

    /// Registers an address with the usual [`PASSWORD`].
    pub(crate) async fn register(&self, email: &str) -> Reply {
        let body = json!({ "email": email, "password": PASSWORD });
        self.post("/auth/register", None, body).await.expect(201)
    }

    /// Signs in by the usual password: tokens, a challenge or an enrolment.
    pub(crate) async fn sign_in(&self, email: &str) -> Reply {
        let body = json!({ "email": email, "password": PASSWORD });
        self.post("/auth/login", None, body).await.expect(200)
    }

    /// Signs in by the usual password as far as the challenge; its token.
    pub(crate) async fn challenge(&self, email: &str) -> String {
        let reply = self.sign_in(email).await;
        assert_eq!(reply.json["status"], "mfa_required", "{}", reply.text);
        reply.text_at("/temp_token")
    }

    /// Signs in by the usual password and the app's code of this moment.
    pub(crate) async fn sign_in_with(&self, email: &str, totp: &Totp) -> Reply {
        let temp_token = self.challenge(email).await;
        let body = json!({ "temp_token": temp_token, "mfa_token": totp.code_at(self.now()) });
        self.post("/auth/login/mfa", None, body).await.expect(200)
    }

    /// Enrols the account's first authenticator app, which uses up the code of this moment.
    pub(crate) async fn enrol_totp(&self, access_token: &str) -> Enrolled {
        let bearer = Some(access_token);
        let setup = self.post("/auth/mfa/enable", bearer, Value::Null).await.expect(200);
        let totp = Totp::from_base32(&setup.text_at("/secret"));
        let confirm = json!({ "token": totp.code_at(self.now()) });
        let confirmed = self.post("/auth/mfa/confirm", bearer, confirm).await.expect(200);
        let codes = setup.json["backup_codes"].as_array().cloned().unwrap_or_default();
        Enrolled {
            totp,
            recovery_codes: codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect(),
            access_token: confirmed.text_at("/tokens/access_token"),
        }
    }
}

fn config(place: &Place, setup: Setup) -> Config {
    let mut config = Config::dev(&Dev {
        listen: (Ipv4Addr::LOCALHOST, 8080).into(),
        admin_listen: (Ipv4Addr::LOCALHOST, 8081).into(),
        data: place.home().to_owned(),
        database: Some(place.address()),
    })
    .unwrap();
    config.passwords.argon2 = Argon2 { memory_kib: 64, iterations: 1, parallelism: 1 };
    if let Some(change) = setup.config {
        change(&mut config);
    }
    config
}

/// An account's first authenticator app.
pub(crate) struct Enrolled {
    /// The app.
    pub(crate) totp: Totp,
    /// The recovery codes that came with it.
    pub(crate) recovery_codes: Vec<String>,
    /// The session's new access token; the one before is dead.
    pub(crate) access_token: String,
}

/// An authenticator app with the usual parameters.
pub(crate) struct Totp(Secret);

impl Totp {
    /// An app with this secret, as `/auth/mfa/enable` shows it.
    pub(crate) fn from_base32(secret: &str) -> Self {
        Self(Secret::new(data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap()))
    }

    /// What the app shows at `at`.
    pub(crate) fn code_at(&self, at: Timestamp) -> String {
        let step = u64::try_from(at.seconds() / 30).unwrap();
        format!("{:06}", hotp::code_at(&self.0, step, Algorithm::Sha1, 6))
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The body, or `Null` if it is no JSON.
    pub(crate) json: Value,
    pub(crate) text: String,
}

impl Reply {
    async fn read(response: axum::response::Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.into()).unwrap();
        let json = serde_json::from_str(&text).unwrap_or_default();
        Self { status: parts.status, headers: parts.headers, json, text }
    }

    /// Insists on this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// Insists on a problem with this status and code.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status.as_u16(), self.code()), (status, code), "{}", self.text);
        self
    }

    /// The code of a problem; empty if it is none.
    pub(crate) fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }

    /// The text at a JSON pointer.
    #[track_caller]
    pub(crate) fn text_at(&self, pointer: &str) -> String {
        let found = self.json.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("no text at {pointer} in {}", self.text)).to_owned()
    }
}
