//! Changing the key ring of an installation beside its running servers.
//!
//! What is done is written to the audit trail before the file is changed. Every step may be cut and
//! repeated; `rotate` looks at what is there and goes on from it.

use std::{path::Path, time::Duration};

use nightlatch_core::{audit::Kind, keys::KeyTag};
use nightlatch_flows::{
    Env,
    admin::{
        keys::{NotYet, Role, State, make_known, note, servers, state},
        reseal::{Resealed, reseal},
    },
    env::OsEntropy,
    upkeep::keys::take,
};
use serde_json::json;
use tokio::time::interval;

use super::{
    failure::Failure,
    output::{Form, say, time},
};
use crate::wiring::{installation::Unopened, key_file::KeyFile, keys};

/// While it waits for servers, `rotate` looks at them this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The ring that is changed.
pub(super) struct Ring<'a> {
    pub(super) env: &'a Env,
    /// `None` if it is in the settings or in the environment.
    pub(super) file: Option<&'a Path>,
    pub(super) form: Form,
}

impl Ring<'_> {
    fn file(&self) -> Result<&Path, Failure> {
        self.file.ok_or_else(|| {
            Failure::new(
                "the keys are in keys.ring, which this command can't change",
                Some(
                    "change it where it is kept, one key a line with the sealing one first, and \
                     restart the servers; `nightlatch keys list` says when, `nightlatch keys new` \
                     makes a key"
                        .to_owned(),
                ),
            )
        })
    }

    /// Takes what the file says now, as the servers will.
    async fn taken(&self, path: &Path) -> Result<(), Failure> {
        let ring = keys::read_file(path)?;
        take(self.env, ring).await.map_err(Unopened::from)?;
        make_known(self.env).await.map_err(Unopened::from)?;
        Ok(())
    }

    async fn added(&self) -> Result<KeyTag, Failure> {
        let path = self.file()?;
        let mut file = KeyFile::read(path)?;
        let tag = file.add(&OsEntropy, self.env.clock.now());
        note(self.env, Kind::KeyAdded, tag).await.map_err(Unopened::from)?;
        file.save()?;
        self.taken(path).await?;
        Ok(tag)
    }

    async fn promoted(&self, tag: KeyTag) -> Result<(), Failure> {
        let path = self.file()?;
        let mut file = KeyFile::read(path)?;
        file.promote(tag);
        note(self.env, Kind::KeyPromoted, tag).await.map_err(Unopened::from)?;
        file.save()?;
        self.taken(path).await
    }

    /// Says how it goes, to people.
    fn tell(&self, text: &str) -> Result<(), Failure> {
        if self.form.json { Ok(()) } else { say(text) }
    }

    /// Waits until `ready` finds nothing in the way; says what it waits for.
    async fn wait(&self, ready: impl Fn(&State) -> Result<(), NotYet>) -> Result<(), Failure> {
        let (mut ticks, mut told) = (interval(LOOK_EVERY), String::new());
        loop {
            ticks.tick().await;
            match ready(&servers(self.env).await?) {
                Ok(()) => return Ok(()),
                Err(
                    wait @ (NotYet::Unheard { .. } | NotYet::Young { .. } | NotYet::Sealing { .. }),
                ) => {
                    let text = format!("Waiting: {wait}; {}.", next(&wait));
                    if text != told {
                        self.tell(&text)?;
                    }
                    told = text;
                }
                Err(never) => return Err(never.into()),
            }
        }
    }
}

pub(super) async fn add(ring: &Ring<'_>) -> Result<(), Failure> {
    let tag = ring.added().await?;
    ring.form.print(&json!({ "key": tag }), || {
        format!(
            "The key {tag} is added and opens. Copy the key file to every server, then run \
             `nightlatch keys promote {tag}`."
        )
    })
}

pub(super) async fn promote(ring: &Ring<'_>, tag: KeyTag) -> Result<(), Failure> {
    ring.file()?;
    servers(ring.env).await?.may_promote(tag)?;
    ring.promoted(tag).await?;
    ring.form.print(&json!({ "key": tag }), || {
        format!(
            "The key {tag} seals and signs. Copy the key file to every server, then run \
             `nightlatch keys rotate`, which seals anew what older keys sealed."
        )
    })
}

pub(super) async fn retire(ring: &Ring<'_>, tag: KeyTag, at_once: bool) -> Result<(), Failure> {
    let path = ring.file()?;
    state(ring.env).await?.may_retire(tag, at_once)?;
    let mut file = KeyFile::read(path)?;
    note(ring.env, Kind::KeyRetired, tag).await.map_err(Unopened::from)?;
    let kept = file.retire(tag)?;
    file.save()?;
    let kept = kept.display();
    ring.form.print(&json!({ "key": tag, "kept_in": kept.to_string() }), || {
        format!(
            "The key {tag} is retired. It is kept in {kept}, for backups that were made before: put \
             it away with them. Copy the key file to every server."
        )
    })
}

pub(super) async fn rotate(ring: &Ring<'_>) -> Result<(), Failure> {
    ring.file()?;
    let before = state(ring.env).await?;
    let unfinished = before.keys.iter().any(|key| key.role == Role::Opening && key.rows > 0);
    if !unfinished {
        let waiting = before.keys.iter().find(|key| key.role == Role::New);
        let tag = match waiting {
            Some(key) => key.tag,
            None => ring.added().await?,
        };
        ring.tell(&format!("The key {tag} is added and opens."))?;
        ring.wait(|state| state.may_promote(tag)).await?;
        ring.promoted(tag).await?;
        ring.tell(&format!("The key {tag} seals and signs from now on."))?;
    }
    let older = |state: &State| -> Vec<KeyTag> {
        let older =
            state.keys.iter().filter(|key| matches!(key.role, Role::Opening | Role::Missing));
        older.map(|key| key.tag).collect()
    };
    ring.wait(|state| older(state).iter().try_for_each(|tag| state.has_stopped(*tag))).await?;
    let done = reseal(ring.env).await?;
    let state = state(ring.env).await?;
    let sealing = ring.env.ring().primary_tag();
    note(ring.env, Kind::KeysResealed, sealing).await.map_err(Unopened::from)?;
    told(ring, &state, sealing, &older(&state), done)
}

fn told(
    ring: &Ring<'_>,
    state: &State,
    sealing: KeyTag,
    older: &[KeyTag],
    Resealed { cells, unreadable }: Resealed,
) -> Result<(), Failure> {
    let retire: Vec<_> = older.iter().map(|tag| (*tag, state.tokens_end(*tag, false))).collect();
    let value = json!({
        "key": sealing,
        "resealed": cells,
        "unreadable": unreadable,
        "retire": retire.iter().map(|(tag, at)| json!({ "key": tag, "after": time(*at) }))
            .collect::<Vec<_>>(),
    });
    ring.form.print(&value, || {
        let mut text = format!("The key {sealing} seals and signs; {cells} rows were made anew.");
        for (tag, at) in &retire {
            let line = format!("\n`nightlatch keys retire {tag}` may be run after {}.", time(*at));
            text.push_str(&line);
        }
        text
    })?;
    if unreadable == 0 {
        return Ok(());
    }
    Err(Failure::new(
        format!("{unreadable} rows do not open under any key of this ring"),
        Some("look for who wrote them: they were moved or changed behind Nightlatch's back".into()),
    ))
}

/// What to do about a refusal.
fn next(not_yet: &NotYet) -> String {
    match not_yet {
        NotYet::Unknown(_) => "see `nightlatch keys list`".to_owned(),
        NotYet::InUse(_) => "let another key take over with `nightlatch keys rotate`".to_owned(),
        NotYet::Unheard { .. } | NotYet::Sealing { .. } => {
            "copy the key file to it, which it takes within seconds".to_owned()
        }
        NotYet::Needed { .. } => "seal them anew with `nightlatch keys rotate`".to_owned(),
        NotYet::Young { at, .. } => format!("go on after {}", time(*at)),
        NotYet::InTokens { until, .. } => {
            format!("try again after {}, or give them up with --at-once", time(*until))
        }
    }
}

impl From<NotYet> for Failure {
    fn from(not_yet: NotYet) -> Self {
        let next = next(&not_yet);
        Self::new(not_yet.to_string(), Some(next))
    }
}
