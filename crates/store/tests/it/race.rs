//! Every "once" is one guarded statement: of many at the same time, one wins. What was overtaken runs
//! again.

use nightlatch_core::audit::{Event, Kind};
use nightlatch_store::{Fault, Sql, Store, Tx, Unit, args, sql};

use crate::{
    harness::{NOW, each_engine},
    probe::{Insert, Make},
};

const RUNNERS: usize = 64;
const ROUNDS: i64 = 20;

/// A guard on a row.
#[derive(Clone, Copy)]
struct Grab(&'static Sql, i64);

impl Unit for Grab {
    type Out = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Fault> {
        tx.hit(self.0, args![self.1]).await
    }
}

async fn winners(store: &Store, grab: Grab) -> usize {
    let runners: Vec<_> = (0..RUNNERS)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.write(grab).await.unwrap() })
        })
        .collect();
    let mut winners = 0;
    for runner in runners {
        winners += usize::from(runner.await.unwrap());
    }
    winners
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_wins_every_round() {
    each_engine(async |store| {
        store.write(Make).await.unwrap();
        for round in 0..ROUNDS {
            store.write(Insert(round)).await.unwrap();
            for guard in [
                sql!("UPDATE probe SET n = n + 1 WHERE id = ?1 AND n = 0"),
                sql!("DELETE FROM probe WHERE id = ?1 RETURNING id"),
                sql!("INSERT INTO probe (id, n) VALUES (?1, 1) ON CONFLICT (id) DO NOTHING"),
            ] {
                assert_eq!(winners(&store, Grab(guard, round)).await, 1, "{}", guard.sqlite());
            }
        }
    })
    .await;
}

/// Reads a number, takes it for the next one, and tells of it.
struct Next;

impl Unit for Next {
    type Out = i64;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<i64, Fault> {
        let (rows, numbers) = tx
            .both::<(i64,), (i64,)>(
                (sql!("SELECT COUNT(*) FROM probe"), args![]),
                (sql!("SELECT n FROM probe WHERE id = ?1"), args![1]),
            )
            .await?;
        assert_eq!(rows, [(1,)]);
        let n = numbers[0].0;
        tx.audit(&Event::success(Kind::SignIn, NOW)).await?;
        tx.take(
            sql!("UPDATE probe SET n = ?2 + 1 WHERE id = ?1 AND n = CAST(?2 AS BIGINT)"),
            args![1, n],
        )
        .await?;
        Ok(n)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_was_overtaken_left_nothing_and_runs_again() {
    each_engine(async |store| {
        store.write(Make).await.unwrap();
        store.write(Insert(1)).await.unwrap();
        let mut seen = Vec::new();
        for _ in 0..100 {
            // Two at a time, so that nobody loses as often as a unit may run.
            let (one, other) = tokio::join!(store.write(Next), store.write(Next));
            seen.extend([one.unwrap(), other.unwrap()]);
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..200).collect::<Vec<_>>());
        let told = store.heads().iter().map(|head| head.seq).sum::<i64>();
        let chains = i64::try_from(store.heads().len()).unwrap();
        assert_eq!(told, 200 + chains, "one event each, and one that opens each chain");
    })
    .await;
}

/// Takes a row that is not there, after one that is.
struct Gone;

impl Unit for Gone {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        tx.put(sql!("UPDATE probe SET n = 9 WHERE id = ?1"), args![1]).await?;
        tx.take(sql!("UPDATE probe SET n = 9 WHERE id = ?1"), args![2]).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_never_takes_leaves_nothing() {
    each_engine(async |store| {
        store.write(Make).await.unwrap();
        store.write(Insert(1)).await.unwrap();
        for _ in 0..20 {
            assert!(matches!(store.write(Gone).await, Err(Fault::Conflict(_))));
        }
        assert_eq!(store.write(Next).await.unwrap(), 0, "and every lane goes on");
    })
    .await;
}

/// Whether a read may lock or take.
struct Sly(bool);

impl Unit for Sly {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        let row = sql!("SELECT n FROM probe WHERE id = ?1");
        if self.0 { tx.lock(row, args![1]).await } else { tx.take(row, args![1]).await }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_neither_locks_nor_takes() {
    each_engine(async |store| {
        store.write(Make).await.unwrap();
        for locks in [true, false] {
            assert!(matches!(store.read(Sly(locks)).await, Err(Fault::Broken(_))));
        }
    })
    .await;
}
