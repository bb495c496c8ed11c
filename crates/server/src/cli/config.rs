//! `nightlatch config`: the settings of a production server, checked and shown.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::{failure::Failure, output::Form};
use crate::config::{Config, Issue, Issues, env::Environment};

/// Both read the file and the environment, as `serve` does.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Say everything that is wrong with the settings
    Check(Args),
    /// Print the settings in effect, without secrets
    Show(Args),
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The settings
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    form: Form,
}

impl Args {
    fn load(&self) -> Result<Config, Issues> {
        Config::load(Some(&self.config), &Environment::of_process())
    }
}

pub(super) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Check(args) => check(args),
        Command::Show(args) => show(args),
    }
}

fn check(args: &Args) -> Result<(), Failure> {
    let text = || "These settings are good to serve with.".to_owned();
    match args.load() {
        Ok(_) => args.form.print(&json!({ "issues": [] }), text),
        Err(Issues(issues)) if args.form.json => {
            let line = |Issue { key, problem, next }: &Issue| json!({ "key": key, "problem": problem, "next": next });
            let issues: Vec<_> = issues.iter().map(line).collect();
            args.form.print(&json!({ "issues": issues }), String::new)?;
            Err(Failure::told())
        }
        Err(issues) => Err(issues.into()),
    }
}

fn show(args: &Args) -> Result<(), Failure> {
    let shown = args.load()?.show();
    let object: Map<String, Value> =
        shown.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    args.form.print(&object, || {
        let lines: Vec<_> = shown.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        lines.join("\n")
    })
}
