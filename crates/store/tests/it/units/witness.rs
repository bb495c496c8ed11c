//! Whoever keeps what they read of accounts and sessions is told of every change: this is held
//! against the database after every unit that any test runs.

use std::{
    any::type_name,
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
};

use nightlatch_core::{SessionId, UserId, audit::Reason};
use nightlatch_store::{
    Fault, FromRow, Mark, Row, Store, Tx, Unit, args, sql,
    units::{
        session::{End, Which},
        upkeep::Purge,
    },
};

use super::fixture::{LATER, each_world};

/// What is kept of a session: everything in its row and its account's that a unit goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    session: SessionId,
    user: UserId,
    proofs: Vec<u8>,
    numbers: [i64; 6],
    name: Option<String>,
    password: Option<Vec<u8>>,
    bootstrap_until: Option<i64>,
}

impl FromRow for Kept {
    fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
        let mut numbers = [0; 6];
        for (index, number) in numbers.iter_mut().enumerate() {
            *number = row.get(3 + index)?;
        }
        Ok(Self {
            session: row.get(0)?,
            user: row.get(1)?,
            proofs: row.get(2)?,
            numbers,
            name: row.get(9)?,
            password: row.get(10)?,
            bootstrap_until: row.get(11)?,
        })
    }
}

/// Reads all sessions and their accounts.
struct Everything;

impl Unit for Everything {
    type Out = Vec<Kept>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Kept>, Fault> {
        tx.rows(
            sql!(
                "SELECT s.id, s.user_id, s.proofs, s.secrets, s.expires_at, s.idle_until, u.state, \
                 u.epoch, u.is_admin, u.name, u.password, u.bootstrap_until \
                 FROM sessions s JOIN users u ON u.id = s.user_id"
            ),
            args![],
        )
        .await
    }
}

/// Keeps what there is, and compares.
#[derive(Default)]
pub(crate) struct Witness {
    kept: Mutex<BTreeMap<UserId, (Mark, Vec<Kept>)>>,
    under_way: AtomicUsize,
    begun: AtomicU64,
    compared: AtomicU64,
}

impl Witness {
    /// Runs `unit`; then nothing that is still held to be so is otherwise.
    pub(crate) async fn write<U: Unit>(&self, store: &Store, unit: U) -> Result<U::Out, Fault> {
        let begun = self.begun.fetch_add(1, SeqCst) + 1;
        let alone = self.under_way.fetch_add(1, SeqCst) == 0;
        let out = store.write(unit).await;
        let others = self.under_way.fetch_sub(1, SeqCst) > 1;
        if alone && !others {
            self.compare::<U>(store, begun).await;
        }
        out
    }

    /// Somebody changed the database by hand.
    pub(crate) fn forget(&self) {
        self.kept.lock().unwrap().clear();
    }

    async fn compare<U: Unit>(&self, store: &Store, begun: u64) {
        let unit = type_name::<U>();
        let is = store.read(Everything).await.unwrap();
        if self.begun.load(SeqCst) != begun {
            return;
        }
        let mut kept = self.kept.lock().unwrap();
        for (mark, was) in kept.values().filter(|(mark, _)| store.holds(mark)) {
            for was in was {
                let now = is.iter().find(|is| is.session == was.session);
                let over = now.is_none() && unit == type_name::<Purge>();
                assert!(over || now == Some(was), "{unit} told nobody: {mark:?} {was:?} {now:?}");
                self.compared.fetch_add(1, SeqCst);
            }
        }
        // Taken after the read, and good all the same: nothing else is under way.
        kept.clear();
        for session in is {
            if let Some(mark) = store.mark(session.user) {
                kept.entry(session.user).or_insert((mark, Vec::new())).1.push(session);
            }
        }
        if self.begun.load(SeqCst) != begun {
            kept.clear();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_nobody_is_told_of_is_noticed() {
    /// Ends a session, and says that it was somebody else's.
    struct Misled(SessionId, UserId);

    impl Unit for Misled {
        type Out = ();

        async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
            tx.changed(self.1);
            tx.put(sql!("DELETE FROM sessions WHERE id = ?1"), args![self.0]).await
        }
    }

    each_world(async |world| {
        let (ada, bob) = (world.newcomer().await, world.newcomer().await);
        let (session, _) = world.weak_session(&ada).await;
        while !world.store.hears() {
            tokio::task::yield_now().await;
        }
        let witness = Witness::default();
        let (user, reason, now) = (bob.id(), Reason::SignedOut, LATER);
        let idle = || End { user, which: Which::All, reason, now };
        witness.write(&world.store, idle()).await.unwrap();
        witness.write(&world.store, idle()).await.unwrap();
        assert_eq!(witness.compared.load(SeqCst), 1, "one session, kept and compared");
        let misled = Misled(session.id, bob.id());
        let noticed = async { witness.write(&world.store, misled).await };
        let noticed = panics::caught(noticed).await;
        assert!(noticed, "it ended, and its owner's mark held");
    })
    .await;
}

/// Whether a future panics.
mod panics {
    use std::{
        future::poll_fn,
        panic::{AssertUnwindSafe, catch_unwind},
        pin::pin,
        task::Poll,
    };

    pub(super) async fn caught<T>(work: impl Future<Output = T>) -> bool {
        let mut work = pin!(work);
        poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(poll) => poll.map(|_| false),
            Err(_) => Poll::Ready(true),
        })
        .await
    }
}
