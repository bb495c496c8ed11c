//! The keys: are they those of the database, does every server have them, is a rotation unfinished?

use std::{fs, path::Path, sync::Arc};

use nightlatch_core::keys::{KeyRing, KeyTag};
use nightlatch_flows::{
    Env, Refused,
    admin::keys::{Key, NotYet, Role, State, state},
    boot::{self, Claimed, Unfit},
    env::{OsEntropy, SystemClock},
};
use nightlatch_store::units::keys::Node;

use super::{
    database::Site,
    report::{Check, Report, counted},
};
use crate::{
    cli::output::time,
    config::{Config, Keys},
    wiring::{
        installation::{Unopened, World, purpose},
        keys, settings,
    },
};

/// What the keys open.
pub(super) enum Access {
    /// Everything.
    Open(Box<Env>),
    /// Nothing, because there is nothing: no server has used the database.
    Unused,
    /// Nothing yet, because the last server was of an older version.
    Older,
    /// Not this database, or there are none.
    Closed,
}

/// The keys that the settings name, if they can be read.
pub(super) fn read(report: &mut Report, config: &Config) -> Option<KeyRing> {
    let ring = keys::read(&config.keys);
    ring.inspect_err(|bad| report.fail_by(Check::Keys, bad, bad.next())).ok()
}

/// Holds them against the database, as a server does at its start.
pub(super) async fn check(
    report: &mut Report,
    config: &Config,
    site: &Site,
    ring: Option<KeyRing>,
) -> Access {
    let Some(ring) = ring else { return Access::Closed };
    check_place(report, config, site);
    let ring = match boot::examine(&site.store, ring, purpose(config.mode)).await {
        Ok(Claimed::Now(ring)) => ring,
        Ok(Claimed::Not) => {
            report.ok(Check::Keys, "no server has used this database yet");
            return Access::Unused;
        }
        Ok(Claimed::Before) => {
            report.ok(Check::Keys, "no server of this version has used this database yet");
            return Access::Older;
        }
        Err(Unfit::Store(fault)) => {
            site.fail_by(report, Check::Keys, &fault).await;
            return Access::Closed;
        }
        Err(unfit) => {
            let error = Unopened::from(unfit);
            report.fail_by(Check::Keys, &error, error.next());
            return Access::Closed;
        }
    };
    let world = World {
        store: site.store.clone(),
        clock: Arc::new(SystemClock::default()),
        entropy: Arc::new(OsEntropy),
        ring,
    };
    let env = world.env(&config.passwords, settings::of(config));
    match state(&env).await {
        Ok(state) => describe(report, &state, env.ring().primary_tag()),
        Err(Refused::Store(fault)) => site.fail_by(report, Check::Keys, &fault).await,
        Err(refused) => report.fail_by(Check::Keys, &refused, "look at the database first"),
    }
    Access::Open(Box::new(env))
}

/// Whether the keys are others by now than those that `ring` was read with.
pub(super) fn have_changed(keys: &Keys, ring: &KeyRing) -> bool {
    keys::read(keys).is_ok_and(|now| !now.tags().eq(ring.tags()))
}

/// Tells that what does not open may be what was made anew meanwhile.
pub(super) fn tell_change(report: &mut Report, check: Check) {
    report.warn(check, "the keys were changed while this was looked at", "run this again");
}

/// Whoever copies one folder should not have both.
fn check_place(report: &mut Report, config: &Config, site: &Site) {
    let folder = |path: &Path| fs::canonicalize(path).ok()?.parent().map(Path::to_owned);
    if let (Keys::File(keys), Some(database)) = (&config.keys, site.database.path())
        && folder(keys).is_some_and(|keys| Some(keys) == folder(database))
    {
        report.warn(
            Check::Keys,
            "the key file is in the folder of the database: whoever copies that folder has both",
            "move it to a folder of its own, and name that in keys.file",
        );
    }
}

fn describe(report: &mut Report, state: &State, sealing: KeyTag) {
    let before = report.count_of(Check::Keys);
    for node in &state.nodes {
        describe_server(report, node, sealing, &state.keys);
    }
    for key in &state.keys {
        describe_key(report, state, key);
    }
    if report.count_of(Check::Keys) == before {
        let servers = match u64::try_from(state.nodes.len()).unwrap_or(u64::MAX) {
            0 => "no server is running".to_owned(),
            some => {
                format!("{} with it", counted(some, "server is running", "servers are running"))
            }
        };
        report.ok(Check::Keys, format!("the key {sealing} opens everything; {servers}"));
    }
}

/// In a rotation servers take the new key one after the other, and this file may be the one that has
/// not.
fn describe_server(report: &mut Report, node: &Node, sealing: KeyTag, keys: &[Key]) {
    let (name, Some(theirs)) = (&node.name, node.tags.first().copied()) else { return };
    if theirs == sealing {
        return;
    }
    let from = |tag| keys.iter().find(|key| key.tag == tag).and_then(|key| key.sealed_from);
    let is_newer = from(theirs).zip(from(sealing)).is_some_and(|(theirs, ours)| theirs > ours);
    let is_held = keys.iter().any(|key| key.tag == theirs && key.role != Role::Missing);
    let (fails, text) = match (is_newer, is_held) {
        (true, false) => (true, format!("seals with the newer key {theirs}, which is not here")),
        (true, true) => {
            (false, format!("seals with the newer key {theirs}, and here {sealing} does"))
        }
        (false, _) if node.tags.contains(&sealing) => {
            (false, format!("seals with another key than {sealing}"))
        }
        (false, _) => (true, format!("lacks the key {sealing}, which seals here")),
    };
    let text = format!("the server {name} {text}");
    let next = if is_newer {
        "copy the key file of that server here"
    } else {
        "copy the key file to it, which it takes within seconds"
    };
    if fails {
        report.fail(Check::Keys, text, next);
    } else {
        report.warn(Check::Keys, text, next);
    }
}

fn describe_key(report: &mut Report, state: &State, Key { tag, role, rows, .. }: &Key) {
    match role {
        Role::Sealing => {}
        Role::New => report.warn(
            Check::Keys,
            format!("the key {tag} was added and does not seal yet: a rotation was begun"),
            "go on with `nightlatch keys rotate`",
        ),
        Role::Opening if *rows > 0 => {
            let rows = counted(rows.unsigned_abs(), "row needs", "rows need");
            report.warn(
                Check::Keys,
                format!("{rows} the key {tag} still: a rotation is not finished"),
                "go on with `nightlatch keys rotate`",
            );
        }
        Role::Opening => match state.may_retire(*tag, false) {
            Ok(()) => report.warn(
                Check::Keys,
                format!("nothing needs the key {tag} any more"),
                format!("run `nightlatch keys retire {tag}`"),
            ),
            Err(NotYet::InTokens { until, .. }) => report.ok(
                Check::Keys,
                format!("the key {tag} opens tokens from before, until {}", time(until)),
            ),
            Err(not_yet) => report.ok(Check::Keys, format!("the key {tag} stays: {not_yet}")),
        },
        Role::Retired => report.warn(
            Check::Keys,
            format!("the key {tag} was retired, and is in this file still"),
            format!("run `nightlatch keys retire {tag}` here too"),
        ),
        // No key that anybody had: cells name it that do not open, which the check of them tells.
        Role::Missing if *rows > 0 => {}
        // Told with the server.
        Role::Missing if state.nodes.iter().any(|node| node.tags.first() == Some(tag)) => {}
        Role::Missing => report.warn(
            Check::Keys,
            format!("a server has the key {tag}, or had it, and this file has not"),
            "copy the key file of that server",
        ),
    }
}

#[cfg(test)]
mod tests {
    use nightlatch_core::SecretText;

    use super::*;

    #[test]
    fn keys_that_were_changed_meanwhile_are_known() {
        let line = |key| String::from_utf8(KeyRing::line(&[key; 32]).expose().to_owned()).unwrap();
        let [one, other] = [1, 2].map(line);
        let now = |text: &str| Keys::Ring(SecretText::new(text.to_owned()));
        let ring = keys::read(&now(&one)).unwrap();
        assert!(!have_changed(&now(&one), &ring));
        assert!(have_changed(&now(&other), &ring));
        assert!(have_changed(&now(&format!("{other}\n{one}")), &ring));
        assert!(!have_changed(&now("unreadable"), &ring));
    }
}
