//! The command line: one file a command, each parsing, calling one journey and printing.
//!
//! What a command answers goes to standard output, what went wrong to standard error as one line
//! with the next step. The status is 0 for success, 1 for failure and 2 for misuse.

mod admin;
mod audit;
mod backup;
mod config;
mod dev;
mod doctor;
mod failure;
mod keys;
mod migrate;
mod output;
mod restore;
mod rotation;
mod serve;
mod target;
mod user;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::failure::Failure;

/// The second lock on the door you already have: a multi-factor authentication server.
#[derive(Debug, Parser)]
#[command(name = "nightlatch", version, propagate_version = true)]
#[command(after_help = "Start with `nightlatch dev`. Status: 0 success, 1 failure, 2 misuse.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a development server on this machine, with nothing to set up
    Dev(dev::Args),
    /// Run a production server
    Serve(serve::Args),
    /// Bring the schema of a database up to date
    Migrate(migrate::Args),
    /// Check or show the settings of a production server
    #[command(subcommand)]
    Config(config::Command),
    /// Check everything that goes wrong in practice, and say what to do; changes nothing
    Doctor(doctor::Args),
    /// Make, see and change keys
    #[command(subcommand)]
    Keys(keys::Command),
    /// Make administrators
    #[command(subcommand)]
    Admin(admin::Command),
    /// See and change accounts
    #[command(subcommand)]
    User(user::Command),
    /// Copy the database into a file, beside its running server
    Backup(backup::Args),
    /// Put a backup into an empty place; whatever was issued before it is void
    Restore(restore::Args),
    /// Verify the audit trail
    #[command(subcommand)]
    Audit(audit::Command),
}

/// Runs the command that this process was started with; the status to end it with.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(misuse) => {
            // There is nobody left to tell if this can't be printed.
            let _ = misuse.print();
            return ExitCode::from(u8::try_from(misuse.exit_code()).unwrap_or(2));
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = runtime.map_err(|error| Failure::new(error.to_string(), None)).and_then(|runtime| {
        runtime.block_on(async {
            match cli.command {
                Command::Dev(args) => dev::run(args).await,
                Command::Serve(args) => serve::run(&args).await,
                Command::Migrate(args) => migrate::run(&args).await,
                Command::Config(command) => config::run(&command),
                Command::Doctor(args) => doctor::run(&args).await,
                Command::Keys(command) => keys::run(&command).await,
                Command::Admin(command) => admin::run(&command).await,
                Command::User(command) => user::run(&command).await,
                Command::Backup(args) => backup::run(&args).await,
                Command::Restore(args) => restore::run(&args).await,
                Command::Audit(command) => audit::run(&command).await,
            }
        })
    });
    done.map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[track_caller]
    fn check(line: &str, status: Option<i32>) {
        let parsed = Cli::try_parse_from(line.split(' '));
        assert_eq!(parsed.err().map(|error| error.exit_code()), status, "{line}");
    }

    #[test]
    fn every_command_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_command_names_exactly_one_installation() {
        check("nightlatch dev", None);
        check("nightlatch serve --config a.toml", None);
        check("nightlatch doctor --config a.toml --json", None);
        check("nightlatch migrate --database sqlite:a.db", None);
        check("nightlatch user list --data a", None);
        check("nightlatch user list --data a --database sqlite:a.db", None);
        check("nightlatch audit verify --config a.toml --json", None);
        check("nightlatch keys retire 1a2b3c4d --at-once --data a", None);
        check("nightlatch --version", Some(0));
        check("nightlatch user --help", Some(0));
        for misuse in [
            "nightlatch",
            "nightlatch serve",
            "nightlatch doctor",
            "nightlatch migrate",
            "nightlatch migrate --config a.toml --database sqlite:a.db",
            "nightlatch user list",
            "nightlatch user list --config a.toml --data a",
            "nightlatch user list --config a.toml --database sqlite:a.db",
            "nightlatch user list --data a --limit 0",
            "nightlatch keys rotate",
            "nightlatch keys promote 1a2b3c --data a",
            "nightlatch admin invite --data a",
            "nightlatch admin invite --data a --email a@b.c --out f --print",
            "nightlatch backup --data a",
            "nightlatch restore --config a.toml",
            "nightlatch dev --listen 8080",
        ] {
            check(misuse, Some(2));
        }
    }
}
