//! `nightlatch audit`: whether the audit trail is what was written.

use nightlatch_flows::{
    Env,
    admin::audit::{Report, verify},
};
use serde_json::json;

use super::{
    failure::Failure,
    output::Form,
    target::{Target, leave},
};

/// Works beside a running server.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Verify every chain and every signed checkpoint; the status is 1 if anything is wrong
    Verify(Args),
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    form: Form,
}

pub(super) async fn run(Command::Verify(args): &Command) -> Result<(), Failure> {
    let env = args.target.open().await?;
    let done = report(&env, args.form).await;
    leave(env, done).await
}

async fn report(env: &Env, form: Form) -> Result<(), Failure> {
    let report = verify(env).await?;
    let flaws: Vec<_> = report.flaws.iter().map(ToString::to_string).collect();
    let value = json!({
        "intact": flaws.is_empty(),
        "events": report.events,
        "chains": report.chains,
        "checkpoints": report.checkpoints,
        "unsigned_tail": report.unsigned_tail,
        "flaws": flaws,
    });
    form.print(&value, || describe(&report, &flaws))?;
    if flaws.is_empty() { Ok(()) } else { Err(Failure::told()) }
}

fn describe(report: &Report, flaws: &[String]) -> String {
    let Report { events, chains, checkpoints, unsigned_tail, .. } = report;
    let counts = format!(
        "{events} events in {chains} chains, {checkpoints} checkpoints, \
         {unsigned_tail} events not signed yet."
    );
    if flaws.is_empty() {
        return format!("The audit trail is intact.\n{counts}");
    }
    format!("THE AUDIT TRAIL IS BROKEN:\n  {}\n{counts}", flaws.join("\n  "))
}
