//! PostgreSQL restarts, is out of reach, is silent, loses its last word and has no room. The server stays the same
//! process and comes back by itself.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::time::Instant;

use super::{
    crowd::Crowd,
    dice::{Dice, pass},
    ledger::Ledger,
    postgres::{Postgres, Stop},
    proxy::{Proxy, Way},
    rounds,
    world::NO_SPACE,
};
use crate::end_to_end::{
    installation::{Installation, OPEN},
    process::PATIENCE,
    server::Server,
};

/// Rounds of the short run.
const FEW: u64 = 3;

/// How many rounds of kills there are for one of restarts.
const RARER: u64 = 4;

/// No request takes longer: what waits for an answer, and for a connection after that.
const LONGEST: Duration = Duration::from_secs(25);

const PAUSE: Duration = Duration::from_millis(20);

const ADA: &str = "ada@example.org";

/// A server whose PostgreSQL is its own, behind a network of its own.
struct Site {
    postgres: Postgres,
    proxy: Proxy,
    installation: Installation,
    server: Server,
}

impl Site {
    async fn new() -> Self {
        let postgres = Postgres::start().await;
        let proxy = Proxy::before(postgres.port()).await;
        let installation = Installation::on(Postgres::address(proxy.port()), OPEN).await;
        let server = installation.migrate_and_serve().await;
        Self { postgres, proxy, installation, server }
    }

    /// What the operator's listener says about readiness.
    async fn readiness(&self) -> u16 {
        let asked = self.server.operator.try_call(Method::GET, "/readyz", None, &Value::Null);
        let reply = asked.await.unwrap();
        assert!(reply.status == 204 || reply.headers.contains_key("retry-after"), "{}", reply.text);
        reply.status.as_u16()
    }

    /// Waits for this readiness; how long it took.
    async fn becomes(&self, readiness: u16) -> Duration {
        let begun = Instant::now();
        while self.readiness().await != readiness {
            assert!(begun.elapsed() < PATIENCE, "it does not become {readiness}");
            pass(PAUSE).await;
        }
        begun.elapsed()
    }

    /// Examines everybody; then ends the server, whose log is returned.
    async fn end(self, crowd: &mut Crowd) -> String {
        crowd.examine(&self.server.public).await;
        assert_bounded(&crowd.ledger);
        self.installation.command(["audit", "verify"]).await.succeeded();
        self.server.stop().await.stderr
    }
}

#[track_caller]
fn assert_bounded(ledger: &Ledger) {
    assert!(ledger.longest() < LONGEST, "{ledger}");
}

/// The lines that tell of an outage's begin and end, in their order.
fn told(log: &str) -> Vec<&str> {
    let mut told = Vec::new();
    for line in log.lines() {
        if line.contains("The database is not available") {
            assert!(line.contains("see that PostgreSQL runs"), "{line}");
            told.push("gone");
        }
        if line.contains("The database is back") {
            told.push("back");
        }
    }
    told
}

#[tokio::test]
async fn what_callers_were_told_stays_true_when_postgresql_restarts() {
    let rounds = rounds(FEW * RARER) / RARER;
    let mut dice = Dice::printed();
    let mut crowd = Crowd::new(&mut dice);
    let mut site = Site::new().await;
    let mut longest = Duration::ZERO;
    for _ in 0..rounds {
        let caller = site.server.public.clone();
        longest = longest.max(
            crowd
                .walk(&caller, async {
                    dice.dawdle(Duration::from_millis(600)).await;
                    let how = *dice.one_of(&[Stop::Fast, Stop::Immediate]);
                    site.postgres.restart(how).await;
                    site.becomes(204).await
                })
                .await,
        );
        crowd.examine(&caller).await;
    }
    let log = site.end(&mut crowd).await;
    let longest = longest.as_secs_f64();
    println!("PostgreSQL restarts {rounds}, {}, longest until ready {longest:.1} s", crowd.ledger);
    assert!(told(&log).contains(&"back"), "{log}");
}

#[tokio::test]
async fn without_a_way_to_postgresql_everybody_is_told_so_at_once() {
    let mut crowd = Crowd::new(&mut Dice::printed());
    let site = Site::new().await;
    let caller = site.server.public.clone();
    crowd.walk(&caller, pass(Duration::from_millis(500))).await;
    crowd
        .walk(&caller, async {
            site.proxy.set(Way::Cut);
            site.becomes(503).await;
            let begun = Instant::now();
            caller.get("/auth/config", None).await.expect(200);
            for _ in 0..20 {
                caller.login("nobody@example.org").await.refused(503, "unavailable");
            }
            assert!(begun.elapsed() < LONGEST, "{:?}", begun.elapsed());
            site.proxy.set(Way::Open);
            site.becomes(204).await;
        })
        .await;
    let told = site.end(&mut crowd).await;
    let told = self::told(&told);
    assert!(told.len() <= 6, "an outage is told once for writing and once for reading: {told:?}");
    assert_eq!(told.iter().filter(|what| **what == "gone").count() * 2, told.len(), "{told:?}");
}

#[tokio::test]
async fn a_postgresql_that_is_silent_is_given_up_and_found_again() {
    let mut crowd = Crowd::new(&mut Dice::printed());
    let site = Site::new().await;
    let caller = site.server.public.clone();
    crowd.walk(&caller, pass(Duration::from_millis(500))).await;
    crowd
        .walk(&caller, async {
            site.proxy.set(Way::Silent);
            let gone = site.becomes(503).await;
            assert!(gone < LONGEST, "{gone:?}");
            site.proxy.set(Way::Open);
            site.becomes(204).await;
        })
        .await;
    site.end(&mut crowd).await;
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_neither_lost_nor_done_twice() {
    let mut dice = Dice::printed();
    let mut crowd = Crowd::new(&mut dice);
    let site = Site::new().await;
    let caller = site.server.public.clone();
    for _ in 0..rounds(8) {
        crowd
            .walk(&caller, async {
                dice.dawdle(Duration::from_millis(60)).await;
                site.proxy.lose_a_commit();
                while !site.proxy.has_lost() {
                    pass(PAUSE).await;
                }
                dice.dawdle(Duration::from_millis(100)).await;
            })
            .await;
    }
    site.becomes(204).await;
    site.end(&mut crowd).await;
    println!("commits without an answer {}, {}", rounds(8), crowd.ledger);
}

#[tokio::test]
async fn without_room_on_postgresqls_disk_writes_are_refused_until_there_is_some() {
    let mut crowd = Crowd::new(&mut Dice::printed());
    let site = Site::new().await;
    let caller = site.server.public.clone();
    caller.register(ADA).await;
    let access = caller.sign_in(ADA).await;
    crowd
        .walk(&caller, async {
            site.postgres.world().grows(NO_SPACE);
            // What finds room in its page goes on.
            let begun = Instant::now();
            while caller.login(ADA).await.status != 503 {
                assert!(begun.elapsed() < PATIENCE, "every sign-in found room");
            }
            caller.get("/auth/session", Some(&access)).await.expect(200);
            site.postgres.world().grows(0);
            caller.sign_in(ADA).await;
            site.becomes(204).await;
        })
        .await;
    let log = site.end(&mut crowd).await;
    let next = "make room on PostgreSQL's disk";
    let told = |line: &&str| line.contains("\"level\":\"ERROR\"");
    let told: Vec<_> = log.lines().filter(told).collect();
    assert!(!told.is_empty() && told.iter().all(|line| line.contains(next)), "{told:?}");
    assert!(log.contains("The database is back"), "{log}");
}
