//! The time: this machine's against the database's, and against the latest that servers have noted.

use std::time::Duration;

use nightlatch_core::Timestamp;
use nightlatch_flows::{
    Clock,
    env::SystemClock,
    upkeep::{MOST_OFFSET, clock_offset},
};
use nightlatch_store::{Fault, units::meta::Mark};

use super::{
    database::Site,
    report::{Check, Report},
};
use crate::cli::output::time;

/// What time servers keep to with ease.
const GOOD_OFFSET: Duration = Duration::from_millis(500);

pub(super) async fn check(report: &mut Report, Site { store, is_current, .. }: &Site) {
    let clock = SystemClock::default();
    match clock_offset(store, &clock).await {
        Ok(offset) => compare(report, offset),
        Err(fault) => return report.fail_by(Check::Clock, &fault, fault.next()),
    }
    match store.read(Mark).await {
        Ok(mark) => {
            let mark = mark.unwrap_or_default();
            if mark.since(clock.now()) > MOST_OFFSET {
                ahead(report, mark);
            }
        }
        // A schema that is another may have no such table; the check of it tells what is wrong.
        Err(Fault::Broken(_)) if !is_current => {}
        Err(fault) => report.fail_by(Check::Clock, &fault, fault.next()),
    }
    if !report.tells_of(Check::Clock) {
        report.ok(Check::Clock, "this machine and the database have the same time");
    }
}

fn compare(report: &mut Report, offset: Duration) {
    let text = format!("this machine is {:.1} s from the database's clock", offset.as_secs_f64());
    let next = "set the clocks of this machine and of the database's by the same time servers";
    if offset > MOST_OFFSET {
        report.fail(Check::Clock, format!("{text}, and no server is ready above 2 s"), next);
    } else if offset > GOOD_OFFSET {
        report.warn(Check::Clock, text, next);
    }
}

fn ahead(report: &mut Report, mark: Timestamp) {
    report.fail(
        Check::Clock,
        format!("a server has noted {}, which is later than it is here", time(mark)),
        "set the clock if it is behind; if that server's was ahead, servers are ready again once it is \
         as late",
    );
}
