//! What an account has enrolled: read for every decision, renamed and removed by its owner.

use std::sync::Arc;

use nightlatch_core::{
    MethodId, Timestamp, UserId,
    audit::{Event, Kind, Reason},
    factors::webauthn::{Aaguid, CredentialKind, credential_lookup},
    keys::KeyRing,
    lockout::DISABLE_AT,
    message::Template,
    methods::{CredentialFacts, Holding, Method, State},
    proof::Factor,
};

use super::{
    account::{self, Account},
    outbox::{self, Envelope},
    session::{self, Session, Which},
    webauthn,
};
use crate::{Column, Fault, FromRow, Row, Sql, Tx, Unit, args, sql};

impl Column for Factor {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, Fault> {
        Self::from_code(row.get(index)?).ok_or_else(|| Fault::corrupt("factor"))
    }
}

impl Column for State {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, Fault> {
        Self::from_code(row.get(index)?).ok_or_else(|| Fault::corrupt("methods.state"))
    }
}

impl FromRow for Method {
    fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
        Ok(Self {
            id: row.get(0)?,
            factor: row.get(1)?,
            name: row.get(2)?,
            state: row.get(3)?,
            created_at: row.get(4)?,
            last_used_at: row.get(5)?,
            credential: facts(row)?,
        })
    }
}

/// What the row says of a passkey or security key, if the method is one.
fn facts(row: &Row<'_>) -> Result<Option<CredentialFacts>, Fault> {
    let Some(kind) = row.get::<Option<i64>>(6)? else { return Ok(None) };
    let kind = CredentialKind::from_code(kind).ok_or_else(|| Fault::corrupt("webauthn.kind"))?;
    Ok(Some(CredentialFacts {
        kind,
        aaguid: Aaguid(row.get(7)?),
        backup_eligible: row.get(8)?,
        backup_state: row.get(9)?,
        attested: row.get(10)?,
    }))
}

/// A confirmed method, and beside it what is left of the account's recovery codes.
pub(crate) struct Held {
    method: Method,
    /// Of a passkey or security key.
    sign_count: Option<i64>,
    codes_left: i64,
    code_failures: Option<i64>,
}

impl FromRow for Held {
    fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
        let (sign_count, codes_left, code_failures) = (row.get(11)?, row.get(12)?, row.get(13)?);
        Ok(Self { method: Method::from_row(row)?, sign_count, codes_left, code_failures })
    }
}

/// Asks for all that decides which second factors an account (`?1`) is asked for; `?2` is the number
/// of recovery codes.
pub(crate) static HOLDING: &Sql = sql!(
    "SELECT m.id, m.factor, m.name, m.state, m.created_at, \
             COALESCE(t.last_used_at, w.last_used_at), w.kind, w.aaguid, w.backup_eligible, \
             w.backup_state, w.trusted, w.sign_count, \
             (SELECT COUNT(*) FROM recovery_sets s JOIN recovery_codes c \
             ON c.user_id = s.user_id AND c.set_id = s.id \
             WHERE s.user_id = ?1 AND s.active = 1 AND c.used_at IS NULL), \
             (SELECT failures FROM attempts a WHERE a.user_id = ?1 AND a.factor = ?2) \
             FROM methods m \
             LEFT JOIN totp t ON t.user_id = m.user_id AND t.method_id = m.id \
             LEFT JOIN webauthn w ON w.user_id = m.user_id AND w.method_id = m.id \
             WHERE m.user_id = ?1 ORDER BY m.id"
);

impl Held {
    /// What an account holds. Without a method recovery codes stand in for nothing.
    pub(crate) fn collect(rows: &[Self]) -> Holding {
        let codes = rows.first().map(|row| (row.codes_left, row.code_failures));
        let (codes_left, code_failures) = codes.unwrap_or_default();
        Holding {
            methods: rows.iter().map(|row| row.method.clone()).collect(),
            codes_left,
            codes_disabled: code_failures.is_some_and(|failures| failures >= DISABLE_AT),
        }
    }

    /// Whether one of them is the credential `method`, active and at the counter `sign_count`.
    pub(crate) fn has(rows: &[Self], method: MethodId, sign_count: u32) -> bool {
        rows.iter().any(|row| {
            row.method.id == method
                && row.method.state == State::Active
                && row.sign_count == Some(i64::from(sign_count))
        })
    }
}

/// Reads all that decides which second factors an account is asked for.
pub(crate) async fn holding(tx: &mut Tx<'_>, user: UserId) -> Result<Holding, Fault> {
    let args = args![user, Factor::BackupCode.code()];
    Ok(Held::collect(&tx.rows::<Held>(HOLDING, args).await?))
}

/// Reads what an account has enrolled.
pub struct Read {
    /// Whose.
    pub user: UserId,
}

/// The recovery codes of an account, as its owner sees them.
#[derive(Debug, Clone, Copy)]
pub struct CodeSet {
    /// How many codes the set had.
    pub total: i64,
    /// How many are left.
    pub remaining: i64,
    /// When it was made.
    pub generated_at: Timestamp,
    /// When its owner said that it is kept safe.
    pub acknowledged_at: Option<Timestamp>,
}

impl FromRow for CodeSet {
    fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
        Ok(Self {
            total: row.get(0)?,
            remaining: row.get(1)?,
            generated_at: row.get(2)?,
            acknowledged_at: row.get(3)?,
        })
    }
}

impl Unit for Read {
    type Out = (Holding, Option<CodeSet>);

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Out, Fault> {
        let holding = holding(tx, self.user).await?;
        let set = tx
            .row::<CodeSet>(
                sql!(
                    "SELECT COUNT(c.number), COUNT(c.number) - COUNT(c.used_at), s.generated_at, \
                     s.acknowledged_at FROM recovery_sets s JOIN recovery_codes c \
                     ON c.user_id = s.user_id AND c.set_id = s.id \
                     WHERE s.user_id = ?1 AND s.active = 1 \
                     GROUP BY s.id, s.generated_at, s.acknowledged_at"
                ),
                args![self.user],
            )
            .await?;
        Ok((holding, set))
    }
}

/// Gives a method another name.
pub struct Rename {
    /// Whose.
    pub user: UserId,
    /// Which method.
    pub method: MethodId,
    /// The name.
    pub name: String,
    /// When.
    pub now: Timestamp,
}

impl Unit for Rename {
    type Out = Option<Method>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Method>, Fault> {
        let renamed = tx
            .hit(
                sql!("UPDATE methods SET name = ?3 WHERE user_id = ?1 AND id = ?2"),
                args![self.user, self.method, &self.name],
            )
            .await?;
        if !renamed {
            return Ok(None);
        }
        let event = Event::success(Kind::MethodRenamed, self.now);
        tx.audit(&Event { user: Some(self.user), ..event }).await?;
        let holding = holding(tx, self.user).await?;
        Ok(holding.methods.into_iter().find(|method| method.id == self.method))
    }
}

/// Removes a method for its owner, and ends their other sessions. When the last one goes, the recovery
/// codes go with it.
pub struct Remove {
    /// Seals the notice.
    pub ring: Arc<KeyRing>,
    /// Whose, as read when the request was decided.
    pub account: Account,
    /// The session that asked.
    pub session: Session,
    /// Which method.
    pub method: MethodId,
    /// Whether policy demands that one method stays.
    pub keep_one: bool,
    /// The notice.
    pub envelope: Envelope,
}

/// What became of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// It is gone.
    Gone,
    /// It is the last one, and policy demands one.
    LastMethod,
    /// There is no such method.
    Unknown,
    /// The account changed meanwhile; try again.
    Conflict,
}

impl Unit for Remove {
    type Out = Removed;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Removed, Fault> {
        let (user, now) = (self.account.id, self.envelope.now);
        let held = account::hold_epoch(tx, user, self.account.epoch).await?;
        if !held || !session::is_live(tx, &self.session, now).await? {
            return Ok(Removed::Conflict);
        }
        let holding = holding(tx, user).await?;
        let Some(method) = holding.methods.iter().find(|method| method.id == self.method) else {
            return Ok(Removed::Unknown);
        };
        let last = holding.methods.len() == 1;
        if last && self.keep_one {
            return Ok(Removed::LastMethod);
        }
        account::raise_held(tx, user, self.account.epoch).await?;
        if method.factor == Factor::WebAuthn {
            self.keep_key(tx).await?;
        }
        tx.put(
            sql!("DELETE FROM methods WHERE user_id = ?1 AND id = ?2"),
            args![user, self.method],
        )
        .await?;
        if last {
            forget_codes(tx, user).await?;
        }
        // Perhaps it was removed because somebody else has it: what they opened with it ends.
        let others = Which::AllBut(self.session.id);
        session::end_some(tx, user, others, Reason::MethodRemoved, now).await?;
        tx.audit(&Event {
            user: Some(user),
            factor: Some(method.factor),
            ..Event::success(Kind::MethodRemoved, now)
        })
        .await?;
        let template = Template::FactorRemoved { name: method.name.clone() };
        outbox::notify(tx, &self.ring, &self.envelope, &self.account, template).await?;
        Ok(Removed::Gone)
    }
}

impl Remove {
    /// Keeps the key of a credential that goes, and nothing of whose it was: whoever signs in with it
    /// later can be told, and nobody else.
    async fn keep_key(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        let (user, now) = (self.account.id, self.envelope.now);
        let credential = webauthn::by_method(tx, &self.ring, user, self.method).await?;
        let Some((_, credential)) = credential else { return Err(Fault::corrupt("webauthn")) };
        tx.put(
            sql!(
                "INSERT INTO removed_credentials (lookup, public_key, removed_at) \
                 VALUES (?1, ?2, ?3) ON CONFLICT (lookup) DO UPDATE SET removed_at = ?3"
            ),
            args![&credential_lookup(&credential.id), &credential.public_key, now],
        )
        .await
    }
}

/// Deletes every set of recovery codes and the attempts at them.
pub(crate) async fn forget_codes(tx: &mut Tx<'_>, user: UserId) -> Result<(), Fault> {
    tx.put(sql!("DELETE FROM recovery_sets WHERE user_id = ?1"), args![user]).await?;
    tx.put(
        sql!("DELETE FROM attempts WHERE user_id = ?1 AND factor = ?2"),
        args![user, Factor::BackupCode.code()],
    )
    .await
}
