//! Reading: on one snapshot, and nothing but reading.

use nightlatch_core::audit::{Event, Kind};
use nightlatch_store::{Fault, Tx, Unit, args, sql};

use crate::{
    harness::{NOW, each_engine},
    probe::{Count, Insert, Make},
};

/// Tries a verb.
struct Try(Verb);

#[derive(Clone, Copy)]
enum Verb {
    Hit,
    Put,
    Audit,
    Decoy,
}

impl Unit for Try {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        let event = Event::success(Kind::SignIn, NOW);
        let insert = sql!("INSERT INTO probe (id, n) VALUES (1, 1)");
        match self.0 {
            Verb::Hit => tx.hit(insert, args![]).await.map(drop),
            Verb::Put => tx.put(insert, args![]).await,
            Verb::Audit => tx.audit(&event).await,
            Verb::Decoy => tx.audit_decoy(&event).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_writes_is_broken() {
    each_engine(async |store| {
        store.write(Make).await.unwrap();
        for verb in [Verb::Hit, Verb::Put, Verb::Audit, Verb::Decoy] {
            for outcome in [store.read(Try(verb)).await, store.read_slow(Try(verb)).await] {
                assert!(matches!(outcome, Err(Fault::Broken(_))), "{outcome:?}");
            }
        }
        assert_eq!(store.read(Count).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_a_write_that_hides_in_a_read() {
    /// Writes with the verb that reads.
    struct Hidden<const ALONE: bool>;

    impl<const ALONE: bool> Unit for Hidden<ALONE> {
        type Out = Option<(i64,)>;

        const ONE_QUESTION: bool = ALONE;

        async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Out, Fault> {
            tx.row(sql!("INSERT INTO probe (id, n) VALUES (1, 1) RETURNING id"), args![]).await
        }
    }

    each_engine(async |store| {
        store.write(Make).await.unwrap();
        store.read(Hidden::<false>).await.unwrap_err();
        store.read_slow(Hidden::<false>).await.unwrap_err();
        store.read(Hidden::<true>).await.unwrap_err();
        store.read_slow(Hidden::<true>).await.unwrap_err();
        assert_eq!(store.read(Count).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_of_one_question_that_asks_another_is_broken() {
    struct Curious;

    impl Unit for Curious {
        type Out = Option<(i64,)>;

        const ONE_QUESTION: bool = true;

        async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Out, Fault> {
            let count = sql!("SELECT COUNT(*) FROM probe");
            tx.row::<(i64,)>(count, args![]).await?;
            tx.row(count, args![]).await
        }
    }

    each_engine(async |store| {
        store.write(Make).await.unwrap();
        for outcome in [store.read(Curious).await, store.read_slow(Curious).await] {
            assert!(matches!(outcome, Err(Fault::Broken(_))), "{outcome:?}");
        }
        assert_eq!(store.read(Count).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_statements_of_a_read_see_one_moment() {
    /// Counts twice.
    struct Twice;

    impl Unit for Twice {
        type Out = (i64, i64);

        async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Out, Fault> {
            Ok((Count.run(tx).await?, Count.run(tx).await?))
        }
    }

    each_engine(async |store| {
        store.write(Make).await.unwrap();
        let writer = tokio::spawn({
            let store = store.clone();
            async move {
                for id in 0..200 {
                    store.write(Insert(id)).await.unwrap();
                }
            }
        });
        while !writer.is_finished() {
            let (first, second) = store.read(Twice).await.unwrap();
            assert_eq!(first, second);
            tokio::task::yield_now().await;
        }
        writer.await.unwrap();
        assert_eq!(store.read(Twice).await.unwrap(), (200, 200));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_readers_than_connections_wait_for_each_other() {
    each_engine(async |store| {
        store.write(Make).await.unwrap();
        let readers: Vec<_> = (0..64)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.read(Count).await })
            })
            .collect();
        for reader in readers {
            assert_eq!(reader.await.unwrap().unwrap(), 0);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_row_where_one_is_asked_for_is_a_fault() {
    /// Asks for the row, of however many.
    struct One;

    impl Unit for One {
        type Out = Option<(i64,)>;

        async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Out, Fault> {
            tx.row(sql!("SELECT id FROM probe"), args![]).await
        }
    }

    each_engine(async |store| {
        store.write(Make).await.unwrap();
        assert_eq!(store.read(One).await.unwrap(), None);
        store.write(Insert(1)).await.unwrap();
        assert_eq!(store.read(One).await.unwrap(), Some((1,)));
        store.write(Insert(2)).await.unwrap();
        assert!(matches!(store.read(One).await, Err(Fault::Broken(_))));
    })
    .await;
}
