//! Which installation a command is about.

use std::{net::Ipv4Addr, path::PathBuf};

use nightlatch_core::audit::Head;
use nightlatch_flows::{Env, upkeep::checkpoint::checkpoint};

use super::failure::Failure;
use crate::{
    config::{Config, Dev, env::Environment},
    wiring::installation,
};

/// The port of a development server, unless told otherwise.
pub(super) const DEV_PORT: u16 = 8080;

/// The installation, by the settings of its server.
#[derive(Debug, clap::Args)]
pub(super) struct Target {
    #[command(flatten)]
    place: Place,
    /// The development server's database, if it is not in its folder: sqlite:PATH or postgres://...
    #[arg(long, value_name = "URL", requires = "data", conflicts_with = "config")]
    database: Option<String>,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Place {
    /// The settings of a production server
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder of a development server
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Target {
    /// Its settings.
    pub(super) fn config(&self) -> Result<Config, Failure> {
        let Some(data) = &self.place.data else {
            let file = self.place.config.as_deref();
            return Ok(Config::load(file, &Environment::of_process())?);
        };
        Ok(Config::dev(&Dev {
            listen: (Ipv4Addr::LOCALHOST, DEV_PORT).into(),
            admin_listen: (Ipv4Addr::LOCALHOST, DEV_PORT + 1).into(),
            data: data.clone(),
            database: self.database.clone(),
        })?)
    }

    /// Opens it, also beside its running server.
    pub(super) async fn open(&self) -> Result<Env, Failure> {
        Ok(installation::open_beside(&self.config()?).await?)
    }
}

/// Ends a command's use of an installation: signs what it added to the audit trail, and closes.
pub(super) async fn leave(env: Env, done: Result<(), Failure>) -> Result<(), Failure> {
    const NOTHING_SIGNED: &[Head] = &[];
    let signed = checkpoint(&env, NOTHING_SIGNED).await;
    env.store.close(env.clock.now()).await;
    done?;
    signed?;
    Ok(())
}
