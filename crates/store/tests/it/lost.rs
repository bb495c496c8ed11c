//! PostgreSQL only: connections that break, and units that stand in each other's way.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use nightlatch_core::audit::{Event, Kind};
use nightlatch_store::{Engine, Fault, Options, Store, Tx, Unit, args, sql};
use tokio::sync::{Barrier, oneshot};

use crate::{
    audit::verify,
    harness::{NOW, Place},
    probe::{Count, Insert, Make, Told, ids},
};

async fn single_lane(place: &Place) -> Store {
    let options = Options { lanes: 1, readers: 1, ..place.options() };
    let store = Store::open_and_migrate(options, NOW).await.unwrap();
    store.write(Make).await.unwrap();
    store
}

/// Inserts a row once its lane has noticed that its connection is gone.
async fn insert_again(store: &Store, id: i64) {
    for _ in 0..100 {
        match store.write(Told(id)).await {
            Ok(()) => return,
            Err(Fault::Unavailable(_)) => tokio::task::yield_now().await,
            Err(fault) => panic!("{fault:?}"),
        }
    }
    panic!("the lane did not connect again");
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_connect_again() {
    let place = Place::new(Engine::Postgres).await;
    let store = single_lane(&place).await;
    for id in 0..5 {
        insert_again(&store, id).await;
        place.cut().await;
    }
    insert_again(&store, 5).await;
    assert_eq!(ids(&store).await, [0, 1, 2, 3, 4, 5]);
    let chains = verify(&store).await;
    assert_eq!(chains.len(), 6, "every connection has a chain of its own");
    store.close(NOW).await;
    place.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_whose_connection_breaks_leaves_nothing() {
    /// Writes, lets the test cut the connection, and writes again.
    struct Interrupted {
        begun: Mutex<Option<oneshot::Sender<()>>>,
        cut: Mutex<Option<oneshot::Receiver<()>>>,
    }

    impl Unit for Interrupted {
        type Out = ();

        async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
            tx.hit(sql!("INSERT INTO probe (id, n) VALUES (1, 0)"), args![]).await?;
            let begun = self.begun.lock().unwrap().take().expect("it does not run twice");
            let cut = self.cut.lock().unwrap().take().expect("it does not run twice");
            begun.send(()).unwrap();
            cut.await.unwrap();
            tx.audit(&Event::success(Kind::SignIn, NOW)).await?;
            tx.put(sql!("INSERT INTO probe (id, n) VALUES (2, 0)"), args![]).await
        }
    }

    let place = Place::new(Engine::Postgres).await;
    let store = single_lane(&place).await;
    insert_again(&store, 0).await;
    let (announce, begun) = oneshot::channel();
    let (release, cut) = oneshot::channel();
    let unit = Interrupted { begun: Mutex::new(Some(announce)), cut: Mutex::new(Some(cut)) };
    let (outcome, ()) = tokio::join!(store.write(unit), async {
        begun.await.unwrap();
        place.cut().await;
        release.send(()).unwrap();
    });
    assert!(matches!(outcome, Err(Fault::Unavailable(_))), "{outcome:?}");
    insert_again(&store, 3).await;
    assert_eq!(ids(&store).await, [0, 3]);
    verify(&store).await;
    store.close(NOW).await;
    place.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_nobody_waits() {
    let place = Place::new(Engine::Postgres).await;
    let store = single_lane(&place).await;
    place.remove().await;
    for outcome in [store.write(Insert(1)).await, store.read(Count).await] {
        assert!(matches!(outcome, Err(Fault::Unavailable(_))), "{outcome:?}");
    }
    store.close(NOW).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_resolved_and_both_units_commit() {
    /// Changes two rows in an order that meets another's.
    struct Cross {
        order: [i64; 2],
        meet: std::sync::Arc<Barrier>,
        runs: std::sync::Arc<AtomicUsize>,
    }

    impl Unit for Cross {
        type Out = ();

        async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
            let raise = sql!("UPDATE probe SET n = n + 1 WHERE id = ?1");
            tx.hit(raise, args![self.order[0]]).await?;
            if self.runs.fetch_add(1, Ordering::Relaxed) < 2 {
                self.meet.wait().await;
            }
            tx.hit(raise, args![self.order[1]]).await.map(drop)
        }
    }

    let place = Place::new(Engine::Postgres).await;
    let store = place.open().await;
    store.write(Make).await.unwrap();
    store.write(Insert(1)).await.unwrap();
    store.write(Insert(2)).await.unwrap();
    let (meet, runs) = (std::sync::Arc::new(Barrier::new(2)), std::sync::Arc::default());
    let cross = |order| Cross {
        order,
        meet: std::sync::Arc::clone(&meet),
        runs: std::sync::Arc::clone(&runs),
    };
    let (one, other) = tokio::join!(store.write(cross([1, 2])), store.write(cross([2, 1])));
    one.and(other).unwrap();
    // Whoever runs again may meet the other once more before it is out of the way.
    assert!(runs.load(Ordering::Relaxed) >= 3, "one of them ran again");
    store.close(NOW).await;
    place.remove().await;
}
