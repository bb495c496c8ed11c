//! Proof that no seed, code or token is in the database in clear.

use nightlatch_core::keys::KeyRing;
use nightlatch_flows::admin::plaintext::{Leak, Looked, Opened, look, open_all};
use nightlatch_store::Fault;

use super::{
    database::Site,
    keys::{self, Access},
    report::{Check, Report, counted},
};
use crate::config::Config;

pub(super) async fn check(report: &mut Report, config: &Config, site: &Site, access: &Access) {
    let ring = match access {
        Access::Open(env) => Some(env.ring()),
        Access::Unused | Access::Older | Access::Closed => None,
    };
    match examine(site, ring.as_deref()).await {
        Ok((opened, looked)) => {
            match &ring {
                Some(ring)
                    if !opened.closed.is_empty() && keys::have_changed(&config.keys, ring) =>
                {
                    keys::tell_change(report, Check::Plaintext);
                }
                _ => tell_closed(report, &opened),
            }
            tell_leaks(report, &looked);
            if !report.tells_of(Check::Plaintext) {
                tell_good(report, &opened, &looked, access);
            }
        }
        Err(fault) => site.fail_by(report, Check::Plaintext, &fault).await,
    }
}

async fn examine(site: &Site, ring: Option<&KeyRing>) -> Result<(Opened, Looked), Fault> {
    let opened = match ring {
        Some(ring) => open_all(&site.store, ring).await?,
        None => Opened::default(),
    };
    Ok((opened, look(&site.store, ring, &site.database).await?))
}

fn tell_closed(report: &mut Report, opened: &Opened) {
    for (column, cells) in &opened.closed {
        let cells = counted(*cells, "cell does", "cells do");
        report.fail(
            Check::Plaintext,
            format!("{column}: {cells} not open under any key here, and may be in clear"),
            "they were written or moved behind Nightlatch's back: find out by whom, and take those rows \
             from a backup",
        );
    }
}

fn tell_leaks(report: &mut Report, looked: &Looked) {
    for ((column, leak), cells) in &looked.leaks {
        let found = |holding: &str| {
            let cells = counted(*cells, "cell", "cells");
            format!("{column}: {holding} in {cells}")
        };
        match leak {
            Leak::Seed => report.fail(
                Check::Plaintext,
                found("the seed of somebody's authenticator app in clear"),
                "take it out; the app counts as known: remove that method and have it enrolled anew",
            ),
            Leak::Like(kind) => report.fail(
                Check::Plaintext,
                found(&format!("what reads like {kind} in clear")),
                "find out who wrote it and take it out; what it opens counts as known",
            ),
            Leak::Chosen(kind) => report.warn(
                Check::Plaintext,
                found(&format!("what reads like {kind}")),
                "people and their devices write there what they like: ask whose it is",
            ),
            Leak::NoHash => report.fail(
                Check::Plaintext,
                found("something else than a hash"),
                "find out who wrote it, and take those rows from a backup",
            ),
        }
    }
}

fn tell_good(report: &mut Report, opened: &Opened, looked: &Looked, access: &Access) {
    let rows = counted(looked.scanned.rows, "row", "rows");
    let seeds = match u64::try_from(looked.seeds).unwrap_or(u64::MAX) {
        0 => String::new(),
        some => format!(", and {} nowhere else", counted(some, "seed is", "seeds are")),
    };
    let nothing = format!("nothing in clear in {rows} of {} tables", looked.scanned.tables);
    match access {
        Access::Open(_) => report.ok(
            Check::Plaintext,
            format!(
                "{nothing}; {}{seeds}",
                counted(opened.cells, "sealed cell opens", "sealed cells open")
            ),
        ),
        Access::Unused => report.ok(Check::Plaintext, nothing),
        Access::Older => {
            let because = format!(
                "the last server here was of an older version; besides sealed cells, {nothing}"
            );
            report.skip(Check::Plaintext, &because);
        }
        Access::Closed => {
            let because = format!("the keys open nothing here; besides sealed cells, {nothing}");
            report.skip(Check::Plaintext, &because);
        }
    }
}
