//! The database: is it there, and is its schema the one of this program?

use nightlatch_store::{
    Database, Fault, OpenError, Options, Store,
    units::{examine::EngineFacts, meta::DatabaseClock},
};

use super::{
    disk, postgres,
    report::{Check, Report},
};
use crate::{
    config::Config,
    wiring::installation::{Unopened, options},
};

/// A database that can be looked at.
pub(super) struct Site {
    pub(super) database: Database,
    pub(super) store: Store,
    /// Whether its schema is the one of this program.
    pub(super) is_current: bool,
}

impl Site {
    /// Tells what `check` could not read. A database that answers has more of it than there is time
    /// for: that is no fault of the installation.
    pub(super) async fn fail_by(&self, report: &mut Report, check: Check, fault: &Fault) {
        if matches!(fault, Fault::Unavailable(_)) && self.store.read(DatabaseClock).await.is_ok() {
            report.warn(
                check,
                "the database answers, and there is too much to count in time",
                "run this when it has less to do",
            );
        } else {
            report.fail_by(check, fault, fault.next());
        }
    }
}

/// Opens the database to look at it, if it is there.
pub(super) async fn open(report: &mut Report, config: &Config) -> Option<Site> {
    let options = match options(config) {
        Ok(options) => options,
        Err(bad) => {
            let next = "use sqlite:PATH or postgres://user@host/name";
            report.fail_by(Check::Database, &bad, next);
            return None;
        }
    };
    let database = options.database.clone();
    if let Some(path) = database.path() {
        // Before it is opened: whoever closes a file gives up all locks that this process has on it.
        disk::check_files(report, path);
        if !path.exists() {
            let next = "correct database.url, or make it with `nightlatch migrate`";
            report.fail(Check::Database, format!("there is no file {}", path.display()), next);
            return None;
        }
    }
    let is_current = match Store::check(&database).await {
        Ok(()) => {
            report.ok(Check::Schema, "up to date");
            true
        }
        Err(error @ (OpenError::Database(_) | OpenError::Io(_))) => return closed(report, &error),
        Err(error) => {
            let error = Unopened::from(error);
            report.fail_by(Check::Schema, &error, error.next());
            false
        }
    };
    // One that writes in each lane, those that read, and one that hears of changes.
    let connections = options.lanes + options.readers + 1;
    let store = match Store::open_to_look(Options { readers: 1, ..options }) {
        Ok(store) => store,
        Err(error) => return closed(report, &error),
    };
    let site = Site { database, store, is_current };
    match site.store.read_slow(EngineFacts).await {
        Ok(facts) => describe(report, config, &site, &Facts::of(facts), connections),
        Err(fault) => report.fail_by(Check::Database, &fault, fault.next()),
    }
    if site.database.travels_in_clear() {
        report.warn(
            Check::Database,
            "its password and everything in it travel without TLS, as sslmode=disable says",
            "remove sslmode=disable from database.url, and give PostgreSQL a certificate",
        );
    }
    Some(site)
}

fn closed(report: &mut Report, error: &OpenError) -> Option<Site> {
    let next = match error {
        OpenError::Database(fault) => fault.next(),
        _ => "let this user read and write the database file and its folder",
    };
    report.fail_by(Check::Database, error, next);
    None
}

/// What an engine says about itself, by names.
pub(super) struct Facts(Vec<(String, String)>);

impl Facts {
    pub(super) const fn of(facts: Vec<(String, String)>) -> Self {
        Self(facts)
    }

    pub(super) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

fn describe(report: &mut Report, config: &Config, site: &Site, facts: &Facts, connections: usize) {
    let engine = site.database.engine();
    let version = facts.get("version");
    report.ok(Check::Database, format!("{engine} {version}, {}", config.database));
    match site.database.path() {
        Some(path) => disk::check_content(report, facts, path),
        None => postgres::check(report, facts, connections),
    }
}
