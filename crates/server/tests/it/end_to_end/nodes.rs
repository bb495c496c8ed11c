//! Two nodes on one PostgreSQL: what one has seen, the other knows.

use std::{fs, time::Duration};

use nightlatch_store::Engine;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::{
    installation::{Installation, OPEN},
    process::PATIENCE,
    proxy::Proxy,
    server::Server,
};

const ADA: &str = "ada@example.org";

async fn two_nodes() -> (Installation, Server, Server) {
    let installation = Installation::new(Engine::Postgres, OPEN).await;
    let one = installation.migrate_and_serve().await;
    let other = installation.serve().await;
    (installation, one, other)
}

#[tokio::test]
async fn a_code_used_on_one_node_is_refused_on_the_other() {
    let (installation, one, other) = two_nodes().await;
    one.public.register(ADA).await;
    let access = other.public.sign_in(ADA).await;
    let mut app = one.public.enrol(&access).await.app;

    let code = app.next().await;
    let (here, there) = (one.public.challenge(ADA).await, other.public.challenge(ADA).await);
    let (first, second) =
        tokio::join!(one.public.answer(&here, &code), other.public.answer(&there, &code));
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401], "{} {}", first.text, second.text);

    let later = other.public.challenge(ADA).await;
    other.public.answer(&later, &code).await.refused(401, "invalid-code");
    let spent = if first.status == 200 { here } else { there };
    for node in [&one, &other] {
        node.public.answer(&spent, &code).await.refused(401, "flow-ended");
    }
    installation.command(["audit", "verify"]).await.succeeded();
    one.stop().await;
    other.stop().await;
    installation.remove().await;
}

#[tokio::test]
async fn a_session_ended_on_one_node_is_over_on_the_other() {
    let (installation, one, other) = two_nodes().await;
    one.public.register(ADA).await;
    let signed_in = one.public.login(ADA).await.expect(200);
    let access = signed_in.text_at("/access_token");
    for node in [&one, &other] {
        node.public.get("/auth/session", Some(&access)).await.expect(200);
    }
    one.public.post("/auth/logout", Some(&access), Value::Null).await.expect(204);
    one.public.get("/auth/session", Some(&access)).await.refused(401, "unauthenticated");
    for node in [&other, &one] {
        let body = json!({ "refresh_token": signed_in.text_at("/refresh_token") });
        node.public.post("/auth/refresh", None, body).await.refused(400, "invalid-token");
    }
    one.stop().await;
    other.stop().await;
    installation.remove().await;
}

#[tokio::test]
async fn a_refresh_token_used_on_one_node_is_superseded_on_the_other_then_ends_the_session() {
    let (installation, one, other) = two_nodes().await;
    one.public.register(ADA).await;
    let first = one.public.login(ADA).await.expect(200).text_at("/refresh_token");
    let refresh = async |node: &Server, token: &str| {
        node.public.post("/auth/refresh", None, json!({ "refresh_token": token })).await
    };
    let second = refresh(&one, &first).await.expect(200).text_at("/refresh_token");
    refresh(&other, &first).await.refused(409, "refresh-superseded");
    let access = refresh(&other, &second).await.expect(200).text_at("/access_token");
    one.public.get("/auth/session", Some(&access)).await.expect(200);

    refresh(&one, &first).await.refused(400, "invalid-token");
    one.public.get("/auth/session", Some(&access)).await.refused(401, "unauthenticated");
    refused_in_time(&other, &access).await;
    one.stop().await;
    other.stop().await;
    installation.remove().await;
}

/// How long a node may go by what another one ended.
const IN_TIME: Duration = Duration::from_secs(1);

/// Insists that a token which was ended just now is refused in time; how long it was not.
async fn refused_in_time(node: &Server, access: &str) -> Duration {
    let begun = Instant::now();
    loop {
        let asked = begun.elapsed();
        let reply = node.public.get("/auth/session", Some(access)).await;
        if reply.status == 401 {
            return asked;
        }
        reply.expect(200);
        assert!(asked < IN_TIME, "accepted after {asked:?}");
    }
}

/// One of a node's numbers.
async fn number(node: &Server, name: &str) -> u64 {
    let text = node.operator.get("/metrics", None).await.expect(200).text;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a number");
    line.trim().parse().unwrap()
}

const FROM_MEMORY: &str = "nightlatch_callers_total{source=\"memory\"}";

/// Signs in on one node and makes the token warm on the other.
async fn warm(one: &Server, other: &Server) -> String {
    let access = one.public.sign_in(ADA).await;
    let before = number(other, FROM_MEMORY).await;
    let warming = async {
        while number(other, FROM_MEMORY).await == before {
            other.public.get("/auth/session", Some(&access)).await.expect(200);
        }
    };
    timeout(PATIENCE, warming).await.expect("it is never warm");
    access
}

async fn end(one: &Server, access: &str) {
    one.public.post("/auth/logout", Some(access), Value::Null).await.expect(204);
}

#[tokio::test]
async fn a_session_in_memory_that_another_node_ends_is_refused_within_a_second() {
    const ROUNDS: usize = 20;
    let (installation, one, other) = two_nodes().await;
    one.public.register(ADA).await;
    let mut worst = Duration::ZERO;
    for _ in 0..ROUNDS {
        let access = warm(&one, &other).await;
        end(&one, &access).await;
        worst = worst.max(refused_in_time(&other, &access).await);
    }
    println!("refused after {worst:?} at the worst of {ROUNDS}");
    one.stop().await;
    other.stop().await;
    installation.remove().await;
}

#[tokio::test]
async fn a_session_is_refused_within_a_second_though_listeners_lose_their_connections() {
    const ROUNDS: usize = 10;
    const CUT: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid() \
        AND (query LIKE 'NOTIFY%' OR query LIKE 'LISTEN%')";
    let (installation, one, other) = two_nodes().await;
    one.public.register(ADA).await;
    let (mut worst, mut cuts) = (Duration::ZERO, 0);
    for round in 0..ROUNDS {
        let access = warm(&one, &other).await;
        // Before the end, after it, or both.
        if round % 3 != 1 {
            cuts += installation.count(CUT).await;
        }
        end(&one, &access).await;
        let (took, cut) = tokio::join!(refused_in_time(&other, &access), async {
            if round % 3 == 0 { 0 } else { installation.count(CUT).await }
        });
        (worst, cuts) = (worst.max(took), cuts + cut);
    }
    println!("refused after {worst:?} at the worst of {ROUNDS}, with {cuts} cuts");
    assert!(cuts >= i64::try_from(ROUNDS).unwrap());
    one.stop().await;
    other.stop().await;
    installation.remove().await;
}

#[tokio::test]
async fn a_session_is_refused_within_a_second_though_no_notification_comes_through() {
    const ROUNDS: usize = 5;
    const HEARS: &str = "nightlatch_hears_changes";
    let installation = Installation::new(Engine::Postgres, OPEN).await;
    let one = installation.migrate_and_serve().await;
    let (address, config) = (installation.database(), installation.path("nightlatch.toml"));
    let (_, host) = address.rsplit_once('@').expect("a user and a host");
    let (host, _) = host.split_once('/').expect("a database");
    let proxy = Proxy::new(host.parse().unwrap()).await;
    let passed = fs::read_to_string(config).unwrap();
    let passed = passed.replace(host, &format!("127.0.0.1:{}", proxy.port));
    let config = installation.path("behind-the-proxy.toml");
    fs::write(&config, passed).unwrap();
    let other = Server::serve(&config).await;
    one.public.register(ADA).await;
    let mut worst = Duration::ZERO;
    for _ in 0..ROUNDS {
        proxy.deafen(false);
        let access = warm(&one, &other).await;
        proxy.deafen(true);
        end(&one, &access).await;
        worst = worst.max(refused_in_time(&other, &access).await);
        // Memory is out of use, and the database goes on.
        assert_eq!(number(&other, HEARS).await, 0);
        let access = one.public.sign_in(ADA).await;
        other.public.get("/auth/session", Some(&access)).await.expect(200);
        end(&one, &access).await;
        other.public.get("/auth/session", Some(&access)).await.refused(401, "unauthenticated");
    }
    println!("refused after {worst:?} at the worst of {ROUNDS}");
    one.stop().await;
    other.stop().await;
    installation.remove().await;
}

#[tokio::test]
async fn an_account_that_the_command_line_disables_beside_a_server_is_out_within_a_second() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let installation = Installation::new(engine, OPEN).await;
        let server = installation.migrate_and_serve().await;
        server.public.register(ADA).await;
        for _ in 0..3 {
            let access = warm(&server, &server).await;
            installation.command(["user", "disable", ADA]).await.succeeded();
            let took = refused_in_time(&server, &access).await;
            println!("on {engine}: refused after {took:?}");
            installation.command(["user", "enable", ADA]).await.succeeded();
        }
        server.stop().await;
        installation.remove().await;
    }
}
