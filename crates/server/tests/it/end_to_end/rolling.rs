//! Two nodes behind nginx are restarted one after the other, under load, and nobody notices.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use nightlatch_core::Timestamp;
use nightlatch_store::Engine;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::timeout};

use super::{
    authenticator::now,
    caller::Caller,
    faults::pass,
    installation::{Installation, OPEN},
    nginx::{Nginx, free_port},
    process::{Finished, PATIENCE},
    server::{HOST, Server},
};
use crate::app::{PASSWORD, Totp};

/// How often each node is restarted.
const ROUNDS: usize = 2;

/// Long enough for the sample's idle connections to run off.
const DRAIN: &str = "http.drain = 3";

/// People with an app: enough codes for all of the time. As many sign-ins there are at least.
const PEOPLE: u64 = 24;

/// How often two of them sign in: often enough to meet every restart, seldom enough for their codes.
const PACE: Duration = Duration::from_millis(800);

/// Calls until told to stop, and what became of them.
struct Load {
    caller: Caller,
    over: AtomicBool,
    /// Calls that were answered as they should be.
    answered: AtomicU64,
    /// Sign-ins that were told to have succeeded.
    sign_ins: AtomicU64,
}

impl Load {
    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    /// A call that has to succeed at once; its answer.
    async fn call(&self, method: Method, path: &str, bearer: Option<&str>, body: Value) -> Value {
        let reply = self.caller.try_call(method, path, bearer, &body).await;
        let reply = reply.unwrap_or_else(|error| panic!("{path} after {self}: {error}"));
        assert_eq!(reply.status, 200, "{path} after {self}: {}", reply.text);
        self.answered.fetch_add(1, Ordering::Relaxed);
        reply.json
    }

    /// Reads, as often as a page would.
    async fn read(self: Arc<Self>, access: String) {
        while self.goes_on() {
            self.call(Method::GET, "/auth/session", Some(&access), Value::Null).await;
            pass(Duration::from_millis(3)).await;
        }
    }

    /// Renews: a token whose answer is lost, or that is sent twice, ends the chain.
    async fn renew(self: Arc<Self>, mut token: String) {
        while self.goes_on() {
            let body = json!({ "refresh_token": token });
            let renewed = self.call(Method::POST, "/auth/refresh", None, body).await;
            renewed["refresh_token"].as_str().unwrap().clone_into(&mut token);
            pass(Duration::from_millis(10)).await;
        }
    }

    /// Signs these people in, each with every code of theirs.
    async fn sign_in(self: Arc<Self>, mut people: Vec<Person>) {
        while self.goes_on() {
            for person in &mut people {
                pass(PACE).await;
                if !self.goes_on() {
                    return;
                }
                if !person.has_code() {
                    continue;
                }
                let body = json!({ "email": person.email, "password": PASSWORD });
                let first = self.call(Method::POST, "/auth/login", None, body).await;
                let body = json!({ "temp_token": first["temp_token"], "mfa_token": person.code() });
                let second = self.call(Method::POST, "/auth/login/mfa", None, body).await;
                assert_eq!(second["status"], "complete", "{second}");
                self.sign_ins.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl std::fmt::Display for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [calls, sign_ins] =
            [&self.answered, &self.sign_ins].map(|count| count.load(Ordering::Relaxed));
        write!(f, "{calls} calls with {sign_ins} sign-ins")
    }
}

/// Somebody with an authenticator app.
struct Person {
    email: String,
    totp: Totp,
    /// The step of the last code.
    last: i64,
}

impl Person {
    async fn enrolled(caller: &Caller, number: u64) -> Self {
        let email = format!("person-{number}@example.org");
        caller.register(&email).await;
        let access = caller.sign_in(&email).await;
        let setup = caller.post("/auth/mfa/enable", Some(&access), Value::Null).await.expect(200);
        let totp = Totp::from_base32(&setup.text_at("/secret"));
        let mut person = Self { email, totp, last: 0 };
        let body = json!({ "token": person.code() });
        caller.post("/auth/mfa/confirm", Some(&access), body).await.expect(200);
        person
    }

    /// Whether a code that was not used is accepted by now: that of this step or of the next one.
    fn has_code(&self) -> bool {
        self.last <= now() / 30
    }

    /// That code. Its step is not over, so that it is accepted for half a minute at least.
    fn code(&mut self) -> String {
        self.last = (self.last + 1).max(now() / 30);
        self.totp.code_at(Timestamp::from_seconds(self.last * 30))
    }
}

/// Settings of two nodes with ports that stay, behind a proxy on this machine; their addresses.
fn configure(installation: &Installation) -> [(PathBuf, SocketAddr); 2] {
    [1, 2].map(|number| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let settings = installation.settings().replace("http.drain = 0", DRAIN).replace(
            "http.listen = \"127.0.0.1:0\"",
            &format!("http.listen = \"{address}\"\nhttp.trusted_proxies = [\"127.0.0.1/32\"]"),
        );
        let file = installation.path(&format!("node-{number}.toml"));
        fs::write(&file, format!("{settings}{OPEN}")).unwrap();
        (file, address)
    })
}

#[tokio::test]
async fn nodes_are_restarted_in_turn_without_a_failed_request() {
    let installation = Installation::new(Engine::Postgres, OPEN).await;
    installation.command(["migrate"]).await.succeeded();
    let configured = configure(&installation);
    let mut nodes = Vec::new();
    for (config, _) in &configured {
        nodes.push(Server::serve(config).await);
    }
    let nginx = Nginx::start([configured[0].1, configured[1].1]).await;
    let load = Arc::new(Load {
        caller: Caller::new(nginx.port, HOST),
        over: AtomicBool::new(false),
        answered: AtomicU64::new(0),
        sign_ins: AtomicU64::new(0),
    });
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        people.push(Person::enrolled(&load.caller, number).await);
    }
    load.caller.register("ada@example.org").await;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(load.caller.login("ada@example.org").await.expect(200));
    }

    let mut calling = JoinSet::new();
    for session in sessions {
        calling.spawn(Arc::clone(&load).read(session.text_at("/access_token")));
        calling.spawn(Arc::clone(&load).renew(session.text_at("/refresh_token")));
    }
    let others = people.split_off(people.len() / 2);
    calling.spawn(Arc::clone(&load).sign_in(people));
    calling.spawn(Arc::clone(&load).sign_in(others));

    let mut logs = Vec::new();
    for _ in 0..ROUNDS {
        for (config, _) in &configured {
            let Finished { stderr, .. } = nodes.remove(0).stop().await;
            logs.push(stderr);
            nodes.push(Server::serve(config).await);
        }
    }
    let enough = async {
        while load.sign_ins.load(Ordering::Relaxed) < PEOPLE {
            pass(Duration::from_millis(100)).await;
        }
    };
    // Whoever stops before was not answered as they should be.
    tokio::select! {
        stopped = calling.join_next() => panic!("{stopped:?}"),
        enough = timeout(PATIENCE, enough) => enough.unwrap_or_else(|_| panic!("only {load}")),
    }
    load.over.store(true, Ordering::Relaxed);
    // A call that failed fails here.
    calling.join_all().await;
    println!("{load}, {} restarts", logs.len());

    let sign_ins = |outcome: &str| {
        format!(
            "SELECT count(*) FROM audit WHERE body LIKE '%\"sign_in\"%' \
             AND body LIKE '%\"totp\"%' AND body LIKE '%\"{outcome}\"%'"
        )
    };
    let told = i64::try_from(load.sign_ins.load(Ordering::Relaxed)).unwrap();
    assert_eq!(installation.count(&sign_ins("success")).await, told);
    assert_eq!(installation.count(&sign_ins("failure")).await, 0);
    for node in nodes {
        logs.push(node.stop().await.stderr);
    }
    logs.push(nginx.access_log());
    logs.push(nginx.stop().await);
    for log in logs {
        load.caller.journal.assert_absent(&log);
    }
    installation.command(["audit", "verify"]).await.succeeded();
    installation.remove().await;
}
