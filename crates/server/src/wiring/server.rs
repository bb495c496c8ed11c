//! A running server: two listeners, upkeep beside them, and an orderly end.

use std::{fs, io, net::SocketAddr, sync::Arc, time::Duration};

use nightlatch_flows::{
    Env,
    courier::{Courier, Off},
    upkeep::keys::{Node, announce},
};
use tokio::{net::TcpListener, sync::watch, time::timeout};

use crate::{
    config::{Config, Delivery, Keys},
    delivery::mailbox::Mailbox,
    http::serve::{Phase, serve},
    telemetry::metrics::Metrics,
    wiring::{
        routes::{self, Health},
        upkeep::{KeySource, Upkeep},
        watch::Watch,
    },
};

/// How long the store may take to end what was begun.
const CLOSING: Duration = Duration::from_secs(10);

/// A port can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("{address} can't be listened on")]
pub struct Unbound {
    /// The address.
    pub address: SocketAddr,
    /// What the system says.
    pub source: io::Error,
}

/// The database file has to be opened anew by another process.
#[derive(Debug, thiserror::Error)]
#[error("the disk failed to keep what was written to the database")]
pub struct GaveUp;

/// The two open ports.
#[derive(Debug)]
pub struct Listeners {
    /// For the API and the pages.
    pub public: TcpListener,
    /// For health and numbers.
    pub operator: TcpListener,
}

impl Listeners {
    /// Opens both.
    ///
    /// # Errors
    ///
    /// [`Unbound`] names the one that failed.
    pub async fn bind(public: SocketAddr, operator: SocketAddr) -> Result<Self, Unbound> {
        Ok(Self { public: bind(public).await?, operator: bind(operator).await? })
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Unbound> {
    TcpListener::bind(address).await.map_err(|source| Unbound { address, source })
}

/// Serves until `asked` to stop, then ends in order: it is not ready and serves on for the time of the
/// drain, or until it is asked again; then no new connections, requests under way, upkeep with its last
/// checkpoint, and the store.
///
/// # Errors
///
/// [`GaveUp`], after the same end, or the routes are at fault.
pub async fn run(
    config: &Config,
    env: Env,
    listeners: Listeners,
    mut asked: impl AsyncFnMut(),
) -> Result<(), Box<dyn std::error::Error>> {
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION")));
    let env = Arc::new(Env { observer: metrics.clone(), ..env });
    let health = Arc::new(Health::default());
    let mailbox = match config.delivery {
        Delivery::Mailbox => Some(Arc::new(Mailbox::new(Arc::clone(&env.clock)))),
        Delivery::Off => None,
    };
    let public = Arc::new(routes::public(config, &env, mailbox.as_ref(), &metrics)?);
    let operator = Arc::new(routes::operator(config, &env, &health, &metrics));
    let courier: Arc<dyn Courier> = match mailbox {
        Some(mailbox) => mailbox,
        None => Arc::new(Off),
    };
    let models = config.webauthn.metadata.clone();
    let source = key_source(config, &env, listeners.public.local_addr()?);
    // Before it seals for others, they know which keys it has.
    announce(&env, &source.node).await?;
    let upkeep = Upkeep::start(&env, courier, models, source, &metrics, &health);

    let (phase, phases) = watch::channel(Phase::Serving);
    let serving = tokio::spawn(async move {
        tokio::join!(
            serve(listeners.public, public, phases.clone()),
            serve(listeners.operator, operator, phases),
        )
    });
    let mut told = async || {
        tokio::select! {
            () = asked() => Ok(()),
            () = env.store.gave_up() => Err(GaveUp),
        }
    };
    let mut why = told().await;
    health.stopping();
    // Without its database there is nothing to serve.
    if why.is_ok() {
        phase.send_replace(Phase::Draining);
        tracing::info!(seconds = config.http.drain.as_secs(), "Draining");
        why = timeout(config.http.drain, told()).await.unwrap_or(Ok(()));
    }
    tracing::info!("Stopping");
    phase.send_replace(Phase::Closing);
    // It fails only by a panic, which the log has told.
    let _ = serving.await;
    upkeep.stop().await;
    if timeout(CLOSING, env.store.close(env.clock.now())).await.is_err() {
        tracing::warn!("The store did not close in time");
    }
    Ok(why?)
}

fn key_source(config: &Config, env: &Env, listen: SocketAddr) -> KeySource {
    let file = match &config.keys {
        Keys::File(path) => Some(Watch::new(path.clone())),
        Keys::Ring(_) => None,
    };
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = match host.trim() {
        "" => listen.to_string(),
        host => format!("{host} ({listen})"),
    };
    KeySource { file, node: Node { id: env.random(), name } }
}
