//! Refresh tokens: exchanged once, with a grace for answers that got lost and none for thieves.

use std::{sync::Arc, time::Duration};

use nightlatch_core::{
    SessionId, Timestamp, UserId,
    audit::{Event, Kind, Reason},
    keys::KeyRing,
    token::Refresh,
};

use super::{
    account::{self, Account},
    session::{self, Fresh, Session},
};
use crate::{Fault, Tx, Unit, args, sql};

/// For this long the token before the last is answered with "superseded" instead of ending the
/// session: a client whose answer got lost, or two tabs of one browser.
pub const REFRESH_GRACE: Duration = Duration::from_secs(10);

/// Exchanges a refresh token for the next.
pub struct Rotate {
    /// Opens and seals the session's proofs.
    pub ring: Arc<KeyRing>,
    /// The session that the presented token names.
    pub session: SessionId,
    /// The presented token's generation.
    pub generation: i64,
    /// The presented token's hash.
    pub hash: [u8; 32],
    /// What the next token is made of.
    pub fresh: Fresh,
}

/// What became of a refresh token.
#[derive(Debug)]
pub enum Rotated {
    /// It was good; the session goes on with the next one.
    Next(Box<Session>, Box<Account>),
    /// It was exchanged a moment ago, and its successor is unused.
    Superseded,
    /// It was used before: the session is ended, because one of its two holders is a thief.
    Reused(UserId),
    /// There is no such session any more.
    Unknown,
}

impl Unit for Rotate {
    type Out = Rotated;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Rotated, Fault> {
        let now = self.fresh.now;
        let next = Refresh::new(self.session, self.generation + 1, self.fresh.random);
        let rotated = tx
            .row::<session::Stored>(
                sql!(
                    "UPDATE sessions SET refresh = ?4, generation = generation + 1, \
                     rotated_at = ?5, seen_at = ?5 \
                     WHERE id = ?1 AND generation = ?2 AND refresh = ?3 \
                     AND expires_at > ?5 AND idle_until > ?5 \
                     RETURNING id, user_id, created_at, expires_at, idle_until, seen_at, proofs, \
                     secrets, generation, client, address"
                ),
                args![self.session, self.generation, &self.hash, &next.hash(), now],
            )
            .await?;
        let Some(rotated) = rotated else { return self.refused(tx).await };
        let session = rotated.open(&self.ring)?;
        let account = account::by_id(tx, session.user).await?;
        let Some(account) = account.filter(|a| a.standing == account::Standing::Active) else {
            end(tx, session.user, session.id).await?;
            return Ok(Rotated::Unknown);
        };
        // Whoever goes by the older idle limit asks too early, which does no harm.
        tx.changed_here(session.user);
        let idle = self.fresh.lifetimes.of(session.proofs.level()).idle;
        let idle_until = now.plus(idle).min(session.expires_at);
        tx.put(
            sql!("UPDATE sessions SET idle_until = ?2 WHERE id = ?1"),
            args![session.id, idle_until],
        )
        .await?;
        Ok(Rotated::Next(Box::new(Session { idle_until, ..session }), Box::new(account)))
    }
}

impl Rotate {
    /// The token is genuine (its tag was checked) but not the current one.
    async fn refused(&self, tx: &mut Tx<'_>) -> Result<Rotated, Fault> {
        let now = self.fresh.now;
        let row = tx
            .row::<(UserId, i64, Timestamp, Timestamp, Timestamp)>(
                sql!(
                    "SELECT user_id, generation, rotated_at, expires_at, idle_until \
                     FROM sessions WHERE id = ?1"
                ),
                args![self.session],
            )
            .await?;
        let Some((user, current, rotated_at, expires_at, idle_until)) = row else {
            return Ok(Rotated::Unknown);
        };
        if now >= expires_at || now >= idle_until {
            return Ok(Rotated::Unknown);
        }
        if self.generation + 1 == current && now.since(rotated_at) <= REFRESH_GRACE {
            return Ok(Rotated::Superseded);
        }
        end(tx, user, self.session).await?;
        tx.audit(&Event {
            user: Some(user),
            session: Some(self.session),
            ..Event::failure(Kind::RefreshReused, now, Reason::RefreshReused)
        })
        .await?;
        Ok(Rotated::Reused(user))
    }
}

async fn end(tx: &mut Tx<'_>, user: UserId, id: SessionId) -> Result<(), Fault> {
    tx.changed(user);
    tx.put(sql!("DELETE FROM sessions WHERE id = ?1"), args![id]).await
}
