//! Accounts: looking them up and changing what they say about their owner.

use nightlatch_core::{
    Timestamp, UserId,
    audit::{Event, Kind},
};

use crate::{Column, Fault, FromRow, Row, Tx, Unit, args, sql};

/// Whether an account may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    Active,
    /// An administrator disabled it.
    Disabled,
}

impl Standing {
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Active => 1,
            Self::Disabled => 2,
        }
    }
}

impl Column for Standing {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, Fault> {
        match row.get::<i64>(index)? {
            1 => Ok(Self::Active),
            2 => Ok(Self::Disabled),
            _ => Err(Fault::corrupt("users.state")),
        }
    }
}

/// One account's row.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its identity.
    pub id: UserId,
    /// The address, as its owner wrote it: where mail goes.
    pub email: String,
    /// How its owner is called.
    pub name: Option<String>,
    /// The language its owner chose (BCP 47).
    pub locale: Option<String>,
    /// Whether it may sign in.
    pub standing: Standing,
    /// Raised by every change of its factors; sealed tokens of an older epoch are dead.
    pub epoch: i64,
    /// The password's hash, sealed; `None` where there is no password.
    pub password: Option<Vec<u8>>,
    /// When the password was set.
    pub password_at: Option<Timestamp>,
    /// When control of the address was shown.
    pub email_verified_at: Option<Timestamp>,
    /// Whether it administers the installation.
    pub is_admin: bool,
    /// Until when the account may enrol its way to being an administrator.
    pub bootstrap_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Columns of an account in its row.
pub(crate) const COLUMNS: usize = 12;

impl FromRow for Account {
    fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
        Self::from_columns(row, 0)
    }
}

impl Account {
    /// Reads the account whose columns begin at `first`.
    pub(crate) fn from_columns(row: &Row<'_>, first: usize) -> Result<Self, Fault> {
        Ok(Self {
            id: row.get(first)?,
            email: row.get(first + 1)?,
            name: row.get(first + 2)?,
            locale: row.get(first + 3)?,
            standing: row.get(first + 4)?,
            epoch: row.get(first + 5)?,
            password: row.get(first + 6)?,
            password_at: row.get(first + 7)?,
            email_verified_at: row.get(first + 8)?,
            is_admin: row.get(first + 9)?,
            bootstrap_until: row.get(first + 10)?,
            created_at: row.get(first + 11)?,
        })
    }
}

/// Reads the account with this address.
pub struct ByAddress {
    /// By which the address is found.
    pub lookup: [u8; 32],
}

impl Unit for ByAddress {
    type Out = Option<Account>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Account>, Fault> {
        find(tx, &self.lookup).await
    }
}

pub(crate) async fn find(tx: &mut Tx<'_>, lookup: &[u8; 32]) -> Result<Option<Account>, Fault> {
    tx.row::<Account>(
        sql!(
            "SELECT u.id, u.email, u.name, u.locale, u.state, u.epoch, u.password, \
             u.password_at, u.email_verified_at, u.is_admin, u.bootstrap_until, u.created_at \
             FROM addresses a JOIN users u ON u.id = a.user_id WHERE a.lookup = ?1"
        ),
        args![lookup],
    )
    .await
}

/// Reads the account with this id.
pub struct ById {
    /// Which account.
    pub user: UserId,
}

impl Unit for ById {
    type Out = Option<Account>;

    const ONE_QUESTION: bool = true;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Account>, Fault> {
        by_id(tx, self.user).await
    }
}

pub(crate) async fn by_id(tx: &mut Tx<'_>, user: UserId) -> Result<Option<Account>, Fault> {
    tx.row(
        sql!(
            "SELECT id, email, name, locale, state, epoch, password, password_at, \
             email_verified_at, is_admin, bootstrap_until, created_at FROM users WHERE id = ?1"
        ),
        args![user],
    )
    .await
}

/// The user row is the lock: raises the epoch if the account is active and nobody raised it since.
///
/// Units that check more than the row they change take it first; whatever was sealed with the old
/// epoch is dead afterwards.
pub(crate) async fn raise_epoch(tx: &mut Tx<'_>, user: UserId, epoch: i64) -> Result<bool, Fault> {
    let raised = tx
        .hit(
            sql!("UPDATE users SET epoch = epoch + 1 WHERE id = ?1 AND epoch = ?2 AND state = 1"),
            args![user, epoch],
        )
        .await?;
    if raised {
        tx.changed(user);
    }
    Ok(raised)
}

/// Locks the account at `epoch` until this unit commits, without raising it.
pub(crate) async fn hold_epoch(tx: &mut Tx<'_>, user: UserId, epoch: i64) -> Result<bool, Fault> {
    let held = tx
        .row::<(i64,)>(
            sql!(
                "SELECT epoch FROM users WHERE id = ?1 AND epoch = ?2 AND state = 1",
                pg: "SELECT epoch FROM users WHERE id = $1 AND epoch = $2 AND state = 1 \
                     FOR NO KEY UPDATE"
            ),
            args![user, epoch],
        )
        .await?;
    Ok(held.is_some())
}

/// Holds the account until this unit commits: whoever else holds it comes before or after.
pub(crate) async fn lock(tx: &mut Tx<'_>, user: UserId) -> Result<(), Fault> {
    tx.lock(
        sql!(
            "SELECT epoch FROM users WHERE id = ?1",
            pg: "SELECT epoch FROM users WHERE id = $1 FOR NO KEY UPDATE"
        ),
        args![user],
    )
    .await
}

/// Raises the epoch that [`hold_epoch`] locked, once nothing can refuse the unit any more: whoever is
/// refused has changed nothing.
pub(crate) async fn raise_held(tx: &mut Tx<'_>, user: UserId, epoch: i64) -> Result<(), Fault> {
    if raise_epoch(tx, user, epoch).await? {
        return Ok(());
    }
    Err(Fault::broken("an account changed while it was locked"))
}

/// Changes what an account says about its owner.
pub struct Patch {
    /// Which account.
    pub user: UserId,
    /// The new name, if it changes.
    pub name: Option<String>,
    /// The new language, if it changes.
    pub locale: Option<String>,
    /// When.
    pub now: Timestamp,
}

impl Unit for Patch {
    type Out = Option<Account>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Account>, Fault> {
        let changed = tx
            .hit(
                sql!(
                    "UPDATE users SET name = COALESCE(?2, name), locale = COALESCE(?3, locale) \
                     WHERE id = ?1"
                ),
                args![self.user, self.name.as_deref(), self.locale.as_deref()],
            )
            .await?;
        if changed {
            tx.changed(self.user);
            let event = Event::success(Kind::AccountChanged, self.now);
            tx.audit(&Event { user: Some(self.user), ..event }).await?;
        }
        by_id(tx, self.user).await
    }
}
