//! Lanes: each owns a connection and, if it writes, an audit chain, and takes one unit after the
//! other from the queue that it shares with its neighbours.

use std::{sync::Arc, time::Duration};

use async_channel::Receiver;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use super::{
    backoff::Backoff,
    link::Link,
    listen::{self, TELL},
    server::Server,
    tx::PgTx,
};
use crate::{
    Fault, Tx, args,
    chain::{Chain, Shared},
    tx::{Engine, Told},
    unit::{Job, job},
};

/// How often a unit may run, when it loses against others.
const ATTEMPTS: usize = 5;

/// How long one run of a unit may take, and the making of a connection. A server that is silent for
/// longer is lost to this lane, even if its machine still confirms what arrives.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
const CONNECTS_WITHIN: Duration = Duration::from_secs(5);

/// Says so, because a pooler may hand on the session of a lane that reads.
const BEGIN_WRITE: &str = "BEGIN READ WRITE";

/// All statements of a read see one moment.
const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

struct Lane {
    server: Server,
    queue: Receiver<Box<dyn Job>>,
    shared: Arc<Shared>,
    /// `None` in a lane that reads.
    chain: Option<Chain>,
    /// How many lanes of this queue are connected.
    connected: watch::Sender<usize>,
}

/// Starts lanes that write, each with a chain of its own.
pub(crate) fn write_lanes(
    server: &Server,
    count: usize,
    queue: &Receiver<Box<dyn Job>>,
    shared: &Arc<Shared>,
) -> Vec<JoinHandle<()>> {
    start(server, count, queue, shared, || Some(Chain::open(Arc::clone(shared))))
}

/// Starts lanes that read.
pub(crate) fn read_lanes(
    server: &Server,
    count: usize,
    queue: &Receiver<Box<dyn Job>>,
    shared: &Arc<Shared>,
) -> Vec<JoinHandle<()>> {
    start(server, count, queue, shared, || None)
}

fn start(
    server: &Server,
    count: usize,
    queue: &Receiver<Box<dyn Job>>,
    shared: &Arc<Shared>,
    chain: impl Fn() -> Option<Chain>,
) -> Vec<JoinHandle<()>> {
    let connected = watch::Sender::new(0);
    let lane = || Lane {
        server: server.clone(),
        queue: queue.clone(),
        shared: Arc::clone(shared),
        chain: chain(),
        connected: connected.clone(),
    };
    (0..count.max(1)).map(|_| tokio::spawn(lane().run())).collect()
}

impl Lane {
    async fn run(mut self) {
        while let Some(mut link) = self.connect().await {
            self.connected.send_modify(|lanes| *lanes += 1);
            let done = self.serve(&mut link).await;
            self.connected.send_modify(|lanes| *lanes -= 1);
            if done {
                return;
            }
            if let Some(chain) = &mut self.chain {
                chain.renew();
            }
        }
    }

    /// A connection, however long it takes; `None` if the store closes meanwhile.
    async fn connect(&self) -> Option<Link> {
        let mut fault = match self.dial().await {
            Ok(link) => return Some(link),
            Err(fault) => fault,
        };
        let mut backoff = Backoff::new();
        while !self.queue.is_closed() {
            let again = async {
                backoff.pause().await;
                self.dial().await
            };
            fault = tokio::select! {
                linked = again => match linked {
                    Ok(link) => return Some(link),
                    Err(fault) => fault,
                },
                () = self.turn_away(&fault) => return None,
            };
        }
        while let Ok(job) = self.queue.try_recv() {
            job.answer(Err(fault.clone()));
        }
        None
    }

    async fn dial(&self) -> Result<Link, Fault> {
        let linked = timeout(CONNECTS_WITHIN, self.link()).await;
        let linked = linked.unwrap_or_else(|_| Err(Fault::unavailable("no answer in time")));
        if let Err(fault) = &linked {
            // The units that are turned away because of it tell operators.
            let error: &(dyn std::error::Error + 'static) = fault;
            tracing::debug!(error, "PostgreSQL connection failed");
        }
        linked
    }

    async fn link(&self) -> Result<Link, Fault> {
        let link = Link::connect(&self.server).await?;
        match self.chain {
            Some(_) => link.go_by_index().await?,
            None => link.only_read().await?,
        }
        Ok(link)
    }

    /// Without any connection nobody is kept waiting for one. Done when the store closes.
    async fn turn_away(&self, fault: &Fault) {
        let mut connected = self.connected.subscribe();
        loop {
            if *connected.borrow_and_update() > 0 {
                // Somebody else serves the queue. This lane holds a sender, so the wait ends well.
                let _ = connected.changed().await;
                continue;
            }
            tokio::select! {
                biased;
                _ = connected.changed() => {}
                next = self.queue.recv() => match next {
                    Ok(job) => job.answer(Err(fault.clone())),
                    Err(_closed) => return,
                },
            }
        }
    }

    /// Runs units until the store closes (`true`) or the connection is lost (`false`).
    async fn serve(&mut self, link: &mut Link) -> bool {
        loop {
            let next = tokio::select! {
                biased;
                () = link.lost() => return false,
                next = self.queue.recv() => next,
            };
            let Ok(next) = next else { break };
            if !self.perform(link, next).await {
                return false;
            }
        }
        if let Some(unit) = self.chain.as_ref().and_then(Chain::last_unit) {
            let (last, _) = job(unit);
            self.perform(link, last).await;
        }
        true
    }

    /// Brings one unit to its end; whether the connection is still good.
    async fn perform(&mut self, link: &mut Link, mut job: Box<dyn Job>) -> bool {
        let before = self.chain.as_ref().map(|chain| chain.head);
        let mut attempts = 0;
        let verdict = loop {
            attempts += 1;
            let attempt = timeout(ANSWERS_WITHIN, self.attempt(link, job.as_mut())).await;
            let verdict = attempt.unwrap_or_else(|_| {
                link.abandon();
                Err(Fault::unavailable("PostgreSQL did not answer in time"))
            });
            if verdict.is_err()
                && let Some((chain, head)) = self.chain.as_mut().zip(before)
            {
                chain.head = head;
            }
            if attempts == ATTEMPTS || !matches!(verdict, Err(Fault::Conflict(_))) {
                break verdict;
            }
        };
        if let (Ok(()), Some(chain)) = (&verdict, &self.chain) {
            chain.publish();
        }
        let good = !matches!(verdict, Err(Fault::Unavailable(_)));
        job.answer(verdict);
        good
    }

    async fn attempt(&mut self, link: &mut Link, job: &mut dyn Job) -> Result<(), Fault> {
        let writes = self.chain.is_some();
        let alone = !writes && job.asks_one_question();
        let begin = if writes { BEGIN_WRITE } else { BEGIN_READ };
        let tx = PgTx::new(link, (!alone).then_some(begin));
        let mut tx = Tx::new(Engine::Pg(tx), self.chain.as_mut(), &self.shared);
        if alone {
            tx = tx.for_one_question();
        }
        let ran = job.run(&mut tx).await;
        let (Engine::Pg(mut tx), told) = tx.into_parts() else {
            return Err(Fault::broken("a lane ran on the wrong engine"));
        };
        let ran = match ran {
            Ok(()) if writes => {
                tell(&mut tx, &told);
                Ok(())
            }
            ran => ran,
        };
        let outcome = match ran {
            Ok(()) if writes => tx.commit().await,
            Ok(()) => {
                tx.leave().await;
                Ok(())
            }
            Err(fault) => tx.roll_back().await.and(Err(fault)),
        };
        // Also of a unit that failed: it may have been committed all the same.
        for user in told.users {
            self.shared.changes.changed(user);
        }
        outcome
    }
}

/// Has other nodes told, in the round trip of the commit, whose accounts changed.
fn tell(tx: &mut PgTx<'_>, told: &Told) {
    if told.everywhere {
        for user in &told.users {
            tx.put(&TELL, args![&listen::changed(*user)]);
        }
    }
}
