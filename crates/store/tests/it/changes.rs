//! Keeping what was read: nobody goes by it after it changed.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use nightlatch_core::UserId;
use nightlatch_store::{Engine, Fault, Mark, Store, Tx, Unit, args, sql};
use tokio::time::{Instant, timeout};

use crate::{
    harness::{NOW, Place, each_engine, each_place},
    probe::{Insert, Make},
};

const ADA: UserId = UserId::from_bytes([1; 16]);
const BOB: UserId = UserId::from_bytes([2; 16]);

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until `done`; how long that took.
async fn until(mut done: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    let waited = timeout(PATIENCE, async {
        while !done() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.expect("it does not come");
    begun.elapsed()
}

async fn mark(store: &Store, user: UserId) -> Mark {
    let mut mark = None;
    until(|| {
        mark = store.mark(user);
        mark.is_some()
    })
    .await;
    mark.expect("it was waited for")
}

/// Changes a row and says whose account that is.
#[derive(Clone, Copy)]
enum Change {
    Everywhere(UserId),
    Here(UserId),
    /// Says so, and goes wrong.
    Wrong(UserId),
}

impl Unit for Change {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        tx.put(sql!("UPDATE probe SET n = n + 1"), args![]).await?;
        match *self {
            Self::Everywhere(user) => tx.changed(user),
            Self::Here(user) => tx.changed_here(user),
            Self::Wrong(user) => {
                tx.changed(user);
                return Err(Fault::broken("on purpose"));
            }
        }
        Ok(())
    }
}

/// Reads what [`Change`] changes.
struct Look;

impl Unit for Look {
    type Out = i64;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<i64, Fault> {
        Ok(tx.row::<(i64,)>(sql!("SELECT n FROM probe"), args![]).await?.map_or(0, |(n,)| n))
    }
}

async fn prepare(store: &Store) {
    store.write(Make).await.unwrap();
    store.write(Insert(0)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_known_here_before_it_is_answered() {
    each_engine(async |store| {
        prepare(&store).await;
        for change in [Change::Everywhere(ADA), Change::Here(ADA), Change::Wrong(ADA)] {
            let (ada, bob) = (mark(&store, ADA).await, mark(&store, BOB).await);
            // What went wrong may have been committed all the same, for all that is known.
            let _ = store.write(change).await;
            assert!(!store.holds(&ada));
            // Others' marks hold, unless this machine is too busy to listen.
            until(|| store.holds(&bob)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_never_older_than_the_last_answer() {
    const ROUNDS: i64 = 200;
    const READERS: usize = 4;
    each_engine(async |store| {
        prepare(&store).await;
        mark(&store, ADA).await;
        let kept: Arc<Mutex<Vec<(Mark, i64)>>> = Arc::default();
        let readers: Vec<_> = (0..READERS)
            .map(|_| {
                let (store, kept) = (store.clone(), Arc::clone(&kept));
                tokio::spawn(async move {
                    loop {
                        let mark = store.mark(ADA);
                        let read = store.read(Look).await.unwrap();
                        kept.lock().unwrap().extend(mark.map(|mark| (mark, read)));
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        let mut held = 0;
        for round in 0..ROUNDS {
            until(|| kept.lock().unwrap().iter().any(|(mark, _)| store.holds(mark))).await;
            store.write(Change::Here(ADA)).await.unwrap();
            for (mark, read) in kept.lock().unwrap().drain(..) {
                assert!(read == round + 1 || !store.holds(&mark), "{read} in round {round}");
                held += 1;
            }
        }
        assert!(held >= ROUNDS);
        readers.iter().for_each(tokio::task::JoinHandle::abort);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_by_another_process_is_known_within_a_second() {
    each_place(async |place| {
        let (one, other) = (place.open().await, place.open().await);
        prepare(&one).await;
        let mut worst = Duration::ZERO;
        for _ in 0..20 {
            let kept = mark(&other, ADA).await;
            one.write(Change::Everywhere(ADA)).await.unwrap();
            worst = worst.max(until(|| !other.holds(&kept)).await);
        }
        println!("worst of 20: {worst:?}");
        assert!(worst < Duration::from_secs(1), "{worst:?}");
        one.close(NOW).await;
        other.close(NOW).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ones_own_commits_make_nothing_void() {
    each_engine(async |store| {
        prepare(&store).await;
        let bob = mark(&store, BOB).await;
        for id in 1..50 {
            store.write(Insert(id)).await.unwrap();
        }
        // It may have lapsed for a moment; if it was void it would stay so.
        until(|| store.holds(&bob)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_changes_an_account_and_does_not_say_whose_is_broken() {
    /// Writes as it is told to.
    struct Silent(&'static nightlatch_store::Sql);

    impl Unit for Silent {
        type Out = ();

        async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
            tx.put(self.0, args![]).await
        }
    }

    each_engine(async |store| {
        for silent in [
            sql!("UPDATE users SET epoch = epoch"),
            sql!("UPDATE sessions SET secrets = secrets"),
            sql!("DELETE FROM users WHERE 1 = 0"),
            sql!("DELETE FROM sessions WHERE 1 = 0"),
        ] {
            let outcome = store.write(Silent(silent)).await;
            assert!(matches!(outcome, Err(Fault::Broken(_))), "{}", silent.sqlite());
        }
        store.write(Silent(sql!("DELETE FROM presented"))).await.unwrap();
    })
    .await;
}

/// Ends the connections that listen; how many there were.
async fn deafen(place: &Place) -> u64 {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND application_name = 'nightlatch' \
               AND (query LIKE 'NOTIFY%' OR query LIKE 'LISTEN%')";
    place.client().await.execute(end, &[]).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_before_postgresql_was_not_heard_is_void() {
    let place = Place::new(Engine::Postgres).await;
    let (one, other) = (place.open().await, place.open().await);
    prepare(&one).await;
    for _ in 0..5 {
        let kept = mark(&other, ADA).await;
        assert!(deafen(&place).await >= 1);
        // What happens while nobody listens is not known, and nothing is believed.
        one.write(Change::Everywhere(ADA)).await.unwrap();
        until(|| !other.holds(&kept)).await;
        mark(&other, ADA).await;
        assert!(!other.holds(&kept), "it listens again, and does not go by what it kept");
    }
    one.close(NOW).await;
    other.close(NOW).await;
    place.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_others_must_know_is_told_to_them() {
    let place = Place::new(Engine::Postgres).await;
    let (one, other) = (place.open().await, place.open().await);
    prepare(&one).await;
    let kept = mark(&other, ADA).await;
    one.write(Change::Here(ADA)).await.unwrap();
    one.write(Insert(1)).await.unwrap();
    let bob = mark(&other, BOB).await;
    // Notifications come in the order of commits.
    one.write(Change::Everywhere(BOB)).await.unwrap();
    until(|| !other.holds(&bob)).await;
    until(|| other.holds(&kept)).await;
    one.close(NOW).await;
    other.close(NOW).await;
    place.remove().await;
}
