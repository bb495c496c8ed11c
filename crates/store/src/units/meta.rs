//! What a database says about itself: which keys it was made with, and for what.

use nightlatch_core::Timestamp;

use crate::{Fault, Tx, Unit, args, sql};

/// The entry that names the era of the database: see
/// [`KeyRing::in_era`](nightlatch_core::keys::KeyRing::in_era).
pub const ERA: &str = "era";

/// Reads one entry.
pub struct Get {
    /// Which.
    pub key: &'static str,
}

impl Unit for Get {
    type Out = Option<Vec<u8>>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Vec<u8>>, Fault> {
        get(tx, self.key).await
    }
}

pub(crate) async fn get(tx: &mut Tx<'_>, key: &'static str) -> Result<Option<Vec<u8>>, Fault> {
    let row =
        tx.row::<(Vec<u8>,)>(sql!("SELECT value FROM meta WHERE key = ?1"), args![key]).await?;
    Ok(row.map(|(value,)| value))
}

/// Writes an entry that nobody wrote before, and returns what it is now.
pub struct Claim {
    /// Which.
    pub key: &'static str,
    /// What it is to be.
    pub value: Vec<u8>,
}

impl Unit for Claim {
    type Out = Vec<u8>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<u8>, Fault> {
        tx.hit(
            sql!("INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING"),
            args![self.key, &self.value],
        )
        .await?;
        get(tx, self.key).await?.ok_or_else(|| Fault::corrupt("meta"))
    }
}

/// Raises the mark below which the clock may not run, and returns it: time never runs backwards
/// across restarts.
pub struct HighWater {
    /// The clock's time.
    pub now: Timestamp,
}

impl Unit for HighWater {
    type Out = Timestamp;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Timestamp, Fault> {
        let mark = mark(tx).await?.unwrap_or_default();
        if self.now <= mark {
            return Ok(mark);
        }
        tx.put(
            sql!(
                "INSERT INTO meta (key, value) VALUES ('clock', ?1) \
                 ON CONFLICT (key) DO UPDATE SET value = ?1 WHERE meta.value < ?1"
            ),
            args![&self.now.millis().to_be_bytes()],
        )
        .await?;
        Ok(self.now)
    }
}

async fn mark(tx: &mut Tx<'_>) -> Result<Option<Timestamp>, Fault> {
    let Some(bytes) = get(tx, "clock").await? else { return Ok(None) };
    let bytes = bytes.try_into().map_err(|_| Fault::corrupt("meta.clock"))?;
    Ok(Some(Timestamp::from_millis(i64::from_be_bytes(bytes))))
}

/// Reads the mark that [`HighWater`] raises.
pub struct Mark;

impl Unit for Mark {
    type Out = Option<Timestamp>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Timestamp>, Fault> {
        mark(tx).await
    }
}

/// What the database's own clock says.
pub struct DatabaseClock;

impl Unit for DatabaseClock {
    type Out = Timestamp;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Timestamp, Fault> {
        let clock = sql!(
            "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
            pg: "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
        );
        let row = tx.row::<(i64,)>(clock, args![]).await?;
        let (millis,) = row.ok_or_else(|| Fault::broken("the database has no clock"))?;
        Ok(Timestamp::from_millis(millis))
    }
}
