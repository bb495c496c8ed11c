//! What goes on beside the requests: a few tasks, each repeating one step of
//! [`nightlatch_flows::upkeep`] until it is told to stop.

use std::{future::pending, sync::Arc, time::Duration};

use nightlatch_flows::{
    Env, Refused,
    courier::Courier,
    upkeep::{
        authenticators,
        checkpoint::checkpoint,
        keys::{self, Node},
        mark_time,
        outbox::{Sent, send_one},
        purge,
    },
};
use nightlatch_store::Fault;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
    time::{Interval, MissedTickBehavior, interval, timeout},
};

use crate::{
    config::MetadataFile,
    telemetry::{self, metrics::Metrics},
    wiring::{metadata, routes::Health, watch::Watch},
};

/// What waits in the outbox is looked for this often, besides at once after a request.
const SEND_EVERY: Duration = Duration::from_secs(1);

/// The audit trail is signed this often, if it grew.
const SIGN_EVERY: Duration = Duration::from_secs(5);

/// The time is noted once in so many seconds.
const MARK_EVERY: u64 = 10;
const SECOND: Duration = Duration::from_secs(1);

/// What is over is dropped this often.
const PURGE_EVERY: Duration = Duration::from_mins(1);

/// The key file is looked at this often, besides at once after SIGHUP; other nodes are told as often.
const KEYS_EVERY: Duration = Duration::from_secs(5);

/// What is known of authenticators is read again this often.
const REVIEW_EVERY: Duration = Duration::from_hours(24);

/// How long the last steps may take.
const GRACE: Duration = Duration::from_secs(5);

/// Where the keys of a running server come from, and who it is to the other nodes.
#[derive(Debug)]
pub struct KeySource {
    /// Its key file, if they come from one.
    pub file: Option<Watch>,
    /// The server.
    pub node: Node,
}

/// The running tasks.
#[derive(Debug)]
pub struct Upkeep {
    tasks: JoinSet<()>,
    stop: watch::Sender<()>,
}

impl Upkeep {
    /// Starts all of it; `models` is the file that says what became of models of authenticators.
    #[must_use]
    pub fn start(
        env: &Arc<Env>,
        courier: Arc<dyn Courier>,
        models: Option<MetadataFile>,
        source: KeySource,
        metrics: &Arc<Metrics>,
        health: &Arc<Health>,
    ) -> Self {
        let (stop, stopping) = watch::channel(());
        let pace = |what, every| Pace::new(what, every, &stopping);
        let mut tasks = JoinSet::new();
        let sending = pace("sending messages", SEND_EVERY);
        tasks.spawn(send(Arc::clone(env), courier, Arc::clone(metrics), sending));
        tasks.spawn(sign(Arc::clone(env), pace("signing the audit trail", SIGN_EVERY)));
        let marking = pace("noting the time", SECOND);
        tasks.spawn(mark(Arc::clone(env), Arc::clone(health), marking));
        tasks.spawn(drop_old(Arc::clone(env), pace("dropping what is over", PURGE_EVERY)));
        let looking = pace("looking after the keys", KEYS_EVERY);
        tasks.spawn(look_after_keys(Arc::clone(env), source, Arc::clone(metrics), looking));
        if let Some(models) = models {
            let reviewing = pace("looking again at authenticators", REVIEW_EVERY);
            tasks.spawn(review(Arc::clone(env), models, reviewing));
        }
        Self { tasks, stop }
    }

    /// Lets each task take its step once more, and waits for it; what takes too long is cut.
    pub async fn stop(mut self) {
        drop(self.stop);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(GRACE, all).await.is_err() {
            tracing::warn!("Upkeep did not finish in time");
        }
    }
}

async fn send(env: Arc<Env>, courier: Arc<dyn Courier>, metrics: Arc<Metrics>, mut pace: Pace) {
    while pace.next_or(env.outbox.notified()).await {
        pace.note(&send_all(&env, &*courier, &metrics).await);
    }
}

async fn send_all(env: &Env, courier: &dyn Courier, metrics: &Metrics) -> Result<(), Refused> {
    loop {
        let result = match send_one(env, courier).await? {
            Sent::Nothing => return Ok(()),
            Sent::Later => continue,
            Sent::Delivered => telemetry::metrics::Sent::Delivered,
            Sent::Dropped => telemetry::metrics::Sent::Failed,
        };
        metrics.message("email", result);
    }
}

async fn sign(env: Arc<Env>, mut pace: Pace) {
    let mut last = Vec::new();
    while pace.next().await {
        let signed = checkpoint(&env, &last).await;
        pace.note(&signed);
        if let Ok(Some(heads)) = signed {
            last = heads;
        }
    }
}

async fn mark(env: Arc<Env>, health: Arc<Health>, mut pace: Pace) {
    let mut seconds = 0;
    while pace.next().await {
        // What is not there is looked for more often, so that the server is ready soon after.
        if seconds % MARK_EVERY == 0 || pace.ending || !env.store.takes_writes() {
            let marked = mark_time(&env).await;
            health.wrote(marked.is_ok());
            if let Ok(offset) = marked {
                health.clock_is_off_by(offset);
            }
            pace.note(&marked);
        }
        seconds += 1;
    }
}

async fn look_after_keys(
    env: Arc<Env>,
    KeySource { mut file, node }: KeySource,
    metrics: Arc<Metrics>,
    mut pace: Pace,
) {
    let mut hangups = signal(SignalKind::hangup()).ok();
    loop {
        let hangup = async {
            match &mut hangups {
                Some(hangups) => hangups.recv().await,
                None => pending().await,
            }
        };
        if !pace.next_or(hangup).await {
            return;
        }
        if pace.ending {
            pace.note(&keys::leave(&env, &node).await);
            return;
        }
        if let Some(file) = &mut file {
            metrics.keys_refused(!file.look(&env).await);
        }
        pace.note(&keys::announce(&env, &node).await);
    }
}

async fn drop_old(env: Arc<Env>, mut pace: Pace) {
    while pace.next().await {
        pace.note(&purge(&env).await);
    }
}

async fn review(env: Arc<Env>, models: MetadataFile, mut pace: Pace) {
    // The end is no time for it: the next start begins with it.
    while pace.next().await && !pace.ending {
        metadata::renew(&env, &models).await;
        pace.note(&authenticators::review(&env).await);
    }
}

/// When a task takes its steps, and whether they succeed.
struct Pace {
    what: &'static str,
    ticks: Interval,
    stop: watch::Receiver<()>,
    ending: bool,
    failing: bool,
}

impl Pace {
    fn new(what: &'static str, every: Duration, stop: &watch::Receiver<()>) -> Self {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { what, ticks, stop: stop.clone(), ending: false, failing: false }
    }

    /// Waits until it is time for a step; there is one more after the word to stop, then none.
    async fn next(&mut self) -> bool {
        self.next_or(pending::<()>()).await
    }

    /// The same, with a step as soon as `woken` is done.
    async fn next_or<T>(&mut self, woken: impl Future<Output = T>) -> bool {
        if self.ending {
            return false;
        }
        tokio::select! {
            _ = self.stop.changed() => self.ending = true,
            _ = self.ticks.tick() => {}
            _ = woken => {}
        }
        true
    }

    /// Notes what came of a step. A failure is told once until a step succeeds again; that the database
    /// is not available is what the store tells.
    fn note<T>(&mut self, done: &Result<T, Refused>) {
        if matches!(done, Err(Refused::Store(Fault::Unavailable(_)))) {
            return;
        }
        if let (Err(error), false) = (done, self.failing) {
            let error: &(dyn std::error::Error + 'static) = error;
            tracing::error!(task = self.what, error, "Upkeep failed, and goes on trying");
        }
        self.failing = done.is_err();
    }
}
