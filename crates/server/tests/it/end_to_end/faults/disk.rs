//! The disk under SQLite is full, fails or takes no writes.

use std::{sync::Arc, time::Duration};

use nightlatch_store::Engine;
use reqwest::Method;
use serde_json::Value;
use tokio::time::Instant;

use super::{
    crowd::Crowd,
    dice::{Dice, pass},
    world::{BROKEN, NO_SPACE, READ_ONLY, World},
};
use crate::end_to_end::{
    installation::{Installation, OPEN},
    process::{PATIENCE, finish},
    server::Server,
};

const ADA: &str = "ada@example.org";

/// A server in a world of its own.
struct Site {
    world: World,
    installation: Installation,
    server: Server,
}

impl Site {
    async fn new() -> Self {
        Self::on(Installation::new(Engine::Sqlite, OPEN).await).await
    }

    async fn on(installation: Installation) -> Self {
        installation.command(["migrate"]).await.succeeded();
        let world = World::new(&installation.path(""), "world").await;
        let mut serve = world.nightlatch(["serve", "--config"]);
        let server = Server::serve_as(&mut serve, &installation.path("nightlatch.toml")).await;
        Self { world, installation, server }
    }

    /// Waits until the operator's listener says this about readiness.
    async fn becomes(&self, readiness: u16) {
        let begun = Instant::now();
        loop {
            let asked = self.server.operator.try_call(Method::GET, "/readyz", None, &Value::Null);
            if asked.await.unwrap().status == readiness {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not become {readiness}");
            pass(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_nothing_else_until_there_is_room() {
    let site = Site::new().await;
    let mut crowd = Crowd::new(&mut Dice::printed());
    let caller = Arc::clone(&site.server.public);
    caller.register(ADA).await;
    let access = caller.sign_in(ADA).await;
    crowd
        .walk(&caller, async {
            pass(Duration::from_millis(300)).await;
            site.world.writes(NO_SPACE);
            let refused = caller.login(ADA).await.refused(503, "unavailable");
            assert!(refused.headers.contains_key("retry-after"));
            caller.get("/auth/session", Some(&access)).await.expect(200);
            site.becomes(503).await;
            site.world.writes(0);
            caller.sign_in(ADA).await;
            site.becomes(204).await;
        })
        .await;
    crowd.examine(&caller).await;
    site.installation.command(["audit", "verify"]).await.succeeded();
    let log = site.server.stop().await.stderr;
    let told: Vec<&str> = log.lines().filter(|line| line.contains("\"level\":\"ERROR\"")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("make room on the disk that holds the database"), "{}", told[0]);
    assert!(log.contains("The database is back"), "{log}");
}

/// Ends a server by a fault of its disk; it has to end by itself, with one clear line, and another
/// process finds everything that was confirmed.
async fn fails(fault: impl Fn(&World)) {
    let site = Site::new().await;
    let mut crowd = Crowd::new(&mut Dice::printed());
    let caller = Arc::clone(&site.server.public);
    let Site { world, installation, server } = site;
    let finished = crowd
        .walk(&caller, async {
            pass(Duration::from_millis(300)).await;
            fault(&world);
            server.running.ended().await.with(1)
        })
        .await;
    caller.journal.assert_absent(&finished.stderr);
    let error = "error: the disk failed to keep what was written to the database\nnext: look for";
    assert!(finished.stderr.contains(error), "{}", finished.stderr);

    let server = installation.serve().await;
    crowd.examine(&server.public).await;
    installation.command(["audit", "verify"]).await.succeeded();
    server.stop().await;
}

#[tokio::test]
async fn after_a_failed_flush_the_process_ends_and_the_next_one_has_everything() {
    fails(|world| world.flushes(BROKEN)).await;
}

#[tokio::test]
async fn a_failed_flush_ends_a_server_that_drains() {
    let installation = Installation::new(Engine::Sqlite, OPEN).await;
    let patient = installation.settings().replace("http.drain = 0", "http.drain = 300");
    installation.configure(&format!("{patient}{OPEN}"));
    let site = Site::on(installation).await;
    site.server.running.terminate().await;
    site.becomes(503).await;
    site.world.flushes(BROKEN);
    // Upkeep notes the time.
    let told = site.server.running.ended().await.with(1).stderr;
    assert!(told.contains("error: the disk failed to keep"), "{told}");
}

#[tokio::test]
async fn a_disk_that_takes_no_more_writes_ends_the_process_too() {
    fails(|world| {
        world.opens(READ_ONLY);
        world.writes(READ_ONLY);
    })
    .await;
}

#[tokio::test]
async fn on_a_read_only_folder_nothing_starts_and_it_is_said_why() {
    let installation = Installation::new(Engine::Sqlite, OPEN).await;
    installation.command(["migrate"]).await.succeeded();
    let world = World::new(&installation.path(""), "world").await;
    world.opens(READ_ONLY);
    world.writes(READ_ONLY);
    for command in [["serve", "--config"], ["migrate", "--config"]] {
        let mut command = world.nightlatch(command);
        let finished = finish(command.arg(installation.path("nightlatch.toml"))).await.with(1);
        let told = finished.stderr;
        assert!(told.contains("error: ") && told.contains("next: "), "{told}");
        assert!(told.contains("this user may write to it"), "{told}");
        assert!(!told.to_lowercase().contains("panicked"), "{told}");
    }
    installation.serve().await.stop().await;
}
