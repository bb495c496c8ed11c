//! The audit trail's checkpoints, and reading it back to verify it.

use nightlatch_core::audit::{Hash, Head};

use crate::{Fault, FromRow, Row, Tx, Unit, args, sql};

/// Reads the newest checkpoint.
pub struct LastCheckpoint;

/// A checkpoint's row.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The row: a time-ordered id.
    pub id: [u8; 16],
    /// The checkpoint's bytes.
    pub body: Vec<u8>,
    /// Names the key that signed it.
    pub key_tag: String,
    /// The signature.
    pub signature: Vec<u8>,
}

impl FromRow for Signed {
    fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
        Ok(Self {
            id: row.get(0)?,
            body: row.get(1)?,
            key_tag: row.get(2)?,
            signature: row.get(3)?,
        })
    }
}

impl Unit for LastCheckpoint {
    type Out = Option<Signed>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Signed>, Fault> {
        tx.row(
            sql!("SELECT id, body, key_tag, signature FROM checkpoints ORDER BY id DESC LIMIT 1"),
            args![],
        )
        .await
    }
}

/// Writes a checkpoint.
pub struct WriteCheckpoint(pub Signed);

impl Unit for WriteCheckpoint {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        let Signed { id, body, key_tag, signature } = &self.0;
        tx.put(
            sql!("INSERT INTO checkpoints (id, body, key_tag, signature) VALUES (?1, ?2, ?3, ?4)"),
            args![id, body, key_tag, signature],
        )
        .await
    }
}

/// Reads checkpoints in order, a page at a time.
pub struct Checkpoints {
    /// After this one.
    pub after: [u8; 16],
    /// How many at most.
    pub limit: i64,
}

impl Unit for Checkpoints {
    type Out = Vec<Signed>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Signed>, Fault> {
        tx.rows(
            sql!(
                "SELECT id, body, key_tag, signature FROM checkpoints WHERE id > ?1 \
                 ORDER BY id LIMIT ?2"
            ),
            args![&self.after, self.limit],
        )
        .await
    }
}

/// One event as it is stored.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// Where it stands.
    pub head: Head,
    /// When it happened.
    pub at: nightlatch_core::Timestamp,
    /// What it says.
    pub body: String,
}

impl FromRow for StoredEvent {
    fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
        let (chain, seq, hash): ([u8; 16], i64, Hash) = (row.get(0)?, row.get(1)?, row.get(4)?);
        Ok(Self { head: Head { chain, seq, hash }, at: row.get(2)?, body: row.get(3)? })
    }
}

/// Reads events chain by chain, each in its order, a page at a time.
pub struct Events {
    /// After this chain and number.
    pub after: ([u8; 16], i64),
    /// How many at most.
    pub limit: i64,
}

impl Unit for Events {
    type Out = Vec<StoredEvent>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<StoredEvent>, Fault> {
        let (chain, seq) = self.after;
        tx.rows(
            sql!(
                "SELECT chain, seq, at, body, hash FROM audit \
                 WHERE (chain, seq) > (?1, ?2) ORDER BY chain, seq LIMIT ?3"
            ),
            args![&chain, seq, self.limit],
        )
        .await
    }
}
