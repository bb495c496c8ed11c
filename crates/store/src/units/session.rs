//! Sessions: opened with proofs, raised, listed and ended.

use std::sync::Arc;

use nightlatch_core::{
    SessionId, Timestamp, UserId,
    assurance::{Level, Lifetimes},
    audit::{Event, Kind, Reason},
    keys::{KeyRing, Nonce},
    proof::{Proof, Proofs},
    token::Refresh,
};

use super::account::Account;
use crate::{Fault, FromRow, Row, Tx, Unit, args, sql};

/// One session's row.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its identity.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends, whatever happens.
    pub expires_at: Timestamp,
    /// When it ends without activity.
    pub idle_until: Timestamp,
    /// When it was last renewed.
    pub seen_at: Timestamp,
    /// What was proved in it.
    pub proofs: Proofs,
    /// Counts the rotations at step-up and enrolment: access tokens of an earlier count are dead.
    pub secrets: i64,
    /// Counts the refresh tokens.
    pub generation: i64,
    /// The client's description of itself.
    pub client: Option<String>,
    /// The network address it began at.
    pub address: Option<String>,
}

impl Session {
    /// Whether it is over at `now`.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at || now >= self.idle_until
    }
}

/// Columns of a session in its row.
pub(crate) const COLUMNS: usize = 11;

/// A session's row, its proofs still sealed.
pub(crate) struct Stored {
    session: Session,
    sealed: Vec<u8>,
}

impl FromRow for Stored {
    fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
        Self::from_columns(row, 0)
    }
}

impl Stored {
    /// Reads the session whose columns begin at `first`.
    pub(crate) fn from_columns(row: &Row<'_>, first: usize) -> Result<Self, Fault> {
        let session = Session {
            id: row.get(first)?,
            user: row.get(first + 1)?,
            created_at: row.get(first + 2)?,
            expires_at: row.get(first + 3)?,
            idle_until: row.get(first + 4)?,
            seen_at: row.get(first + 5)?,
            proofs: Proofs::default(),
            secrets: row.get(first + 7)?,
            generation: row.get(first + 8)?,
            client: row.get(first + 9)?,
            address: row.get(first + 10)?,
        };
        Ok(Self { session, sealed: row.get(first + 6)? })
    }

    pub(crate) fn open(self, ring: &KeyRing) -> Result<Session, Fault> {
        let Self { session, sealed } = self;
        let proofs = Proofs::open(ring, &sealed, session.id, session.user)
            .ok_or_else(|| Fault::corrupt("sessions.proofs"))?;
        Ok(Session { proofs, ..session })
    }
}

/// What a new session, or a new set of secrets for one, is made of.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// The id of a session that is opened.
    pub id: SessionId,
    /// The random part of its refresh token.
    pub random: [u8; 32],
    /// For sealing its proofs.
    pub nonce: Nonce,
    /// How long it lasts.
    pub lifetimes: Lifetimes,
    /// The client's description of itself.
    pub client: Option<String>,
    /// The client's network address.
    pub address: Option<String>,
    /// When.
    pub now: Timestamp,
}

impl Fresh {
    fn deadlines(&self, level: Level, created_at: Timestamp) -> (Timestamp, Timestamp) {
        let lifetime = self.lifetimes.of(level);
        let expires_at = created_at.plus(lifetime.absolute);
        (expires_at, self.now.plus(lifetime.idle).min(expires_at))
    }
}

/// Opens a session of `user` with these proofs.
pub(crate) async fn open(
    tx: &mut Tx<'_>,
    ring: &KeyRing,
    fresh: &Fresh,
    user: UserId,
    proofs: Proofs,
) -> Result<Session, Fault> {
    let (expires_at, idle_until) = fresh.deadlines(proofs.level(), fresh.now);
    let session = Session {
        id: fresh.id,
        user,
        created_at: fresh.now,
        expires_at,
        idle_until,
        seen_at: fresh.now,
        proofs,
        secrets: 1,
        generation: 1,
        client: fresh.client.clone(),
        address: fresh.address.clone(),
    };
    let refresh = Refresh::new(session.id, session.generation, fresh.random);
    tx.put(
        sql!(
            "INSERT INTO sessions (id, user_id, created_at, expires_at, idle_until, seen_at, \
             proofs, secrets, generation, refresh, rotated_at, client, address) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?3, ?6, 1, 1, ?7, ?3, ?8, ?9)"
        ),
        args![
            session.id,
            user,
            fresh.now,
            expires_at,
            idle_until,
            &session.proofs.seal(ring, fresh.nonce, session.id, user),
            &refresh.hash(),
            session.client.as_deref(),
            session.address.as_deref()
        ],
    )
    .await?;
    Ok(session)
}

/// The session as it is now, held until this unit commits; `None` if it ended, or got other secrets,
/// since `seen` was read. A refresh in between does no harm.
pub(crate) async fn hold(
    tx: &mut Tx<'_>,
    ring: &KeyRing,
    seen: &Session,
    now: Timestamp,
) -> Result<Option<Session>, Fault> {
    let stored = tx
        .row::<Stored>(
            sql!(
                "SELECT id, user_id, created_at, expires_at, idle_until, seen_at, proofs, secrets, \
                 generation, client, address FROM sessions \
                 WHERE id = ?1 AND secrets = ?2 AND expires_at > ?3 AND idle_until > ?3",
                pg: "SELECT id, user_id, created_at, expires_at, idle_until, seen_at, proofs, \
                 secrets, generation, client, address FROM sessions \
                 WHERE id = $1 AND secrets = $2 AND expires_at > $3 AND idle_until > $3 \
                 FOR NO KEY UPDATE"
            ),
            args![seen.id, seen.secrets, now],
        )
        .await?;
    stored.map(|stored| stored.open(ring)).transpose()
}

/// Whether a session goes on with the secrets it was `seen` with; it stays so until this unit commits.
pub(crate) async fn is_live(
    tx: &mut Tx<'_>,
    seen: &Session,
    now: Timestamp,
) -> Result<bool, Fault> {
    let row = tx
        .row::<(i64,)>(
            sql!(
                "SELECT generation FROM sessions \
                 WHERE id = ?1 AND secrets = ?2 AND expires_at > ?3 AND idle_until > ?3",
                pg: "SELECT generation FROM sessions \
                 WHERE id = $1 AND secrets = $2 AND expires_at > $3 AND idle_until > $3 \
                 FOR NO KEY UPDATE"
            ),
            args![seen.id, seen.secrets, now],
        )
        .await?;
    Ok(row.is_some())
}

/// Adds a proof to a session as this unit has read it, and gives it new secrets; the old ones are
/// dead.
pub(crate) async fn elevate(
    tx: &mut Tx<'_>,
    ring: &KeyRing,
    fresh: &Fresh,
    held: Session,
    proof: &Proof,
) -> Result<Session, Fault> {
    let proofs = held.proofs.with(proof);
    let (mut expires_at, mut idle_until) = fresh.deadlines(proofs.level(), fresh.now);
    if !proofs.renewed(proof) {
        // Only a proof that renews the session's level begins a new period of it (NIST SP 800-63B
        // §2.2.3); any other is activity.
        expires_at = held.expires_at;
        idle_until = idle_until.min(expires_at);
    }
    let raised = Session {
        proofs,
        expires_at,
        idle_until,
        seen_at: fresh.now,
        secrets: held.secrets + 1,
        generation: held.generation + 1,
        ..held
    };
    tx.changed(raised.user);
    let refresh = Refresh::new(raised.id, raised.generation, fresh.random);
    tx.take(
        sql!(
            "UPDATE sessions SET proofs = ?2, secrets = ?3, generation = ?4, refresh = ?5, \
             rotated_at = ?6, seen_at = ?6, expires_at = ?7, idle_until = ?8 \
             WHERE id = ?1 AND secrets + 1 = ?3 AND generation + 1 = ?4"
        ),
        args![
            raised.id,
            &raised.proofs.seal(ring, fresh.nonce, raised.id, raised.user),
            raised.secrets,
            raised.generation,
            &refresh.hash(),
            fresh.now,
            expires_at,
            idle_until
        ],
    )
    .await?;
    Ok(raised)
}

/// Reads a live session and its account.
pub struct Load {
    /// Opens its proofs.
    pub ring: Arc<KeyRing>,
    /// Which session.
    pub id: SessionId,
    /// When.
    pub now: Timestamp,
}

/// A session's row beside its account's.
struct WithAccount(Stored, Account);

impl FromRow for WithAccount {
    fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
        Ok(Self(Stored::from_row(row)?, Account::from_columns(row, COLUMNS)?))
    }
}

impl Unit for Load {
    type Out = Option<(Session, Account)>;

    const ONE_QUESTION: bool = true;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Out, Fault> {
        let found = tx
            .row::<WithAccount>(
                sql!(
                    "SELECT s.id, s.user_id, s.created_at, s.expires_at, s.idle_until, s.seen_at, \
                     s.proofs, s.secrets, s.generation, s.client, s.address, \
                     u.id, u.email, u.name, u.locale, u.state, u.epoch, u.password, \
                     u.password_at, u.email_verified_at, u.is_admin, u.bootstrap_until, \
                     u.created_at FROM sessions s JOIN users u ON u.id = s.user_id \
                     WHERE s.id = ?1 AND s.expires_at > ?2 AND s.idle_until > ?2 AND u.state = 1"
                ),
                args![self.id, self.now],
            )
            .await?;
        let Some(WithAccount(stored, account)) = found else { return Ok(None) };
        Ok(Some((stored.open(&self.ring)?, account)))
    }
}

/// Which sessions of a user end.
#[derive(Debug, Clone, Copy)]
pub enum Which {
    /// This one.
    One(SessionId),
    /// All but this one.
    AllBut(SessionId),
    /// All.
    All,
}

/// Ends sessions of one user.
pub struct End {
    /// Whose.
    pub user: UserId,
    /// Which.
    pub which: Which,
    /// Why.
    pub reason: Reason,
    /// When.
    pub now: Timestamp,
}

impl Unit for End {
    type Out = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Fault> {
        end_some(tx, self.user, self.which, self.reason, self.now).await
    }
}

pub(crate) async fn end_some(
    tx: &mut Tx<'_>,
    user: UserId,
    which: Which,
    reason: Reason,
    now: Timestamp,
) -> Result<bool, Fault> {
    let ended = match which {
        Which::One(id) => {
            tx.hit(sql!("DELETE FROM sessions WHERE user_id = ?1 AND id = ?2"), args![user, id])
                .await?
        }
        Which::AllBut(id) => {
            tx.hit(sql!("DELETE FROM sessions WHERE user_id = ?1 AND id <> ?2"), args![user, id])
                .await?
        }
        Which::All => tx.hit(sql!("DELETE FROM sessions WHERE user_id = ?1"), args![user]).await?,
    };
    if ended {
        tx.changed(user);
        let (kind, session) = match which {
            Which::One(id) => (Kind::SessionEnded, Some(id)),
            Which::AllBut(_) | Which::All => (Kind::SessionsEnded, None),
        };
        let event = Event::success(kind, now);
        tx.audit(&Event { user: Some(user), session, reason: Some(reason), ..event }).await?;
    }
    Ok(ended)
}

/// Lists a user's live sessions, newest first.
pub struct List {
    /// Opens their proofs.
    pub ring: Arc<KeyRing>,
    /// Whose.
    pub user: UserId,
    /// When.
    pub now: Timestamp,
}

impl Unit for List {
    type Out = Vec<Session>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Session>, Fault> {
        let rows = tx
            .rows::<Stored>(
                sql!(
                    "SELECT id, user_id, created_at, expires_at, idle_until, seen_at, proofs, \
                     secrets, generation, client, address FROM sessions \
                     WHERE user_id = ?1 AND expires_at > ?2 AND idle_until > ?2 \
                     ORDER BY id DESC LIMIT 200"
                ),
                args![self.user, self.now],
            )
            .await?;
        rows.into_iter().map(|stored| stored.open(&self.ring)).collect()
    }
}
