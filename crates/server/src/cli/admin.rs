//! `nightlatch admin`: making administrators.

use std::{
    fs::{self, File},
    io::{self, IsTerminal},
    path::PathBuf,
};

use nightlatch_core::{Secret, SecretText};
use nightlatch_flows::{
    Env,
    admin::invite::{Invited, invite},
};
use serde_json::json;

use super::{
    failure::Failure,
    output::Form,
    target::{Target, leave},
};
use crate::wiring::private_file;

/// Works beside a running server.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make somebody an administrator, by a one-time token that is good for 15 minutes
    Invite(Invite),
}

#[derive(Debug, clap::Args)]
pub(super) struct Invite {
    /// Whom to invite
    #[arg(long, value_name = "ADDRESS")]
    email: String,
    #[command(flatten)]
    target: Target,
    /// Write the token to a new file that only its owner can read
    #[arg(long, value_name = "FILE", conflicts_with = "print")]
    out: Option<PathBuf>,
    /// Print the token even if standard output is no terminal
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    form: Form,
}

pub(super) async fn run(Command::Invite(args): &Command) -> Result<(), Failure> {
    if args.out.is_none() && !args.print && !io::stdout().is_terminal() {
        return Err(Failure::misuse(
            "the token would go to something that is no terminal",
            "name a file with --out, or say --print",
        ));
    }
    let config = args.target.config()?;
    let env = args.target.open().await?;
    // Made first, so that no invitation exists that nobody can read.
    let file = args.out.as_ref().map(|path| private_file::create(path)).transpose();
    let file = file.map_err(|error| {
        Failure::new(format!("the file can't be made: {error}"), Some("choose a new one".into()))
    })?;
    let done = invited(args, &env, file, config.public_url.origin()).await;
    if let (Ok(false) | Err(_), Some(path)) = (&done, &args.out) {
        // It is empty, and ours.
        let _ = fs::remove_file(path);
    }
    leave(env, done.map(drop)).await
}

/// Whether there is a token.
async fn invited(args: &Invite, env: &Env, file: Option<File>, url: &str) -> Result<bool, Failure> {
    let (form, email) = (args.form, &args.email);
    match invite(env, email).await? {
        Invited::Link(token) => {
            hand_over(args, &token, file, url)?;
            return Ok(true);
        }
        Invited::Promoted => form.print(&json!({ "status": "administrator" }), || {
            format!("{email} has a second factor and is an administrator now.")
        })?,
        Invited::MayEnroll => form.print(&json!({ "status": "may_enroll" }), || {
            format!(
                "{email} is an administrator without a second factor, and may sign in and enrol \
                 one within 15 minutes."
            )
        })?,
        Invited::NeedsFactor => {
            return Err(Failure::new(
                format!("{email} has an account without a second factor"),
                Some(format!("let its owner sign in at {url} and enrol one, then invite again")),
            ));
        }
    }
    Ok(false)
}

fn hand_over(
    args: &Invite,
    token: &SecretText,
    file: Option<File>,
    url: &str,
) -> Result<(), Failure> {
    let email = &args.email;
    let (place, shown) = match (file, &args.out) {
        (Some(file), Some(path)) => {
            let secret = Secret::new(token.expose().as_bytes().to_vec());
            private_file::fill(file, &secret).map_err(|error| {
                Failure::new(format!("the file can't be written: {error}"), None)
            })?;
            let path = path.display();
            (format!("The token is in {path}."), format!("'\"$(cat {path})\"'"))
        }
        _ => (format!("The token is {}", token.expose()), token.expose().to_owned()),
    };
    let printed = args.out.is_none().then(|| token.expose());
    args.form.print(&json!({ "status": "invited", "invite": printed, "expires_in": 900 }), || {
        format!(
            "{email} is invited. {place}\n\n\
             Within 15 minutes, and once, it makes the account:\n\n  \
             curl -s {url}/auth/register -H 'content-type: application/json' \\\n    \
             -d '{{\"email\":\"{email}\",\"password\":\"CHOOSE ONE\",\"invite\":\"{shown}\"}}'\n\n\
             Then sign in and enrol a second factor within 15 minutes: that makes the \
             administrator."
        )
    })
}
