//! Every "once" is one guarded statement: of many at the same time, one wins.

use nightlatch_store::{Fault, Sql, Store, Tx, Unit, args, sql};

use crate::{
    harness::each_engine,
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
