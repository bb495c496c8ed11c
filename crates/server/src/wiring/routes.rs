//! The two listeners' routes behind their frames.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{response::Redirect, routing::get};
use nightlatch_flows::{Env, upkeep::MOST_OFFSET};
use nightlatch_store::units::meta::Get;

use crate::{
    api::{self, doc},
    config::{Config, Mode},
    delivery::mailbox::Mailbox,
    http::{
        admin,
        frame::{Admission, Frame, IN_FLIGHT},
        hosts::Hosts,
        request_id::RequestIds,
    },
    pages,
    telemetry::metrics::Metrics,
};

/// Requests that the second listener works on at the same time.
const ADMIN_IN_FLIGHT: usize = 64;

/// The API and the pages; with `mailbox`, what only a development server has.
///
/// # Errors
///
/// The API document can't be made: a fault in the routes.
pub fn public(
    config: &Config,
    env: &Arc<Env>,
    mailbox: Option<&Arc<Mailbox>>,
    metrics: &Arc<Metrics>,
) -> Result<Frame, Box<dyn std::error::Error>> {
    let mut api = api::routes().with_state(Arc::clone(env));
    if let Some(mailbox) = mailbox {
        api = api.merge(pages::mailbox::routes(Arc::clone(mailbox)));
    }
    let (router, document) = doc::finish::<()>(api);
    let router = match mailbox {
        Some(_) => router.merge(pages::passkeys::routes()),
        None => router,
    };
    let router = router
        .route("/", get(async || Redirect::to("/docs")))
        .merge(pages::reference::routes(&document)?)
        .merge(pages::assets::routes());
    let hosts = Hosts::exactly(config.public_url.hosts());
    let admission = Admission {
        hosts: if config.mode == Mode::Dev { hosts.and_loopback() } else { hosts },
        trusted_proxies: config.http.trusted_proxies.clone(),
        allowed_origins: config.http.allowed_origins.clone(),
        per_address: config.per_address,
        in_flight: IN_FLIGHT,
        https: config.public_url.is_https(),
    };
    Ok(Frame::new(router, admission, ids(env), Arc::clone(metrics)))
}

/// Health and numbers, for the operator.
#[must_use]
pub fn operator(
    config: &Config,
    env: &Arc<Env>,
    health: &Arc<Health>,
    metrics: &Arc<Metrics>,
) -> Frame {
    let checked = (Arc::clone(env), Arc::clone(health));
    let measured = checked.clone();
    let ready = move || {
        let (env, health) = checked.clone();
        async move { health.check(&env).await }
    };
    let admission = Admission {
        hosts: Hosts::exactly(config.http.admin_hosts.clone()).and_loopback(),
        trusted_proxies: Vec::new(),
        allowed_origins: Vec::new(),
        per_address: 0,
        in_flight: ADMIN_IN_FLIGHT,
        https: false,
    };
    let measure = move |metrics: &Metrics| {
        let (env, health) = &measured;
        metrics.hears_changes(env.store.hears());
        metrics.waiting(env.store.waiting());
        metrics.ready(health.noted(env).is_ok());
    };
    let router = admin::routes(Arc::clone(metrics), ready, measure);
    Frame::new(router, admission, ids(env), Arc::clone(metrics))
}

fn ids(env: &Env) -> RequestIds {
    RequestIds::new(u64::from_be_bytes(env.random()))
}

/// Whether the server can work, and is to be sent work.
#[derive(Debug, Default)]
pub struct Health {
    refuses_writes: AtomicBool,
    clock_is_off: AtomicBool,
    is_stopping: AtomicBool,
}

impl Health {
    /// Notes whether the last regular write came through.
    pub fn wrote(&self, done: bool) {
        self.refuses_writes.store(!done, Ordering::Relaxed);
    }

    /// Notes that the server was asked to stop: it works, and is not to be sent more.
    pub fn stopping(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Notes how far this node's clock is from the database's.
    pub fn clock_is_off_by(&self, offset: Duration) {
        let off = offset > MOST_OFFSET;
        let was_off = self.clock_is_off.swap(off, Ordering::Relaxed);
        if off && !was_off {
            tracing::error!(
                offset_ms = u64::try_from(offset.as_millis()).unwrap_or(u64::MAX),
                next =
                    "set the clocks of this machine and of the database's by the same time servers",
                "This node's clock differs from the database's"
            );
        }
    }

    /// What is wrong, for the operator's log; asks the database.
    async fn check(&self, env: &Env) -> Result<(), String> {
        self.noted(env)?;
        env.store.read(Get { key: "mode" }).await.map_err(|fault| fault.to_string())?;
        Ok(())
    }

    /// What is wrong, as far as it was noted.
    fn noted(&self, env: &Env) -> Result<(), &'static str> {
        if self.is_stopping.load(Ordering::Relaxed) {
            return Err("this server is stopping");
        }
        if self.refuses_writes.load(Ordering::Relaxed) || !env.store.takes_writes() {
            return Err("the database takes no writes");
        }
        if self.clock_is_off.load(Ordering::Relaxed) {
            return Err("this node's clock differs from the database's");
        }
        Ok(())
    }
}
