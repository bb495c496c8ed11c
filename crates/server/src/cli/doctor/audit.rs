//! The end of the audit trail: is it signed? The whole of it is for `audit verify`.

use std::time::Duration;

use nightlatch_flows::{
    Clock,
    admin::audit::{End, end},
    env::SystemClock,
};

use super::{
    keys::Access,
    report::{Check, Report, counted},
};
use crate::cli::output::time;

/// A running server signs within seconds.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) async fn check(report: &mut Report, access: &Access) {
    let env = match access {
        Access::Open(env) => env,
        Access::Unused => return report.ok(Check::Audit, "nothing has happened yet"),
        Access::Closed => {
            return report.skip(&[Check::Audit], "without the keys no signature can be verified");
        }
    };
    match end(env).await {
        Ok(end) => tell(report, &end),
        Err(refused) => report.fail_by(Check::Audit, &refused, "look at the database first"),
    }
}

fn tell(report: &mut Report, end: &End) {
    if !end.genuine {
        return report.fail(
            Check::Audit,
            "the last checkpoint is not signed by a key of this ring",
            "`nightlatch audit verify` says where the trail breaks",
        );
    }
    let events = counted(end.unsigned.unsigned_abs(), "event", "events");
    if end.signed_at.is_none() && end.unsigned == 0 {
        return report.ok(Check::Audit, "nothing has happened yet");
    }
    let signed = end.signed_at.map_or("never".to_owned(), time);
    let late = SystemClock::default().now().minus(PATIENCE);
    if end.unsigned_since.is_some_and(|since| since < late) {
        report.warn(
            Check::Audit,
            format!("last signed {signed}; {events} since then could be changed unseen"),
            "start the server, which signs what it writes; then run `nightlatch audit verify`",
        );
    } else {
        report.ok(
            Check::Audit,
            format!(
                "last signed {signed}, {events} since; `nightlatch audit verify` reads all of it"
            ),
        );
    }
}
