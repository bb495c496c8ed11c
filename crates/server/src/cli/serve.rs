//! `nightlatch serve`: a server for real accounts.

use std::path::PathBuf;

use nightlatch_flows::boot;

use super::failure::Failure;
use crate::{
    config::{Config, Risk, env::Environment},
    telemetry::logs,
    wiring::{
        installation,
        server::{self, Listeners},
        signals::Stop,
    },
};

/// Refuses to start on settings that are missing or unsafe, and names all of them.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The settings; those in the environment go before them
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) async fn run(args: &Args) -> Result<(), Failure> {
    let config = Config::load(Some(&args.config), &Environment::of_process())?;
    let _written =
        logs::start(&config.log).map_err(|error| Failure::new(error.to_string(), None))?;
    let env = installation::open(&config).await?;
    let mut stop = Stop::listen().map_err(|error| Failure::new(error.to_string(), None))?;
    let listeners = Listeners::bind(config.http.listen, config.http.admin_listen).await?;
    // Whoever is refused reads why, and nothing else.
    let risks = config.risks();
    boot::accept(&env, risks.iter().map(|one| (one.key, one.risk.clone())).collect()).await?;
    for Risk { key, risk, next } in risks {
        tracing::warn!(setting = key, risk, next, "A setting weakens something");
    }
    // The system has chosen a port that was 0.
    let listen = listeners.public.local_addr().unwrap_or(config.http.listen);
    let admin_listen = listeners.operator.local_addr().unwrap_or(config.http.admin_listen);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        public_url = config.public_url.origin(),
        %listen,
        %admin_listen,
        "Serving"
    );
    Ok(server::run(&config, env, listeners, async || stop.asked().await).await?)
}
