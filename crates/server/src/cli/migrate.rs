//! `nightlatch migrate`: brings a schema up to date.

use std::path::PathBuf;

use nightlatch_flows::{Clock, env::SystemClock};
use nightlatch_store::{Database, Store};

use super::{
    failure::Failure,
    output::{Form, say},
};
use crate::{
    config::{Config, env::Environment},
    wiring::installation,
};

/// Safe to repeat, and to run on several nodes at once.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Place {
    /// The settings of a production server
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The database: sqlite:PATH or postgres://...
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

pub(super) async fn run(args: &Args) -> Result<(), Failure> {
    let options = if let Some(url) = &args.place.database {
        installation::chained(Database::parse(url)?)
    } else {
        let file = args.place.config.as_deref();
        installation::options(&Config::load(file, &Environment::of_process())?)?
    };
    let engine = options.database.engine().to_string();
    let now = SystemClock::default().now();
    Store::open_and_migrate(options, now).await?.close(now).await;
    if args.form.json {
        return args.form.print(&serde_json::json!({ "engine": engine }), String::new);
    }
    say(&format!("The schema on {engine} is up to date."))
}
