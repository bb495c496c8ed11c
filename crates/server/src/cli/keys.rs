//! `nightlatch keys`: what every secret in the database is sealed with, and every token signed.

use std::path::{Path, PathBuf};

use nightlatch_core::keys::KeyTag;
use nightlatch_flows::{
    Env,
    admin::keys::{Key, NotYet, Role, State, state},
    env::OsEntropy,
};
use serde_json::json;

use super::{
    failure::Failure,
    output::{Form, say, table, time},
    rotation::{self, Ring},
    target::{Target, leave},
};
use crate::{config, wiring::keys};

/// Keys are kept apart from the database. All but `new` work beside running servers.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a file with a fresh key, readable for its owner only; never writes over another
    New {
        /// The file to make; `keys.file` in the settings
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// List the keys, what needs them and what may be done next
    List(Args),
    /// Add a fresh key, which opens and does not seal yet
    Add(Args),
    /// Let a key seal and sign from now on; refused until every server has it
    Promote(Named),
    /// Take a key out; refused as long as anything needs it
    Retire {
        #[command(flatten)]
        named: Named,
        /// Give up tokens and mailed links that the key made
        #[arg(long)]
        at_once: bool,
    },
    /// Add a key, wait until every server has it, promote it and seal everything anew; goes on where
    /// it was interrupted
    Rotate(Args),
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The key's name, as `keys list` shows it
    #[arg(value_name = "KEY")]
    tag: KeyTag,
    #[command(flatten)]
    args: Args,
}

pub(super) async fn run(command: &Command) -> Result<(), Failure> {
    let args = match command {
        Command::New { out } => return new(out),
        Command::List(args) | Command::Add(args) | Command::Rotate(args) => args,
        Command::Promote(named) | Command::Retire { named, .. } => &named.args,
    };
    let config = args.target.config()?;
    let env = args.target.open().await?;
    let done = on(command, &config.keys, &env, args.form).await;
    leave(env, done).await
}

async fn on(command: &Command, keys: &config::Keys, env: &Env, form: Form) -> Result<(), Failure> {
    let ring = Ring { env, file: file_of(keys), form };
    match command {
        Command::New { .. } => Ok(()),
        Command::List(_) => list(env, form).await,
        Command::Add(_) => rotation::add(&ring).await,
        Command::Promote(named) => rotation::promote(&ring, named.tag).await,
        Command::Retire { named, at_once } => rotation::retire(&ring, named.tag, *at_once).await,
        Command::Rotate(_) => rotation::rotate(&ring).await,
    }
}

fn file_of(keys: &config::Keys) -> Option<&Path> {
    match keys {
        config::Keys::File(path) => Some(path),
        config::Keys::Ring(_) => None,
    }
}

fn new(out: &Path) -> Result<(), Failure> {
    keys::make(out, &OsEntropy)?;
    say(&format!(
        "A fresh key is in {}. Keep a copy apart from the database and its backups: without it \
         every second factor is unreadable.",
        out.display()
    ))
}

async fn list(env: &Env, form: Form) -> Result<(), Failure> {
    let state = state(env).await?;
    let value = json!({
        "keys": state.keys.iter().map(|key| json!({
            "key": key.tag,
            "state": key.role.as_str(),
            "rows": key.rows,
            "sealed_from": key.sealed_from.map(time),
            "sealed_at": key.sealed_at.map(time),
            "next": next_step(&state, key),
        })).collect::<Vec<_>>(),
        "servers": state.nodes.iter().map(|node| json!({
            "name": node.name,
            "keys": node.tags,
            "since": time(node.since),
        })).collect::<Vec<_>>(),
    });
    form.print(&value, || describe(&state))
}

fn describe(state: &State) -> String {
    let keys: Vec<_> = state
        .keys
        .iter()
        .map(|key| {
            let since = key.sealed_from.map_or_else(|| "-".to_owned(), time);
            let (state_of, rows) = (key.role.as_str().to_owned(), key.rows.to_string());
            [key.tag.to_string(), state_of, rows, since, next_step(state, key)]
        })
        .collect();
    let servers: Vec<_> = state
        .nodes
        .iter()
        .map(|node| {
            let tags: Vec<_> = node.tags.iter().map(ToString::to_string).collect();
            [node.name.clone(), tags.join(" "), time(node.since)]
        })
        .collect();
    let keys = table(["key", "state", "rows", "seals since", "next"], &keys);
    if servers.is_empty() {
        return format!("{keys}\n\nNo server is running.");
    }
    format!("{keys}\n\n{}", table(["server", "keys", "since"], &servers))
}

/// What may be done with a key, or why not yet.
fn next_step(state: &State, key: &Key) -> String {
    let allowed = match key.role {
        Role::Sealing => return "rotate".to_owned(),
        Role::New => state.may_promote(key.tag).map(|()| "promote"),
        Role::Opening | Role::Retired => state.may_retire(key.tag, false).map(|()| "retire"),
        Role::Missing if key.rows > 0 => return "put it back into the key file".to_owned(),
        Role::Missing => return "put it into this key file too".to_owned(),
    };
    allowed.map_or_else(|not_yet| format!("wait: {not_yet}{}", until(&not_yet)), str::to_owned)
}

/// When what is refused may be tried again, if that is known.
fn until(not_yet: &NotYet) -> String {
    match not_yet {
        NotYet::Young { at, .. } | NotYet::InTokens { until: at, .. } => {
            format!(" (until {})", time(*at))
        }
        _ => String::new(),
    }
}
