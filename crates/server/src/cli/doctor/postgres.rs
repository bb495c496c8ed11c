//! Whether PostgreSQL keeps what it confirms, takes writes, and has room for a server.

use super::{
    database::Facts,
    report::{Check, Report},
};

/// The oldest version that gets fixes.
const OLDEST: u32 = 14;

/// Looks at `facts`; a server of ours takes so many `connections`.
pub(super) fn check(report: &mut Report, facts: &Facts, connections: usize) {
    for (name, lost) in [
        ("fsync", "after a power cut the database may be damaged"),
        ("full_page_writes", "after a power cut the database may be damaged"),
        ("synchronous_commit", "a crash takes what was confirmed, and spent codes are good again"),
    ] {
        if facts.get(name) == "off" {
            report.fail(
                Check::Disk,
                format!("PostgreSQL's {name} is off: {lost}"),
                format!("set {name} = on in postgresql.conf and reload it"),
            );
        }
    }
    if facts.get("in_recovery") == "true" {
        report.fail(
            Check::Database,
            "it is a stand-by, which takes no writes",
            "let database.url name the primary",
        );
    }
    let major = facts.get("version").split('.').next().and_then(|major| major.parse().ok());
    if major.is_some_and(|major: u32| major < OLDEST) {
        report.warn(
            Check::Database,
            "this version of PostgreSQL gets no fixes any more",
            "move to a newer one",
        );
    }
    check_connections(report, facts, connections);
    if !report.tells_of(Check::Disk) {
        report.ok(Check::Disk, "PostgreSQL keeps what it confirms");
    }
}

fn check_connections(report: &mut Report, facts: &Facts, ours: usize) {
    let number = |name| facts.get(name).parse::<usize>().unwrap_or_default();
    let most = number("max_connections");
    let taken = number("superuser_reserved_connections") + number("connections");
    let left = most.saturating_sub(taken);
    if left < ours {
        report.warn(
            Check::Database,
            format!("{left} of its {most} connections are left, and another server takes {ours}"),
            "raise max_connections, or have others use fewer",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::report::State;

    const GOOD: [(&str, &str); 8] = [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("in_recovery", "false"),
        ("version", "17.6"),
        ("max_connections", "100"),
        ("superuser_reserved_connections", "3"),
        ("connections", "84"),
    ];

    /// How many findings of each state there are if `name` is `value`.
    fn found(name: &str, value: &str) -> [usize; 3] {
        let fact = |(known, good): (&str, &str)| {
            (known.to_owned(), if known == name { value } else { good }.to_owned())
        };
        let mut report = Report::default();
        check(&mut report, &Facts::of(GOOD.map(fact).into()), 13);
        [State::Ok, State::Warning, State::Failed].map(|state| report.count(state))
    }

    #[test]
    fn what_loses_data_fails_and_what_gets_short_warns() {
        assert_eq!(found("", ""), [1, 0, 0]);
        for (name, value, expected) in [
            ("fsync", "off", [0, 0, 1]),
            ("full_page_writes", "off", [0, 0, 1]),
            ("synchronous_commit", "off", [0, 0, 1]),
            ("synchronous_commit", "remote_apply", [1, 0, 0]),
            ("in_recovery", "true", [1, 0, 1]),
            ("version", "13.22", [1, 1, 0]),
            ("version", "18beta1", [1, 0, 0]),
            ("connections", "85", [1, 1, 0]),
        ] {
            assert_eq!(found(name, value), expected, "{name} = {value}");
        }
    }
}
