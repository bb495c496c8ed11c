//! The schema on PostgreSQL: all pending steps in one transaction, behind an advisory lock.

use nightlatch_core::Timestamp;
use tokio_postgres::Client;

use super::{link::Link, server::Server};
use crate::{
    Fault,
    migrate::{self, OpenError},
};

/// Names the lock among all advisory locks of the database: "nightlat" in ASCII.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7955925892827603316)";

/// Refuses a database whose schema is not current.
pub(crate) async fn check(server: &Server) -> Result<(), OpenError> {
    let link = Link::connect(server).await?;
    let known = "SELECT to_regclass('migration') IS NOT NULL";
    let row = link.client.query_one(known, &[]).await.map_err(Fault::from)?;
    let steps = if row.get(0) { applied(&link.client).await? } else { Vec::new() };
    migrate::require_current(&steps)
}

/// Brings the schema up to date; whoever does the same at the same time waits and finds it done.
pub(crate) async fn migrate(server: &Server, now: Timestamp) -> Result<(), OpenError> {
    let link = Link::connect(server).await?;
    // Another node's migration may take longer than any lock in the work of every day.
    let begin = format!("BEGIN; SET LOCAL lock_timeout = 0; {LOCK}");
    link.client.batch_execute(&begin).await.map_err(Fault::from)?;
    apply(&link.client, now).await?;
    link.client.batch_execute("COMMIT").await.map_err(Fault::from)?;
    Ok(())
}

async fn apply(client: &Client, now: Timestamp) -> Result<(), OpenError> {
    let table = migrate::TABLE.replace("{bytes}", "BYTEA");
    client.batch_execute(&table).await.map_err(Fault::from)?;
    for step in migrate::pending(&applied(client).await?)? {
        client.batch_execute(step.postgres).await.map_err(Fault::from)?;
        client
            .execute(
                "INSERT INTO migration (number, name, checksum, applied_at) \
                 VALUES ($1, $2, $3, $4)",
                &[&step.number, &step.name, &migrate::checksum(step), &now.millis()],
            )
            .await
            .map_err(Fault::from)?;
    }
    Ok(())
}

async fn applied(client: &Client) -> Result<Vec<(i64, Vec<u8>)>, Fault> {
    let rows = client.query("SELECT number, checksum FROM migration ORDER BY number", &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
