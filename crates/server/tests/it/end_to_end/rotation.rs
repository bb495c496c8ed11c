//! Rotating all keys of a real installation under load: no request fails, on any node.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use data_encoding::BASE64URL_NOPAD;
use nightlatch_store::Engine;
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{interval, timeout},
};

use super::{
    authenticator::Authenticator,
    caller::Caller,
    installation::{Installation, OPEN},
    process::{PATIENCE, Running, nightlatch},
    server::Server,
};
use crate::app::Reply;

const ADA: &str = "ada@example.org";
const EVE: &str = "eve@example.org";

/// People who sign in and out all the time, on every node.
const CROWD: usize = 3;

/// Wrong passwords from one network that cost no wait.
const FREE: usize = 10;

/// What goes on meanwhile.
struct Traffic {
    nodes: Vec<Arc<Caller>>,
    stop: AtomicBool,
    /// How many rounds each has done; the last one is Ada.
    rounds: [AtomicUsize; CROWD + 1],
}

impl Traffic {
    fn node(&self, turn: usize) -> &Caller {
        &self.nodes[turn % self.nodes.len()]
    }

    /// Waits until everybody began and ended a round: nobody holds what was made before.
    async fn goes_on(&self, tasks: &mut JoinSet<()>) {
        let done = |who: &AtomicUsize| who.load(Ordering::SeqCst);
        let goals = self.rounds.each_ref().map(|who| done(who) + 2);
        let mut looks = interval(Duration::from_millis(20));
        while self.rounds.iter().zip(goals).any(|(who, goal)| done(who) < goal) {
            looks.tick().await;
            // One that ended has seen a request fail.
            assert!(tasks.try_join_next().map(Result::unwrap).is_none());
        }
    }

    /// Mistypes the password, signs in, renews, looks everywhere and signs out.
    async fn passwords(self: Arc<Self>, who: usize) {
        let email = format!("person-{who}@example.org");
        for turn in who.. {
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            let wrong = json!({ "email": email, "password": "not the password" });
            let mistyped = self.node(turn).post("/auth/login", None, wrong).await;
            mistyped.refused(401, "invalid-credentials");
            let tokens = self.node(turn).login(&email).await.expect(200);
            self.is_published(turn + 1, &tokens).await;
            let renewed = self.renew(turn + 1, &tokens).await;
            let access = renewed.text_at("/access_token");
            for node in &self.nodes {
                node.get("/auth/session", Some(&access)).await.expect(200);
            }
            let ended = self.node(turn + 1).post("/auth/logout", Some(&access), Value::Null);
            ended.await.expect(204);
            self.rounds[who].fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Keeps a session, renews it, raises it by codes of an app, and signs in elsewhere by those and by
    /// recovery codes.
    async fn second_factors(self: Arc<Self>, mut app: Authenticator, mut codes: Vec<String>) {
        let step = self.node(0).challenge(ADA).await;
        let mut tokens = self.node(1).answer(&step, &codes.pop().unwrap()).await.expect(200);
        for turn in 0.. {
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            tokens = self.renew(turn, &tokens).await;
            let access = tokens.text_at("/access_token");
            self.node(turn + 1).get("/auth/session", Some(&access)).await.expect(200);
            if !app.is_fresh() {
                if let Some(code) = codes.pop() {
                    let step = self.node(turn).challenge(ADA).await;
                    self.node(turn + 1).answer(&step, &code).await.expect(200);
                }
            } else if turn % 2 == 0 {
                let body = json!({ "method": "totp", "code": app.next().await });
                let raised = self.node(turn + 1).post("/auth/step-up", Some(&access), body).await;
                tokens = raised.expect(200);
                self.is_published(turn, &tokens).await;
            } else {
                let step = self.node(turn).challenge(ADA).await;
                tokens = self.node(turn + 1).answer(&step, &app.next().await).await.expect(200);
            }
            self.rounds[CROWD].fetch_add(1, Ordering::SeqCst);
        }
    }

    async fn renew(&self, turn: usize, tokens: &Reply) -> Reply {
        let body = json!({ "refresh_token": tokens.text_at("/refresh_token") });
        self.node(turn).post("/auth/refresh", None, body).await.expect(200)
    }

    /// Insists that a node publishes the key that another one signed an access token with.
    async fn is_published(&self, turn: usize, tokens: &Reply) {
        let token = tokens.text_at("/access_token");
        let header = BASE64URL_NOPAD.decode(token.split('.').next().unwrap().as_bytes()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        let set = self.node(turn).get("/.well-known/jwks.json", None).await.expect(200);
        let mut keys = set.json["keys"].as_array().unwrap().iter();
        assert!(keys.any(|key| key["kid"] == header["kid"]), "{header} {}", set.text);
    }

    /// Waits until every node publishes so many keys.
    async fn publishes(&self, number: usize) {
        let mut looks = interval(Duration::from_millis(20));
        for node in &self.nodes {
            let published = async {
                loop {
                    let set = node.get("/.well-known/jwks.json", None).await.expect(200);
                    if set.json["keys"].as_array().unwrap().len() == number {
                        return;
                    }
                    looks.tick().await;
                }
            };
            timeout(PATIENCE, published).await.expect("another number of keys is published");
        }
    }
}

/// An installation on all the nodes that its engine allows, each with a key file of its own.
struct Nodes {
    installation: Installation,
    servers: Vec<Server>,
    elsewhere: PathBuf,
}

impl Nodes {
    async fn start(engine: Engine) -> Self {
        let installation = Installation::new(engine, OPEN).await;
        let mut servers = vec![installation.migrate_and_serve().await];
        let elsewhere = installation.path("keys-elsewhere");
        if engine == Engine::Postgres {
            servers.push(installation.serve_elsewhere(&elsewhere).await);
        }
        Self { installation, servers, elsewhere }
    }

    /// Copies the key file to the other node, as an operator does, and tells all to look at theirs.
    async fn distribute(&self) {
        if self.servers.len() > 1 {
            let copied = self.installation.path("copied");
            fs::copy(self.installation.path("keys"), &copied).unwrap();
            fs::rename(copied, &self.elsewhere).unwrap();
        }
        for server in &self.servers {
            server.running.signal("HUP").await;
        }
    }

    async fn keys(&self) -> Vec<(String, String, i64)> {
        let list = self.installation.command(["keys", "list", "--json"]).await.with(0).json();
        let key = |key: &Value| {
            let text = |name: &str| key[name].as_str().unwrap().to_owned();
            (text("key"), text("state"), key["rows"].as_i64().unwrap())
        };
        list["keys"].as_array().unwrap().iter().map(key).collect()
    }

    fn rotating(&self) -> Running {
        let mut command = nightlatch(["keys", "rotate", "--config"]);
        Running::start(command.arg(self.installation.path("nightlatch.toml")))
    }

    /// Lets the time pass that those who check tokens may keep our keys.
    async fn long_after(&self) {
        let long_ago = "UPDATE ring_keys SET known_at = known_at - 600000; \
                        UPDATE nodes SET since = since - 600000;";
        self.installation.tamper(long_ago).await;
    }

    /// Rotates, distributing the file whenever it is waited for. The command is cut off once.
    async fn rotate(&self) {
        let mut cut = self.rotating();
        cut.prints("is added and opens").await;
        cut.kill().await;
        let mut rotate = self.rotating();
        rotate.prints("is added and opens").await;
        self.distribute().await;
        rotate.prints("was published a moment ago").await;
        self.long_after().await;
        rotate.prints("seals and signs from now on").await;
        self.distribute().await;
        self.assert_done(&rotate.ended().await.succeeded());
    }

    /// The same step by step; `rotate` does what is left.
    async fn rotate_by_hand(&self) {
        self.installation.command(["keys", "add"]).await.succeeded();
        let (added, ..) = self.keys().await.remove(1);
        self.distribute().await;
        let promote = ["keys", "promote", added.as_str()];
        let published = async {
            while !self.installation.command(promote).await.with(1).stderr.contains("a moment ago")
            {
            }
        };
        timeout(PATIENCE, published).await.expect("a server does not hear of the key");
        self.long_after().await;
        self.installation.command(promote).await.succeeded();
        self.distribute().await;
        self.assert_done(&self.installation.command(["keys", "rotate"]).await.succeeded());
    }

    fn assert_done(&self, told: &str) {
        assert!(told.contains("rows were made anew"), "{told}");
        self.assert_unspoken(told);
    }

    /// No key is ever told.
    fn assert_unspoken(&self, text: &str) {
        let keys = fs::read_to_string(self.installation.path("keys")).unwrap();
        let secret = |line: &&str| !line.is_empty() && !line.starts_with('#');
        assert!(!keys.lines().filter(secret).any(|key| text.contains(key)), "{text}");
    }

    async fn events(&self, kind: &str) -> i64 {
        let query = format!("SELECT COUNT(*) FROM audit WHERE body LIKE '%\"{kind}\"%'");
        self.installation.count(&query).await
    }
}

async fn try_wrong(caller: &Caller) -> Reply {
    let body = json!({ "email": EVE, "password": "not the password" });
    caller.post("/auth/login", None, body).await
}

/// People, and what they do while `nodes` serve.
async fn traffic(nodes: &Nodes, tasks: &mut JoinSet<()>) -> Arc<Traffic> {
    let one = &nodes.servers[0].public;
    one.register(ADA).await;
    let enrolled = one.enrol(&one.sign_in(ADA).await).await;
    let codes = enrolled.setup.json["backup_codes"].as_array().unwrap();
    let codes = codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    let traffic = Arc::new(Traffic {
        nodes: nodes.servers.iter().map(|server| Arc::clone(&server.public)).collect(),
        stop: AtomicBool::new(false),
        rounds: Default::default(),
    });
    for who in 0..CROWD {
        one.register(&format!("person-{who}@example.org")).await;
        tasks.spawn(Arc::clone(&traffic).passwords(who));
    }
    tasks.spawn(Arc::clone(&traffic).second_factors(enrolled.app, codes));
    traffic
}

async fn rotate_and_retire(engine: Engine) {
    let nodes = Nodes::start(engine).await;
    let mut tasks = JoinSet::new();
    for _ in 0..FREE {
        try_wrong(&nodes.servers[0].public).await.refused(401, "invalid-credentials");
    }
    let traffic = traffic(&nodes, &mut tasks).await;
    traffic.goes_on(&mut tasks).await;
    let (old, ..) = nodes.keys().await.remove(0);

    match engine {
        Engine::Sqlite => nodes.rotate_by_hand().await,
        Engine::Postgres => nodes.rotate().await,
    }
    traffic.goes_on(&mut tasks).await;
    let keys = nodes.keys().await;
    assert_eq!(keys[1], (old.clone(), "opening".to_owned(), 0), "{keys:?}");
    assert_eq!(keys[0].1, "sealing and signing");
    let retire = ["keys", "retire", old.as_str()];
    let early = nodes.installation.command(retire).await.with(1);
    assert!(early.stderr.contains("tokens and links"), "{}", early.stderr);
    assert!(early.stderr.contains("--at-once"), "{}", early.stderr);
    // Two days pass; everybody has new tokens.
    let long_ago = "UPDATE ring_keys SET sealed_at = sealed_at - 172800000";
    nodes.installation.tamper(long_ago).await;
    nodes.assert_unspoken(&nodes.installation.command(retire).await.succeeded());
    nodes.distribute().await;
    traffic.publishes(1).await;
    traffic.goes_on(&mut tasks).await;
    traffic.stop.store(true, Ordering::SeqCst);
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }

    let last = nodes.servers.last().unwrap();
    try_wrong(&last.public).await;
    try_wrong(&last.public).await.refused(429, "too-many-attempts");
    assert_eq!(nodes.keys().await.len(), 1);
    for kind in ["key_added", "key_promoted", "keys_resealed", "key_retired"] {
        assert_eq!(nodes.events(kind).await, 1, "{kind}");
    }
    assert_kept(&nodes.installation.path("keys.retired"), &old);
    let metrics = last.operator.get("/metrics", None).await.expect(200).text;
    assert!(metrics.contains("nightlatch_keys_refused 0\n"), "{metrics}");
    for server in nodes.servers {
        server.stop().await;
    }
    let again = nodes.installation.serve().await;
    again.public.challenge(ADA).await;
    again.public.sign_in("person-0@example.org").await;
    nodes.installation.command(["audit", "verify"]).await.succeeded();
    again.stop().await;
    nodes.installation.remove().await;
}

/// Insists that the retired key can be found again.
fn assert_kept(beside: &Path, tag: &str) {
    use nightlatch_core::keys::KeyRing;
    let kept = KeyRing::parse(&fs::read_to_string(beside).unwrap()).unwrap();
    assert_eq!(kept.tags().map(|tag| tag.to_string()).collect::<Vec<_>>(), [tag]);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_keys_are_rotated_under_load_and_no_request_fails() {
    rotate_and_retire(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_keys_of_two_nodes_are_rotated_under_load_and_no_request_fails() {
    rotate_and_retire(Engine::Postgres).await;
}
