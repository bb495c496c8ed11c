//! A table of the tests' own, and the small units that poke it.

use std::{
    future::pending,
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
};

use nightlatch_core::audit::{Event, Kind};
use nightlatch_store::{Fault, Store, Tx, Unit, args, sql};
use tokio::sync::oneshot;

use crate::harness::NOW;

/// Makes the table `probe (id, n)`.
pub(crate) struct Make;

impl Unit for Make {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        tx.put(sql!("CREATE TABLE probe (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)"), args![]).await
    }
}

/// Inserts a row, and counts how many rows there are then.
pub(crate) struct Insert(pub(crate) i64);

impl Unit for Insert {
    type Out = i64;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<i64, Fault> {
        insert(tx, self.0).await?;
        count(tx).await
    }
}

/// Counts the rows.
pub(crate) struct Count;

impl Unit for Count {
    type Out = i64;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<i64, Fault> {
        count(tx).await
    }
}

/// Inserts a row and an audit event, and then goes wrong in some way.
pub(crate) struct Wrong(pub(crate) i64, pub(crate) How);

pub(crate) enum How {
    Duplicate,
    Panic,
    Wait,
    GoOn,
}

impl Unit for Wrong {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        insert(tx, self.0).await?;
        tx.audit(&Event::success(Kind::SignIn, NOW)).await?;
        // On PostgreSQL this makes the statements before it reach the server.
        count(tx).await?;
        match self.1 {
            How::Duplicate => insert(tx, self.0).await,
            How::Panic => panic!("as the test wants it"),
            How::Wait => pending().await,
            How::GoOn => {
                let _ =
                    tx.hit(sql!("INSERT INTO probe (id, n) VALUES (?1, 0)"), args![self.0]).await;
                Ok(())
            }
        }
    }
}

/// Inserts a row and an audit event.
pub(crate) struct Told(pub(crate) i64);

impl Unit for Told {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        insert(tx, self.0).await?;
        tx.audit(&Event::success(Kind::SignIn, NOW)).await
    }
}

/// Keeps its writer's thread busy until the other end of the channel is dropped.
pub(crate) struct Hold {
    begun: Mutex<Option<oneshot::Sender<()>>>,
    end: Mutex<Receiver<()>>,
}

impl Hold {
    /// The unit, the news that it runs, and what ends it.
    pub(crate) fn new() -> (Self, oneshot::Receiver<()>, Sender<()>) {
        let (announce, begun) = oneshot::channel();
        let (release, end) = channel();
        (Self { begun: Mutex::new(Some(announce)), end: Mutex::new(end) }, begun, release)
    }
}

impl Unit for Hold {
    type Out = ();

    async fn run(&self, _: &mut Tx<'_>) -> Result<(), Fault> {
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(begun) = begun {
            begun.send(()).unwrap();
        }
        let _ = self.end.lock().unwrap_or_else(PoisonError::into_inner).recv();
        Ok(())
    }
}

async fn insert(tx: &mut Tx<'_>, id: i64) -> Result<(), Fault> {
    tx.put(sql!("INSERT INTO probe (id, n) VALUES (?1, 0)"), args![id]).await
}

async fn count(tx: &mut Tx<'_>) -> Result<i64, Fault> {
    let row = tx.row::<(i64,)>(sql!("SELECT COUNT(*) FROM probe"), args![]).await?;
    row.map(|(count,)| count).ok_or_else(|| Fault::corrupt("a count"))
}

/// The ids in the table, in order.
pub(crate) async fn ids(store: &Store) -> Vec<i64> {
    struct Ids;

    impl Unit for Ids {
        type Out = Vec<(i64,)>;

        async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<(i64,)>, Fault> {
            tx.rows(sql!("SELECT id FROM probe ORDER BY id"), args![]).await
        }
    }

    store.read_slow(Ids).await.unwrap().into_iter().map(|(id,)| id).collect()
}
