//! `nightlatch backup`: the whole database in one file.

use std::path::PathBuf;

use serde_json::json;

use super::{failure::Failure, output::Form, target::Target};
use crate::wiring::backup;

/// Works beside a running server. The file is of one moment, checked, and readable for its owner
/// only; either engine can take it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// The file to make; never written over
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    form: Form,
}

pub(super) async fn run(args: &Args) -> Result<(), Failure> {
    let keys = backup::take(&args.target.config()?, &args.out).await?;
    let keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
    args.form.print(&json!({ "file": args.out, "keys": keys }), || {
        format!(
            "The backup is in {}. It is whole.\nKeys are not in it. Keep a copy of these apart from \
             it, without which nobody can restore it: {}",
            args.out.display(),
            keys.join(", ")
        )
    })
}
