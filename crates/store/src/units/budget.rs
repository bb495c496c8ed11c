//! Budgets of attempts on addresses, alike for known and unknown ones.

use nightlatch_core::{
    Timestamp,
    lockout::{Budget, FORGET_AFTER, wait},
};

use crate::{Fault, Tx, Unit, args, sql};

/// One budget: where it is counted and what is free.
#[derive(Debug, Clone, Copy)]
pub struct Slot {
    /// The row.
    pub slot: i64,
    /// Attempts that cost no wait.
    pub free: i64,
}

impl Slot {
    /// The slot of `budget` for an address and a detail (a device, a network).
    #[must_use]
    pub fn of(
        budget: Budget,
        ring: &nightlatch_core::keys::KeyRing,
        address: &[u8; 32],
        detail: &[u8],
    ) -> Self {
        Self { slot: budget.slot(ring, address, detail), free: budget.free() }
    }
}

/// Counts one attempt against each budget, or against none, before anybody looks at it.
pub struct Reserve {
    /// The budgets, the widest last.
    pub slots: Vec<Slot>,
    /// When.
    pub now: Timestamp,
}

/// Whether an attempt may be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// It may; it is counted.
    Go {
        /// Attempts in a row at the widest budget, this one included.
        streak: i64,
    },
    /// Not before this moment; it is not counted.
    Wait(Timestamp),
}

impl Unit for Reserve {
    type Out = Reserved;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Reserved, Fault> {
        let mut widest = 0;
        for (counted, slot) in self.slots.iter().enumerate() {
            match reserve(tx, *slot, self.now).await? {
                Reserved::Go { streak } => widest = streak,
                Reserved::Wait(until) => {
                    for Slot { slot, .. } in &self.slots[..counted] {
                        take_back(tx, *slot).await?;
                    }
                    return Ok(Reserved::Wait(until));
                }
            }
        }
        Ok(Reserved::Go { streak: widest })
    }
}

/// Counts one attempt against one budget.
pub(crate) async fn reserve(
    tx: &mut Tx<'_>,
    Slot { slot, free }: Slot,
    now: Timestamp,
) -> Result<Reserved, Fault> {
    // The waits are lockout::wait's, which a test compares.
    let taken = tx
        .row::<(i64,)>(
            sql!(
                "INSERT INTO budgets (slot, streak, seen_at) VALUES (?1, 1, ?2) \
                 ON CONFLICT (slot) DO UPDATE SET seen_at = ?2, streak = \
                 CASE WHEN budgets.seen_at < ?3 THEN 1 ELSE budgets.streak + 1 END \
                 WHERE budgets.streak < ?4 OR budgets.seen_at + 30000 * \
                 CASE budgets.streak - ?4 WHEN 0 THEN 1 WHEN 1 THEN 2 WHEN 2 THEN 4 WHEN 3 THEN 8 \
                 WHEN 4 THEN 16 WHEN 5 THEN 32 WHEN 6 THEN 64 ELSE 120 END <= ?2 \
                 RETURNING streak"
            ),
            args![slot, now, now.minus(FORGET_AFTER), free],
        )
        .await?;
    if let Some((streak,)) = taken {
        return Ok(Reserved::Go { streak });
    }
    let row = tx
        .row::<(i64, Timestamp)>(
            sql!("SELECT streak, seen_at FROM budgets WHERE slot = ?1"),
            args![slot],
        )
        .await?;
    let (streak, seen_at) = row.unwrap_or((free, now));
    Ok(Reserved::Wait(seen_at.plus(wait(streak, free))))
}

/// Clears a budget after the right password.
pub(crate) async fn forgive(tx: &mut Tx<'_>, slot: i64) -> Result<(), Fault> {
    tx.put(sql!("UPDATE budgets SET streak = 0 WHERE slot = ?1"), args![slot]).await
}

/// Changes a budget's row and nothing that it says.
pub(crate) async fn touch(tx: &mut Tx<'_>, slot: i64) -> Result<(), Fault> {
    tx.put(sql!("UPDATE budgets SET seen_at = seen_at + 1 WHERE slot = ?1"), args![slot]).await
}

/// Halves a budget after the right password, where strangers' attempts must not be forgotten at once:
/// an owner's slips fade, a stranger's guesses outlast them.
pub(crate) async fn ease(tx: &mut Tx<'_>, slot: i64) -> Result<(), Fault> {
    tx.put(sql!("UPDATE budgets SET streak = streak / 2 WHERE slot = ?1"), args![slot]).await
}

/// Takes back an attempt that is not looked at after all, because too many are.
pub struct Release {
    /// The budgets that counted it.
    pub slots: Vec<Slot>,
}

impl Unit for Release {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        for Slot { slot, .. } in &self.slots {
            take_back(tx, *slot).await?;
        }
        Ok(())
    }
}

async fn take_back(tx: &mut Tx<'_>, slot: i64) -> Result<(), Fault> {
    tx.put(
        sql!("UPDATE budgets SET streak = streak - 1 WHERE slot = ?1 AND streak > 0"),
        args![slot],
    )
    .await
}
