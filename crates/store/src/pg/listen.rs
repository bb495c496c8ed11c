//! What other nodes changed, by `LISTEN` and `NOTIFY`.
//!
//! A commit that changes an account notifies all nodes. PostgreSQL delivers in the order of commits
//! and not before they can be seen, so a node that gets a notification of its own back has heard of
//! every change that was committed before it sent it. It sends one every quarter of a second, and
//! trusts what is kept for [`FRESH`](crate::changes::FRESH) since. Whoever connects through a pooler
//! that does not pass notifications on hears none, and keeps nothing.

use std::{sync::Arc, time::Duration};

use data_encoding::HEXLOWER;
use nightlatch_core::UserId;
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_postgres::Client;

use super::{backoff::Backoff, server::Server};
use crate::{
    Fault, Sql,
    chain::Shared,
    changes::{Changes, EVERY},
};

/// Tells all nodes.
pub(super) static TELL: Sql = Sql::new("", "SELECT pg_notify('nightlatch', $1)");

const LISTEN: &str = "LISTEN nightlatch";

/// How long the server may take for a beat before the connection is given up.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is told of a change to the account of `user`.
pub(super) fn changed(user: UserId) -> String {
    format!("changed {}", HEXLOWER.encode(user.as_bytes()))
}

/// Hears of what other nodes change for as long as this runs, over one connection after the other.
pub(crate) async fn listen(server: Server, shared: Arc<Shared>) {
    let mut backoff = Backoff::new();
    loop {
        let fault = match Ear::open(&server, &shared).await {
            Ok(ear) => {
                backoff = Backoff::new();
                ear.hear(&shared.changes).await
            }
            Err(fault) => fault,
        };
        deaf(&fault);
        backoff.pause().await;
    }
}

fn deaf(fault: &Fault) {
    let error: &(dyn std::error::Error + 'static) = fault;
    tracing::warn!(error, "Notifications are not heard: sessions are read from PostgreSQL");
}

/// A connection that listens.
struct Ear {
    client: Client,
    driver: JoinHandle<()>,
    /// Tells this connection's beats from all others.
    name: String,
}

impl Ear {
    async fn open(server: &Server, shared: &Arc<Shared>) -> Result<Self, Fault> {
        let name = HEXLOWER.encode(&(shared.ids)());
        let (own, ears) = (name.clone(), Arc::clone(shared));
        let (client, driver) =
            server.dial(move |said| take(&ears.changes, &own, said.payload())).await?;
        let this = Self { client, driver, name };
        match this.say(LISTEN).await {
            Ok(()) => Ok(this),
            Err(fault) => Err(this.close(&shared.changes, fault).await),
        }
    }

    /// Beats until the connection is lost; why.
    async fn hear(mut self, changes: &Changes) -> Fault {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let fault = loop {
            tokio::select! {
                _ = &mut self.driver => break Fault::unavailable("the connection was lost"),
                _ = ticks.tick() => {}
            }
            let beat = format!("NOTIFY nightlatch, 'beat {} {}'", self.name, changes.now());
            if let Err(fault) = self.say(&beat).await {
                break fault;
            }
        };
        self.close(changes, fault).await
    }

    async fn say(&self, words: &str) -> Result<(), Fault> {
        let said = timeout(PATIENCE, self.client.batch_execute(words)).await;
        Ok(said.map_err(|_| Fault::unavailable("the server did not answer in time"))??)
    }

    /// Whatever may have been missed from now on counts; `fault` is why.
    async fn close(mut self, changes: &Changes, fault: Fault) -> Fault {
        // A beat that is still on its way must not be believed after the loss.
        if !self.driver.is_finished() {
            self.driver.abort();
            let _ = (&mut self.driver).await;
        }
        changes.lost();
        fault
    }
}

/// Goes by what was said on the channel; `own` is the name of this connection's beats.
fn take(changes: &Changes, own: &str, said: &str) {
    let words: Vec<&str> = said.split(' ').collect();
    match words[..] {
        ["changed", user] => {
            let user = HEXLOWER.decode(user.as_bytes()).ok();
            if let Some(user) = user.and_then(|user| user.try_into().ok()) {
                changes.changed(UserId::from_bytes(user));
            }
        }
        ["beat", name, moment] if name == own => {
            if let Ok(moment) = moment.parse() {
                changes.heard_all_before(moment);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_beats_of_ones_own_are_trusted() {
        let changes = Changes::new();
        let user = UserId::from_bytes([7; 16]);
        for other in ["beat other 0", "beat own", "beat own soon", "beat own 0 0", "own 0", ""] {
            take(&changes, "own", other);
            assert_eq!(changes.mark(user), None, "{other}");
        }
        take(&changes, "own", "beat own 0");
        assert!(changes.mark(user).is_some());
    }

    #[tokio::test]
    async fn a_change_is_heard_as_it_is_told() {
        let changes = Changes::new();
        changes.heard_all_before(changes.now());
        let (ada, bob) = (UserId::from_bytes([0xa; 16]), UserId::from_bytes([0xb; 16]));
        let mark = changes.mark(ada).unwrap();
        for other in [&changed(bob), "changed", "changed 0a", "changed zz"] {
            take(&changes, "own", other);
            assert!(changes.hold(&mark), "{other}");
        }
        take(&changes, "own", &changed(ada));
        assert!(!changes.hold(&mark));
    }
}
