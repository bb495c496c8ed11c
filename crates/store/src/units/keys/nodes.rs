//! Which keys the running servers have: before anybody seals with a key, everybody has to know it.

use std::time::Duration;

use nightlatch_core::{
    Timestamp,
    audit::{Event, Kind},
    keys::KeyTag,
};

use crate::{Fault, FromRow, Row, Tx, Unit, args, sql};

/// A running server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Drawn at its start.
    pub id: [u8; 16],
    /// What operators know it by.
    pub name: String,
    /// The names of its keys, the sealing one first.
    pub tags: Vec<KeyTag>,
    /// Since when it has them.
    pub since: Timestamp,
    /// When it last said so.
    pub seen_at: Timestamp,
}

impl Node {
    /// A server that was silent for this long is gone.
    pub const STALE: Duration = Duration::from_mins(1);
}

impl FromRow for Node {
    fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
        let tags: Vec<u8> = row.get(2)?;
        let (tags, rest) = tags.as_chunks();
        if !rest.is_empty() {
            return Err(Fault::corrupt("nodes.tags"));
        }
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            tags: tags.iter().copied().map(KeyTag::from_bytes).collect(),
            since: row.get(3)?,
            seen_at: row.get(4)?,
        })
    }
}

/// Notes which keys somebody has, the sealing one first; silent servers are forgotten.
pub struct Announce {
    /// The server, by its id and name; `None` for a command, which is gone in a moment.
    pub node: Option<([u8; 16], String)>,
    /// The names of its keys.
    pub tags: Vec<KeyTag>,
    /// When.
    pub now: Timestamp,
}

impl Unit for Announce {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        let now = self.now;
        for tag in &self.tags {
            tx.put(
                sql!(
                    "INSERT INTO ring_keys (tag, known_at) VALUES (?1, ?2) \
                     ON CONFLICT (tag) DO NOTHING"
                ),
                args![&tag.to_bytes(), now],
            )
            .await?;
        }
        if let Some(sealing) = self.tags.first() {
            tx.put(
                sql!(
                    "UPDATE ring_keys SET sealed_from = COALESCE(sealed_from, ?2), sealed_at = ?2, \
                     retired_at = NULL \
                     WHERE tag = ?1 AND (sealed_at IS NULL OR sealed_at < ?2)"
                ),
                args![&sealing.to_bytes(), now],
            )
            .await?;
        }
        if let Some((id, name)) = &self.node {
            let tags: Vec<u8> = self.tags.iter().flat_map(|tag| tag.to_bytes()).collect();
            tx.put(
                sql!(
                    "INSERT INTO nodes (id, name, tags, since, seen_at) VALUES (?1, ?2, ?3, ?4, ?4) \
                     ON CONFLICT (id) DO UPDATE SET tags = ?3, seen_at = ?4, \
                     since = CASE WHEN nodes.tags = ?3 THEN nodes.since ELSE ?4 END"
                ),
                args![id, name, &tags, now],
            )
            .await?;
        }
        tx.put(sql!("DELETE FROM nodes WHERE seen_at < ?1"), args![now.minus(Node::STALE)]).await
    }
}

/// A server ends.
pub struct Leave {
    /// Which.
    pub id: [u8; 16],
}

impl Unit for Leave {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        tx.put(sql!("DELETE FROM nodes WHERE id = ?1"), args![&self.id]).await
    }
}

/// Reads the servers that are running.
pub struct Nodes {
    /// When.
    pub now: Timestamp,
}

impl Unit for Nodes {
    type Out = Vec<Node>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Node>, Fault> {
        tx.rows(
            sql!(
                "SELECT id, name, tags, since, seen_at FROM nodes WHERE seen_at >= ?1 ORDER BY name, id"
            ),
            args![self.now.minus(Node::STALE)],
        )
        .await
    }
}

/// A key that somebody had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownKey {
    /// Its name.
    pub tag: KeyTag,
    /// Since when.
    pub known_at: Timestamp,
    /// When it first sealed.
    pub sealed_from: Option<Timestamp>,
    /// When a node was last seen sealing with it.
    pub sealed_at: Option<Timestamp>,
    /// When it was retired.
    pub retired_at: Option<Timestamp>,
}

impl FromRow for KnownKey {
    fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
        Ok(Self {
            tag: KeyTag::from_bytes(row.get(0)?),
            known_at: row.get(1)?,
            sealed_from: row.get(2)?,
            sealed_at: row.get(3)?,
            retired_at: row.get(4)?,
        })
    }
}

/// Reads the keys that anybody ever had.
pub struct Known;

impl Unit for Known {
    type Out = Vec<KnownKey>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<KnownKey>, Fault> {
        tx.rows(
            sql!(
                "SELECT tag, known_at, sealed_from, sealed_at, retired_at FROM ring_keys \
                 ORDER BY known_at, tag"
            ),
            args![],
        )
        .await
    }
}

/// Writes to the audit trail that the ring is changed.
pub struct Changed {
    /// How.
    pub kind: Kind,
    /// Which key.
    pub tag: KeyTag,
    /// When.
    pub now: Timestamp,
}

impl Unit for Changed {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        if self.kind == Kind::KeyRetired {
            let retire = sql!("UPDATE ring_keys SET retired_at = ?2 WHERE tag = ?1");
            tx.put(retire, args![&self.tag.to_bytes(), self.now]).await?;
        }
        tx.audit(&Event { key: Some(self.tag), ..Event::success(self.kind, self.now) }).await
    }
}
