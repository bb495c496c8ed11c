//! The end of the audit trail: is it signed? The whole of it is for `audit verify`.

use std::time::Duration;

use nightlatch_flows::{
    Clock,
    admin::audit::{End, end},
    env::SystemClock,
};
use nightlatch_store::units::examine::Traces;

use super::{
    database::Site,
    keys::{self, Access},
    report::{Check, Report, counted},
};
use crate::{cli::output::time, config::Config};

/// A running server signs within seconds.
const PATIENCE: Duration = Duration::from_mins(1);

const VERIFY: &str = "`nightlatch audit verify` says where the trail breaks";

pub(super) async fn check(report: &mut Report, config: &Config, site: &Site, access: &Access) {
    let env = match access {
        Access::Open(env) => env,
        Access::Unused => {
            return match site.store.read(Traces).await {
                Ok((true, false)) => erased(report),
                Ok((_, false)) => report.ok(Check::Audit, "nothing has happened yet"),
                Ok((_, true)) => {
                    report.skip(
                        Check::Audit,
                        "there are events, and no server has claimed the database",
                    );
                }
                Err(fault) => site.fail_by(report, Check::Audit, &fault).await,
            };
        }
        Access::Older => {
            let because = "the last server here was of an older version; start one of this version";
            return report.skip(Check::Audit, because);
        }
        Access::Closed => {
            return report.skip(Check::Audit, "without the keys no signature can be verified");
        }
    };
    match end(env).await {
        Ok(end) if end.forged > 0 && keys::have_changed(&config.keys, &env.ring()) => {
            keys::tell_change(report, Check::Audit);
        }
        Ok(end) => tell(report, &end),
        Err(fault) => site.fail_by(report, Check::Audit, &fault).await,
    }
}

fn erased(report: &mut Report) {
    report.fail(
        Check::Audit,
        "there are accounts, and not one event of them: the trail was erased",
        "find out by whom, and restore the last good backup elsewhere to compare",
    );
}

fn tell(report: &mut Report, end: &End) {
    if end.accounts && !end.events {
        return erased(report);
    }
    let number = |found| u64::try_from(found).unwrap_or(u64::MAX);
    if end.forged > 0 {
        let checkpoints = counted(number(end.forged), "checkpoint is", "checkpoints are");
        let text = format!("{checkpoints} not signed by a key of this ring");
        return report.fail(Check::Audit, text, VERIFY);
    }
    if end.cut > 0 {
        let chains = counted(number(end.cut), "chain lacks", "chains lack");
        return report.fail(Check::Audit, format!("{chains} events that were signed"), VERIFY);
    }
    if !end.events {
        return report.ok(Check::Audit, "nothing has happened yet");
    }
    let events = counted(end.unsigned.unsigned_abs(), "event", "events");
    let signed = end.signed_at.map_or("never".to_owned(), time);
    let late = SystemClock::default().now().minus(PATIENCE);
    if end.unsigned_since.is_some_and(|since| since < late) {
        report.warn(
            Check::Audit,
            format!("last signed {signed}; {events} in no signature could be changed unseen"),
            "start the server, which signs what it writes; what one that was killed had not signed \
             stays so: look at it with `nightlatch audit verify`",
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
