//! What goes on beside the requests: a few tasks, each repeating one step of
//! [`nightlatch_flows::upkeep`] until it is told to stop.

use std::{future::pending, sync::Arc, time::Duration};

use nightlatch_flows::{
    Env, Refused,
    courier::Courier,
    upkeep::{
        checkpoint::checkpoint,
        mark_time,
        outbox::{Sent, send_one},
        purge,
    },
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    telemetry::{self, metrics::Metrics},
    wiring::routes::Health,
};

/// What waits in the outbox is looked for this often, besides at once after a request.
const SEND_EVERY: Duration = Duration::from_secs(1);

/// The audit trail is signed this often, if it grew.
const SIGN_EVERY: Duration = Duration::from_secs(5);

/// The time is noted this often.
const MARK_EVERY: Duration = Duration::from_secs(10);

/// What is over is dropped this often.
const PURGE_EVERY: Duration = Duration::from_mins(1);

/// Slow hashes are counted this often.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// How long the last steps may take.
const GRACE: Duration = Duration::from_secs(5);

/// The running tasks.
#[derive(Debug)]
pub struct Upkeep {
    tasks: JoinSet<()>,
    stop: watch::Sender<()>,
}

impl Upkeep {
    /// Starts all of it.
    #[must_use]
    pub fn start(
        env: &Arc<Env>,
        courier: Arc<dyn Courier>,
        metrics: &Arc<Metrics>,
        health: &Arc<Health>,
    ) -> Self {
        let (stop, stopping) = watch::channel(());
        let mut tasks = JoinSet::new();
        tasks.spawn(send(Arc::clone(env), courier, Arc::clone(metrics), stopping.clone()));
        tasks.spawn(sign(Arc::clone(env), stopping.clone()));
        tasks.spawn(mark(Arc::clone(env), Arc::clone(health), stopping.clone()));
        tasks.spawn(drop_old(Arc::clone(env), stopping.clone()));
        tasks.spawn(count(Arc::clone(env), Arc::clone(metrics), stopping));
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

async fn send(
    env: Arc<Env>,
    courier: Arc<dyn Courier>,
    metrics: Arc<Metrics>,
    stop: watch::Receiver<()>,
) {
    let step = async || loop {
        let result = match send_one(&env, &*courier).await? {
            Sent::Nothing => return Ok(()),
            Sent::Later => continue,
            Sent::Delivered => telemetry::metrics::Sent::Delivered,
            Sent::Dropped => telemetry::metrics::Sent::Failed,
        };
        metrics.message("email", result);
    };
    repeat("sending messages", SEND_EVERY, stop, async || env.outbox.notified().await, step).await;
}

async fn sign(env: Arc<Env>, stop: watch::Receiver<()>) {
    let mut last = Vec::new();
    let step = async || {
        if let Some(heads) = checkpoint(&env, &last).await? {
            last = heads;
        }
        Ok(())
    };
    repeat("signing the audit trail", SIGN_EVERY, stop, pending, step).await;
}

async fn mark(env: Arc<Env>, health: Arc<Health>, stop: watch::Receiver<()>) {
    let step = async || {
        let marked = mark_time(&env).await;
        health.wrote(marked.is_ok());
        marked.map(drop)
    };
    repeat("noting the time", MARK_EVERY, stop, pending, step).await;
}

async fn drop_old(env: Arc<Env>, stop: watch::Receiver<()>) {
    repeat("dropping what is over", PURGE_EVERY, stop, pending, async || purge(&env).await).await;
}

async fn count(env: Arc<Env>, metrics: Arc<Metrics>, stop: watch::Receiver<()>) {
    let mut counted = 0;
    let step = async || {
        let jobs = env.hasher.jobs();
        for _ in counted..jobs {
            metrics.password_hash();
        }
        counted = jobs;
        Ok(())
    };
    repeat("counting", COUNT_EVERY, stop, pending, step).await;
}

/// Takes `step` whenever it is time or `woken` says so, and once more when told to stop. A failure
/// is told once until a step succeeds again.
async fn repeat(
    what: &'static str,
    every: Duration,
    mut stop: watch::Receiver<()>,
    woken: impl AsyncFn(),
    mut step: impl AsyncFnMut() -> Result<(), Refused>,
) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        let ending = tokio::select! {
            _ = stop.changed() => true,
            _ = ticks.tick() => false,
            () = woken() => false,
        };
        let done = step().await;
        if let (Err(error), false) = (&done, failing) {
            let error: &(dyn std::error::Error + 'static) = error;
            tracing::error!(what, error, "Upkeep failed, and goes on trying");
        }
        failing = done.is_err();
        if ending {
            return;
        }
    }
}
