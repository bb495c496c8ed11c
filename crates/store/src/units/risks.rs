//! Settings that weaken something: which ones were accepted is part of the audit trail.

use nightlatch_core::{
    Timestamp,
    audit::{Event, Kind},
};

use super::meta;
use crate::{Fault, Tx, Unit, args, sql};

/// The entry that names them, one in a line.
const KEY: &str = "risks";

/// Writes down the settings that weaken something from this start on, and did not at the last.
pub struct Accept {
    /// Those that do now, by their keys, and how: what is worse than before is written down, too.
    pub settings: Vec<(&'static str, String)>,
    /// When.
    pub now: Timestamp,
}

impl Unit for Accept {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        let before = meta::get(tx, KEY).await?.unwrap_or_default();
        let lines: Vec<_> = self.settings.iter().map(|(key, how)| format!("{key} {how}")).collect();
        let now = lines.join("\n").into_bytes();
        if before == now {
            return Ok(());
        }
        // Another node may start at the same time: one of them writes it down.
        tx.take(
            sql!(
                "INSERT INTO meta (key, value) VALUES (?1, ?2) \
                 ON CONFLICT (key) DO UPDATE SET value = ?2 WHERE meta.value = ?3"
            ),
            args![KEY, &now, &before],
        )
        .await?;
        let known =
            |line: &str| before.split(|byte| *byte == b'\n').any(|one| one == line.as_bytes());
        for ((setting, _), line) in self.settings.iter().zip(&lines) {
            if !known(line) {
                let event = Event::success(Kind::RiskAccepted, self.now);
                tx.audit(&Event { setting: Some(*setting), ..event }).await?;
            }
        }
        Ok(())
    }
}
