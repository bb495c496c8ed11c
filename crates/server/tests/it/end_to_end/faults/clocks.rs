//! Clocks that differ and jump.

use std::time::Duration;

use nightlatch_store::Engine;
use reqwest::Method;
use serde_json::Value;
use tokio::time::Instant;

use super::{dice::pass, world::World};
use crate::{
    app::Totp,
    end_to_end::{
        authenticator::now,
        installation::{Installation, OPEN},
        process::PATIENCE,
        server::Server,
    },
};
use nightlatch_core::Timestamp;

const ADA: &str = "ada@example.org";

async fn serve(installation: &Installation, world: &World) -> Server {
    let mut serve = world.nightlatch(["serve", "--config"]);
    Server::serve_as(&mut serve, &installation.path("nightlatch.toml")).await
}

/// Waits until a node says this about its readiness.
async fn becomes(node: &Server, readiness: u16) {
    let begun = Instant::now();
    while node.operator.try_call(Method::GET, "/readyz", None, &Value::Null).await.unwrap().status
        != readiness
    {
        assert!(begun.elapsed() < PATIENCE, "it does not become {readiness}");
        pass(Duration::from_millis(50)).await;
    }
}

/// How often `code` is accepted, by nodes whose clocks are at these offsets when they are asked.
async fn accepted(nodes: &[(&Server, &World)], offsets: &[i64], code: &str) -> usize {
    let mut accepted = 0;
    for offset in offsets {
        for (node, world) in nodes {
            world.clock(*offset);
            let challenge = node.public.login(ADA).await.expect(200).text_at("/temp_token");
            accepted += usize::from(node.public.answer(&challenge, code).await.status == 200);
        }
    }
    accepted
}

#[tokio::test]
async fn a_code_is_accepted_once_by_nodes_whose_clocks_differ_and_jump() {
    let installation = Installation::new(Engine::Postgres, OPEN).await;
    installation.command(["migrate"]).await.succeeded();
    let one = World::new(&installation.path(""), "one").await;
    let other = World::new(&installation.path(""), "other").await;
    let (here, there) = (serve(&installation, &one).await, serve(&installation, &other).await);
    here.public.register(ADA).await;
    let access = here.public.sign_in(ADA).await;
    let bearer = Some(access.as_str());
    let setup = here.public.post("/auth/mfa/enable", bearer, Value::Null).await.expect(200);
    let totp = Totp::from_base32(&setup.text_at("/secret"));
    let code_in = |seconds: i64| totp.code_at(Timestamp::from_seconds(now() + seconds));
    let confirm = serde_json::json!({ "token": code_in(-30) });
    here.public.post("/auth/mfa/confirm", bearer, confirm).await.expect(200);

    // One is right and the other is early, then late: no more than one of them takes it.
    let nodes = [(&here, &one), (&there, &other)];
    assert_eq!(accepted(&nodes, &[0, -20], &code_in(0)).await, 1);
    // Far ahead, the code of that time counts once; afterwards neither takes one of before.
    assert_eq!(accepted(&nodes, &[600, 0], &code_in(600)).await, 1);
    installation.command(["audit", "verify"]).await.succeeded();
    here.stop().await;
    there.stop().await;
    installation.remove().await;
}

#[tokio::test]
async fn a_node_whose_clock_is_off_is_not_ready_and_spoils_no_other() {
    let installation = Installation::new(Engine::Postgres, OPEN).await;
    installation.command(["migrate"]).await.succeeded();
    let world = World::new(&installation.path(""), "world").await;
    let node = serve(&installation, &world).await;
    world.clock(3600);
    becomes(&node, 503).await;
    // Nobody inherits that time.
    let other = installation.serve().await;
    becomes(&other, 204).await;
    other.stop().await;
    world.clock(0);
    let log = node.stop().await.stderr;
    assert!(log.contains("set the clocks of this machine and of the database's"), "{log}");
    let node = serve(&installation, &world).await;
    becomes(&node, 204).await;
    node.stop().await;
    installation.remove().await;
}

#[tokio::test]
async fn time_does_not_run_back_on_sqlite_even_across_a_restart() {
    let installation = Installation::new(Engine::Sqlite, OPEN).await;
    installation.command(["migrate"]).await.succeeded();
    let world = World::new(&installation.path(""), "world").await;
    world.clock(600);
    let server = serve(&installation, &world).await;
    server.public.register(ADA).await;
    let before = server.public.login(ADA).await.expect(200);
    let begun = |reply: &crate::app::Reply| reply.text_at("/session/created_at");
    server.stop().await;
    world.clock(0);
    let server = serve(&installation, &world).await;
    let after = server.public.login(ADA).await.expect(200);
    assert!(begun(&after) >= begun(&before), "{} {}", after.text, before.text);
    becomes(&server, 503).await;
    server.stop().await;
}
