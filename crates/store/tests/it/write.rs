//! Writing: what commits, what leaves nothing, and that neighbours in a commit don't harm each other.

use nightlatch_store::{Engine, Fault, Options, Store, Tx, Unit, args, sql};

use crate::{
    harness::{NOW, each_engine, each_place},
    probe::{Count, Hold, How, Insert, Make, Told, Wrong, ids},
};

/// One writer, on either engine, so that units share a batch.
async fn single_lane(place: &crate::harness::Place, queue: usize) -> Store {
    let options = Options { lanes: 1, queue, ..place.options() };
    Store::open_and_migrate(options, NOW).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn units_that_fail_leave_nothing_and_their_neighbours_commit() {
    each_place(async |place| {
        let store = single_lane(place, 16).await;
        store.write(Make).await.unwrap();
        let (hold, begun, release) = Hold::new();
        let waits = if place.engine() == Engine::Sqlite { How::Wait } else { How::GoOn };
        let (holder, first, duplicate, panics, second, waits, ()) = tokio::join!(
            biased;
            store.write(hold),
            store.write(Told(1)),
            store.write(Wrong(2, How::Duplicate)),
            store.write(Wrong(3, How::Panic)),
            store.write(Told(4)),
            store.write(Wrong(5, waits)),
            async {
                begun.await.unwrap();
                drop(release);
            },
        );
        holder.and(first).and(second).unwrap();
        for wrong in [duplicate, panics, waits] {
            assert!(matches!(wrong, Err(Fault::Broken(_))), "{wrong:?}");
        }
        assert_eq!(ids(&store).await, [1, 4]);
        crate::audit::verify(&store).await;
        store.close(NOW).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn going_on_after_a_fault_is_a_fault() {
    each_engine(async |store| {
        store.write(Make).await.unwrap();
        let outcome = store.write(Wrong(1, How::GoOn)).await;
        assert!(matches!(outcome, Err(Fault::Broken(_))), "{outcome:?}");
        assert!(ids(&store).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_commits() {
    /// Counts an attempt and refuses it.
    struct Refuse;

    impl Unit for Refuse {
        type Out = Result<(), &'static str>;

        async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Out, Fault> {
            tx.put(sql!("INSERT INTO probe (id, n) VALUES (7, 1)"), args![]).await?;
            Ok(Err("refused"))
        }
    }

    each_engine(async |store| {
        store.write(Make).await.unwrap();
        assert_eq!(store.write(Refuse).await.unwrap(), Err("refused"));
        assert_eq!(ids(&store).await, [7]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_is_seen_by_what_follows() {
    each_engine(async |store| {
        store.write(Make).await.unwrap();
        assert_eq!(store.write(Insert(1)).await.unwrap(), 1);
        assert_eq!(store.write(Insert(2)).await.unwrap(), 2);
        assert_eq!(store.read(Count).await.unwrap(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_put_last_decides() {
    /// On PostgreSQL both inserts leave together with the commit.
    struct Twice;

    impl Unit for Twice {
        type Out = ();

        async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
            let insert = sql!("INSERT INTO probe (id, n) VALUES (1, 0)");
            tx.put(insert, args![]).await?;
            tx.put(insert, args![]).await
        }
    }

    each_engine(async |store| {
        store.write(Make).await.unwrap();
        let outcome = store.write(Twice).await;
        assert!(matches!(outcome, Err(Fault::Broken(_))), "{outcome:?}");
        assert!(ids(&store).await.is_empty());
        store.write(Insert(2)).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_cancels_nothing() {
    each_place(async |place| {
        let store = single_lane(place, 16).await;
        store.write(Make).await.unwrap();
        let (hold, begun, release) = Hold::new();
        tokio::select! {
            biased;
            _ = store.write(hold) => unreachable!("it is held"),
            _ = store.write(Insert(1)) => unreachable!("it waits behind the first"),
            _ = begun => {}
        }
        drop(release);
        assert_eq!(store.write(Count).await.unwrap(), 1);
        store.close(NOW).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_turns_away_at_once() {
    each_place(async |place| {
        let store = single_lane(place, 1).await;
        store.write(Make).await.unwrap();
        let (hold, begun, release) = Hold::new();
        let (holder, ()) = tokio::join!(biased; store.write(hold), async {
            begun.await.unwrap();
            let (waits, turned_away, ()) = tokio::join!(
                biased;
                store.write(Insert(1)),
                store.write(Insert(2)),
                async { drop(release) },
            );
            assert_eq!(waits.unwrap(), 1);
            assert!(matches!(turned_away, Err(Fault::Busy)), "{turned_away:?}");
        });
        holder.unwrap();
        assert_eq!(ids(&store).await, [1]);
        store.close(NOW).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_store_has_done_what_it_took_and_takes_nothing_more() {
    each_place(async |place| {
        let store = place.open().await;
        store.write(Make).await.unwrap();
        let (taken, ()) = tokio::join!(biased; store.write(Insert(1)), store.close(NOW));
        assert_eq!(taken.unwrap(), 1);
        for late in
            [store.write(Insert(2)).await, store.read(Count).await, store.read_slow(Count).await]
        {
            assert!(matches!(late, Err(Fault::Unavailable(_))), "{late:?}");
        }
        store.close(NOW).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_tells_whether_it_took() {
    struct Guards;

    impl Unit for Guards {
        type Out = Vec<bool>;

        async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<bool>, Fault> {
            let insert = sql!("INSERT INTO probe (id, n) VALUES (1, 0) ON CONFLICT DO NOTHING");
            let update = sql!("UPDATE probe SET n = ?1 WHERE n < ?1 RETURNING n");
            let delete = sql!("DELETE FROM probe WHERE id = ?1");
            Ok(vec![
                tx.hit(insert, args![]).await?,
                tx.hit(insert, args![]).await?,
                tx.hit(update, args![5]).await?,
                tx.hit(update, args![5]).await?,
                tx.hit(delete, args![1]).await?,
                tx.hit(delete, args![1]).await?,
            ])
        }
    }

    each_engine(async |store| {
        store.write(Make).await.unwrap();
        let took = store.write(Guards).await.unwrap();
        assert_eq!(took, [true, false, true, false, true, false]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_counts_once() {
    each_engine(async |store| {
        store.write(Make).await.unwrap();
        let before = store.statements();
        store.write(Told(1)).await.unwrap();
        assert_eq!(store.statements() - before, 2, "an insert and an event");
        store.write(Told(2)).await.unwrap();
        assert_eq!(store.statements() - before, 4, "and the same again");
    })
    .await;
}
