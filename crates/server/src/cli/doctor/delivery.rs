//! Messages that wait to be sent.

use std::time::Duration;

use nightlatch_flows::{Clock, env::SystemClock};
use nightlatch_store::units::examine::{Backlog, Waiting};

use super::{
    database::Site,
    report::{Check, Report, counted},
};
use crate::cli::output::time;

/// A running server sends, or drops, within seconds.
const PATIENCE: Duration = Duration::from_mins(5);

pub(super) async fn check(report: &mut Report, site: &Site) {
    match site.store.read_slow(Waiting).await {
        Ok(backlog) => tell(report, backlog),
        Err(fault) => site.fail_by(report, Check::Delivery, &fault).await,
    }
}

fn tell(report: &mut Report, Backlog { messages, tried, due_at }: Backlog) {
    let messages = counted(messages.unsigned_abs(), "message waits", "messages wait");
    let late = SystemClock::default().now().minus(PATIENCE);
    match due_at {
        None => report.ok(Check::Delivery, "no message waits"),
        Some(due_at) if due_at < late => report.warn(
            Check::Delivery,
            format!("{messages} and nobody sends: the first was due at {}", time(due_at)),
            "start the server, which sends what waits",
        ),
        Some(_) if tried > 0 => report.warn(
            Check::Delivery,
            format!("{messages}, of which {tried} could not be sent so far"),
            "see the server's log for what is in the way",
        ),
        Some(_) => report.ok(Check::Delivery, messages),
    }
}
