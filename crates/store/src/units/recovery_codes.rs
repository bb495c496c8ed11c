//! Recovery codes: a slow hash stands between counting an attempt and spending a code, so these are
//! two transactions, the first of which is committed before the code is looked at.

use std::sync::Arc;

use nightlatch_core::{
    Timestamp, UserId,
    audit::{Event, Kind, Reason},
    factors::{password::Cost, recovery_codes::StoredSet},
    keys::{KeyRing, KeyTag},
    message::Template,
    proof::{Evidence, Factor, Proof},
};

use super::{
    account::{self, Account},
    methods,
    outbox::{self, Envelope},
    second_factor::{Attempt, Attempted, Footing, Refusal},
    session::{self, Session},
};
use crate::{Fault, FromRow, Row, Tx, Unit, args, sql};

/// From so few codes on, their owner is told.
const LOW_STOCK: i64 = 3;

struct SetRow {
    id: [u8; 16],
    salt: [u8; 16],
    pepper: [u8; 4],
    cost: Cost,
}

impl FromRow for SetRow {
    fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
        let number = |index| -> Result<u32, Fault> {
            u32::try_from(row.get::<i64>(index)?).map_err(|_| Fault::corrupt("recovery_sets"))
        };
        Ok(Self {
            id: row.get(0)?,
            salt: row.get(1)?,
            pepper: row.get(2)?,
            cost: Cost { memory_kib: number(3)?, iterations: number(4)?, parallelism: number(5)? },
        })
    }
}

/// Writes a set of recovery codes.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    user: UserId,
    set: &StoredSet,
    active: bool,
    now: Timestamp,
) -> Result<(), Fault> {
    tx.put(
        sql!(
            "INSERT INTO recovery_sets (user_id, id, active, salt, pepper, memory_kib, iterations, \
             parallelism, generated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
        ),
        args![
            user,
            &set.id,
            active,
            &set.salt,
            &set.pepper.to_bytes(),
            i64::from(set.cost.memory_kib),
            i64::from(set.cost.iterations),
            i64::from(set.cost.parallelism),
            now
        ],
    )
    .await?;
    for (number, hash) in &set.hashes {
        tx.put(
            sql!(
                "INSERT INTO recovery_codes (user_id, set_id, number, hash) \
                 VALUES (?1, ?2, ?3, ?4)"
            ),
            args![user, &set.id, *number, hash],
        )
        .await?;
    }
    Ok(())
}

/// Counts an attempt at a recovery code and hands out what it has to be compared with.
pub struct Reserve {
    /// What it is for.
    pub attempt: Attempt,
}

impl Unit for Reserve {
    type Out = Result<(Box<Account>, StoredSet), Refusal>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Out, Fault> {
        let footing = match self.attempt.admit(tx, Factor::BackupCode).await? {
            Ok((footing, _)) => footing,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Err(refusal) = self.attempt.may_try(&footing) {
            return Ok(Err(refusal));
        }
        let account = footing.account;
        self.attempt.count(tx, account.id, Factor::BackupCode).await?;
        let row = tx
            .row::<SetRow>(
                sql!(
                    "SELECT id, salt, pepper, memory_kib, iterations, parallelism \
                     FROM recovery_sets WHERE user_id = ?1 AND active = 1"
                ),
                args![account.id],
            )
            .await?;
        let Some(row) = row else { return Ok(Err(Refusal::NotAllowed)) };
        // Spent codes are compared like the others; spending is what refuses them.
        let hashes = tx
            .rows::<(i64, [u8; 32])>(
                sql!(
                    "SELECT number, hash FROM recovery_codes WHERE user_id = ?1 AND set_id = ?2 \
                     ORDER BY number"
                ),
                args![account.id, &row.id],
            )
            .await?;
        let pepper = KeyTag::from_bytes(row.pepper);
        let set = StoredSet { id: row.id, salt: row.salt, pepper, cost: row.cost, hashes };
        Ok(Ok((Box::new(account), set)))
    }
}

/// Ends a counted attempt: spends the code, or writes down that it was wrong.
pub struct Settle {
    /// What it is for.
    pub attempt: Attempt,
    /// The account, as the attempt was counted.
    pub account: Account,
    /// What comparing found.
    pub proof: Option<Proof>,
    /// For a notice that few codes are left.
    pub low_stock: Envelope,
}

impl Unit for Settle {
    type Out = Attempted;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Attempted, Fault> {
        let (attempt, account) = (&self.attempt, &self.account);
        let footing = attempt.look(tx, Factor::BackupCode).await?;
        let same =
            |footing: &Footing| footing.account.epoch == account.epoch && attempt.is_open(footing);
        let Some(footing) = footing.filter(same) else { return Ok(Err(Refusal::Ended)) };
        let Some(proof) = &self.proof else {
            let reason = Reason::WrongCode;
            return Ok(Err(attempt.refuse(tx, account, Factor::BackupCode, reason).await?));
        };
        if !self.spend(tx, proof).await? {
            let reason = Reason::SpentCode;
            return Ok(Err(attempt.refuse(tx, account, Factor::BackupCode, reason).await?));
        }
        let completed = attempt.complete(tx, footing, proof).await?;
        if completed.is_ok() {
            self.tell_stock(tx).await?;
        }
        Ok(completed)
    }
}

impl Settle {
    async fn spend(&self, tx: &mut Tx<'_>, proof: &Proof) -> Result<bool, Fault> {
        let Evidence::RecoveryCode { set, number } = proof.evidence() else {
            return Err(Fault::broken("not the proof of a recovery code"));
        };
        tx.hit(
            sql!(
                "UPDATE recovery_codes SET used_at = ?4, used_from = ?5 \
                 WHERE user_id = ?1 AND set_id = ?2 AND number = ?3 AND used_at IS NULL"
            ),
            args![
                proof.user(),
                set,
                *number,
                self.attempt.fresh.now,
                self.attempt.fresh.address.as_deref()
            ],
        )
        .await
    }

    async fn tell_stock(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        let left = methods::holding(tx, self.account.id).await?.codes_left;
        if left > LOW_STOCK {
            return Ok(());
        }
        let template = Template::RecoveryCodesLow { left };
        outbox::notify(tx, &self.attempt.ring, &self.low_stock, &self.account, template).await
    }
}

/// Replaces all recovery codes of an account by a new set.
pub struct Regenerate {
    /// Seals the notice.
    pub ring: Arc<KeyRing>,
    /// Whose, as read when the request was decided.
    pub account: Account,
    /// The session that asked.
    pub session: Session,
    /// The new set.
    pub set: StoredSet,
    /// The notice.
    pub envelope: Envelope,
}

/// What became of a new set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regenerated {
    /// It is in force; the old one is dead.
    Done,
    /// The account has no second factor that the codes could stand in for.
    NoMethod,
    /// The account changed meanwhile; try again.
    Conflict,
}

impl Unit for Regenerate {
    type Out = Regenerated;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Regenerated, Fault> {
        let (user, now) = (self.account.id, self.envelope.now);
        let held = account::hold_epoch(tx, user, self.account.epoch).await?;
        if !held || !session::is_live(tx, &self.session, now).await? {
            return Ok(Regenerated::Conflict);
        }
        if !methods::holding(tx, user).await?.required() {
            return Ok(Regenerated::NoMethod);
        }
        account::raise_held(tx, user, self.account.epoch).await?;
        methods::forget_codes(tx, user).await?;
        insert(tx, user, &self.set, true, now).await?;
        let event = Event::success(Kind::RecoveryCodesRegenerated, now);
        tx.audit(&Event { user: Some(user), ..event }).await?;
        let template = Template::RecoveryCodesRegenerated;
        outbox::notify(tx, &self.ring, &self.envelope, &self.account, template).await?;
        Ok(Regenerated::Done)
    }
}

/// Notes that a person has kept their codes safe.
pub struct Acknowledge {
    /// Whose.
    pub user: UserId,
    /// Which set: the moment it was made, as it was shown.
    pub generated_at: Timestamp,
    /// When.
    pub now: Timestamp,
}

impl Unit for Acknowledge {
    type Out = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Fault> {
        let noted = tx
            .hit(
                sql!(
                    "UPDATE recovery_sets SET acknowledged_at = ?3 \
                     WHERE user_id = ?1 AND generated_at = ?2 AND active = 1"
                ),
                args![self.user, self.generated_at, self.now],
            )
            .await?;
        if noted {
            let event = Event::success(Kind::RecoveryCodesAcknowledged, self.now);
            tx.audit(&Event { user: Some(self.user), ..event }).await?;
        }
        Ok(noted)
    }
}
