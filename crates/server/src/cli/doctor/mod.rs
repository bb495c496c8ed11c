//! `nightlatch doctor`: everything that goes wrong in practice, and what to do about it.
//!
//! Each file looks at one group of things and adds what it found to the [`Report`]. Whatever is wrong
//! with one, the others are looked at if that makes sense. Nothing is changed: the database is opened
//! to look at it alone.

mod audit;
mod clock;
mod database;
mod delivery;
mod disk;
mod keys;
mod plaintext;
mod postgres;
mod report;
mod server;
mod settings;

use std::path::{Path, PathBuf};

use nightlatch_flows::{Clock, env::SystemClock};

use self::report::{Report, State};
use super::{failure::Failure, output::Form};
use crate::config::{Config, env::Environment};

/// Works beside a running server and without one. It reads the whole database, to show that no seed,
/// code or token is in it in clear; nothing is changed. The status is 1 if anything failed, and 0 with
/// warnings.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The settings of a production server; those in the environment go before them
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    form: Form,
}

pub(super) async fn run(args: &Args) -> Result<(), Failure> {
    let report = examine(&args.config, &Environment::of_process()).await;
    args.form.print(&report, || report.text())?;
    if report.count(State::Failed) == 0 { Ok(()) } else { Err(Failure::told()) }
}

/// Looks at everything.
async fn examine(settings: &Path, environment: &Environment) -> Report {
    let mut report = Report::default();
    match settings::check(&mut report, settings, environment) {
        Some(config) => {
            server::check(&mut report, &config);
            examine_installation(&mut report, &config).await;
        }
        None => report.skip_rest("the settings do not say enough"),
    }
    report.sort();
    report
}

async fn examine_installation(report: &mut Report, config: &Config) {
    let ring = keys::read(report, config);
    let Some(site) = database::open(report, config).await else {
        return report.skip_rest("the database can't be opened");
    };
    clock::check(report, &site).await;
    if site.is_current {
        let access = keys::check(report, config, &site, ring).await;
        plaintext::check(report, config, &site, &access).await;
        audit::check(report, config, &site, &access).await;
        delivery::check(report, &site).await;
    } else {
        report.skip_rest("the schema is not the one of this program");
    }
    site.store.close(SystemClock::default().now()).await;
}
