//! `nightlatch restore`: a backup in an empty place.

use std::path::PathBuf;

use serde_json::json;

use super::{failure::Failure, output::Form, target::Target};
use crate::wiring::backup;

/// The settings name the keys that the backup was made with, and a database that is empty or not
/// there. No server may run on it yet.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// The backup
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    #[command(flatten)]
    form: Form,
}

pub(super) async fn run(args: &Args) -> Result<(), Failure> {
    let told = backup::restore(&args.target.config()?, &args.from).await?;
    args.form.print(&json!({ "restored": true, "recovery_codes_void": told }), || {
        format!(
            "The backup is restored. Everybody has to sign in again.\n\
             Void: sessions, tokens, sent codes and links, invitations, and the recovery codes of \
             {told} accounts, whose owners get a mail.\n\
             What changed after the backup is lost: disable accounts and change factors again where \
             the shipped audit trail says so."
        )
    })
}
