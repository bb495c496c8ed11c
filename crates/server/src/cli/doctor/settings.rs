//! The settings: what is wrong with them, and which weaken something.

use std::path::Path;

use nightlatch_flows::{Clock, env::SystemClock};

use super::report::{Check, Report};
use crate::{
    config::{Config, Issue, Risk, env::Environment},
    wiring::metadata,
};

/// Returns what can be made of the settings, if anything can.
pub(super) fn check(report: &mut Report, file: &Path, environment: &Environment) -> Option<Config> {
    let (config, issues) = Config::examine(file, environment);
    // The check of the keys says more about a key file.
    let known = |issue: &&Issue| config.is_none() || issue.key != "keys.file";
    for Issue { key, problem, next } in issues.iter().filter(known) {
        report.fail(part(key), format!("{key}: {problem}"), next);
    }
    for Risk { key, risk, next } in config.iter().flat_map(Config::risks) {
        report.warn(part(key), format!("{key}: {risk}"), next);
    }
    let metadata = config.as_ref().and_then(|config| config.webauthn.metadata.as_ref());
    if let Some(file) = metadata
        && let Err(bad) = metadata::read(file, SystemClock::default().now(), None)
    {
        report.fail_by(Check::Settings, &bad, bad.next());
    }
    if !report.tells_of(Check::Settings) {
        let good = if issues.is_empty() {
            "good to serve with"
        } else {
            "good, but for the key file, without which there is no serving"
        };
        report.ok(Check::Settings, good);
    }
    if config.is_some() && !report.tells_of(Check::Proxies) {
        report.ok(Check::Proxies, "listeners and proxies fit together");
    }
    config
}

fn part(key: &str) -> Check {
    if key.starts_with("http.") { Check::Proxies } else { Check::Settings }
}
