//! Load over loopback against the server and against its floors, in one run and in rounds that take
//! turns; what counts are the ratios. `cargo xtask bench` builds and calls it.

#![expect(
    clippy::disallowed_methods,
    reason = "the bans keep the product's time, waiting and settings in one place each; this is no \
              part of the product"
)]

mod floor;
mod http;
mod load;
mod passkey;
mod people;
mod place;
mod process;
mod report;
mod scenarios;
mod seed;

use std::{
    net::SocketAddr,
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::{Parser, Subcommand};
use nightlatch_core::Timestamp;
use nightlatch_store::Engine;

use crate::scenarios::{Bench, Plan};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Load, and the floors that it is measured against.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure, and print what was measured
    Run(Run),
    /// Serve a floor until the process is ended
    Floor { kind: String, listen: SocketAddr, database: String },
}

#[derive(clap::Args)]
struct Run {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// How many people there are, one measurement for each number
    #[arg(long, value_delimiter = ',', default_value = "1000,1000000")]
    users: Vec<u32>,
    /// Connections at the same time, one measurement for each number
    #[arg(long, value_delimiter = ',', default_value = "32,128")]
    connections: Vec<usize>,
    /// Rounds that take turns; their median counts
    #[arg(long, default_value = "3")]
    rounds: usize,
    /// Seconds of a round
    #[arg(long, default_value = "3")]
    seconds: f64,
    /// One engine alone: sqlite or postgres
    #[arg(long)]
    engine: Option<String>,
    /// Scenarios whose names contain this
    #[arg(long, default_value = "")]
    only: String,
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    let mut builder = match command {
        // One thread for the load: the other processor is the server's.
        Command::Run(_) => tokio::runtime::Builder::new_current_thread(),
        Command::Floor { .. } => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.enable_all().build().expect("a runtime");
    let done = runtime.block_on(async {
        match command {
            Command::Run(run) => measure(run).await,
            Command::Floor { kind, listen, database } => {
                floor::serve(&kind, listen, &database).await
            }
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(run: Run) -> Result<(), String> {
    let plan = Plan {
        connections: run.connections,
        rounds: run.rounds.max(1),
        limit: Duration::try_from_secs_f64(run.seconds).map_err(|error| error.to_string())?,
        only: run.only,
    };
    let mut sizes = run.users;
    sizes.sort_unstable();
    let mut report = report::Report::default();
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let name = engine.to_string().to_lowercase();
        if run.engine.as_ref().is_some_and(|only| !name.starts_with(only.as_str())) {
            continue;
        }
        for people in &sizes {
            Bench::new(engine, *people, &plan).await?.measure(&mut report).await?;
        }
    }
    report.print(run.json);
    Ok(())
}

/// Now, as the server sees it.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or_default())
}
