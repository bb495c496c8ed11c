//! The process is killed at any moment, and started again as a service manager does.

use std::{sync::Arc, time::Duration};

use nightlatch_store::Engine;
use tokio::time::Instant;

use super::{
    crowd::Crowd,
    dice::{Dice, pass},
    rounds,
};
use crate::end_to_end::{
    installation::{Installation, OPEN},
    server::Server,
};

/// Rounds of the short run, on each engine.
const FEW: u64 = 4;

/// A round ends after at most so many requests.
const MOST_REQUESTS: u64 = 80;

/// The whole audit trail is verified once in so many rounds.
const VERIFY_EVERY: u64 = 10;

/// Kills `server` after some requests.
async fn kill(server: Server, crowd: &mut Crowd, dice: &mut Dice) {
    let ledger = Arc::clone(&crowd.ledger);
    let end = ledger.requests() + 1 + dice.below(MOST_REQUESTS);
    let caller = Arc::clone(&server.public);
    crowd
        .walk(&caller, async {
            while ledger.requests() < end {
                pass(Duration::from_millis(1)).await;
            }
            dice.dawdle(Duration::from_millis(20)).await;
            server.kill().await;
        })
        .await;
}

async fn rounds_of_kills(engine: Engine) {
    let rounds = rounds(FEW);
    let mut dice = Dice::printed();
    let mut crowd = Crowd::new(&mut dice);
    let installation = Installation::new(engine, OPEN).await;
    let mut server = installation.migrate_and_serve().await;
    let mut longest = Duration::ZERO;
    for round in 1..=rounds {
        kill(server, &mut crowd, &mut dice).await;
        let begun = Instant::now();
        server = installation.serve().await;
        longest = longest.max(begun.elapsed());
        crowd.examine(&server.public).await;
        if round % VERIFY_EVERY == 0 || round == rounds {
            installation.command(["audit", "verify"]).await.succeeded();
            let longest = longest.as_secs_f64();
            println!(
                "{engine}: kills {round}, {}, longest until ready {longest:.1} s",
                crowd.ledger
            );
        }
    }
    server.stop().await;
    installation.command(["audit", "verify"]).await.succeeded();
    installation.remove().await;
}

#[tokio::test]
async fn what_callers_were_told_stays_true_when_the_process_is_killed_on_sqlite() {
    rounds_of_kills(Engine::Sqlite).await;
}

#[tokio::test]
async fn what_callers_were_told_stays_true_when_the_process_is_killed_on_postgresql() {
    rounds_of_kills(Engine::Postgres).await;
}
