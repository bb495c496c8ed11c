//! The end of a process, and the names it answers to until then.

use nightlatch_store::Engine;
use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    installation::{Installation, OPEN, each_engine},
    process::{PATIENCE, Running, nightlatch},
    server::HOST,
};
use crate::app::PASSWORD;

const ADA: &str = "ada@example.org";

#[tokio::test]
async fn a_request_under_way_finishes_before_the_process_does() {
    each_engine(OPEN, async |installation| {
        let mut server = installation.migrate_and_serve().await;
        let address = server.public.address();
        let body = json!({ "email": ADA, "password": PASSWORD }).to_string();
        let head = format!(
            "POST /auth/register HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // The server waits for the body now, and nothing but the body.
        let mut go_on = [0; 25];
        timeout(PATIENCE, stream.read_exact(&mut go_on)).await.unwrap().unwrap();
        assert_eq!(go_on.as_slice(), b"HTTP/1.1 100 Continue\r\n\r\n");

        server.running.terminate().await;
        server.running.logs("Stopping").await;
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
        server.running.ended().await.with(0);

        let chains = async |ends: &str| {
            let like = format!("SELECT count(*) FROM audit WHERE body LIKE '%{ends}%'");
            installation.count(&like).await
        };
        let (opened, closed) = (chains("audit_opened").await, chains("audit_closed").await);
        assert!(opened > 0 && opened == closed, "{opened} chains, {closed} of them closed");
        installation.command(["audit", "verify"]).await.succeeded();
        let server = installation.serve().await;
        server.public.sign_in(ADA).await;
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_process_that_is_asked_to_stop_serves_on_and_takes_no_more_until_it_is_asked_again() {
    let installation = Installation::new(Engine::Sqlite, OPEN).await;
    let patient = installation.settings().replace("http.drain = 0", "http.drain = 300");
    installation.configure(&format!("{patient}{OPEN}"));
    for again in ["TERM", "INT"] {
        let mut server = installation.migrate_and_serve().await;
        let kept = server.public.get("/auth/config", None).await.expect(200);
        assert!(!kept.headers.contains_key("connection"));
        server.running.terminate().await;
        server.running.logs("Draining").await;

        server.operator.get("/readyz", None).await.refused(503, "unavailable");
        server.operator.get("/healthz", None).await.expect(204);
        for _ in 0..2 {
            let last = server.public.get("/auth/config", None).await.expect(200);
            assert_eq!(last.headers["connection"], "close");
        }
        server.running.signal(again).await;
        let log = server.running.ended().await.with(0).stderr;
        assert!(log.contains("Stopping") && log.contains("this server is stopping"), "{log}");
    }
}

#[tokio::test]
async fn a_process_that_is_stopped_as_soon_as_it_serves_ends_well() {
    each_engine("", async |installation| {
        installation.command(["migrate"]).await.succeeded();
        let config = installation.path("nightlatch.toml");
        let mut running = Running::start(nightlatch(["serve", "--config"]).arg(config));
        running.logs("Serving").await;
        running.terminate().await;
        let log = running.ended().await.with(0).stderr;
        assert!(log.contains("Stopping"), "{log}");
    })
    .await;
}

#[tokio::test]
async fn a_name_that_is_not_ours_is_misdirected() {
    let installation = Installation::new(Engine::Sqlite, "").await;
    let production = installation.migrate_and_serve().await;
    let development = installation.dev().await;
    let own = production.public.address().to_string();
    for (caller, path, host) in [
        (&*production.public, "/auth/config", "evil.example"),
        (&production.public, "/auth/config", &own),
        (&production.public, "/auth/config", "localhost"),
        (&production.operator, "/readyz", HOST),
        (&development.public, "/auth/config", "evil.example"),
        (&development.operator, "/readyz", "evil.example"),
    ] {
        let request = caller.request_as(host, Method::GET, path);
        caller.send(request).await.unwrap().refused(421, "unknown-host");
        assert!(caller.get(path, None).await.status.is_success());
    }
    production.stop().await;
    development.stop().await;
}
