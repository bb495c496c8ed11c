//! The rows in PostgreSQL: eight connections, each with one transaction under way, in two round
//! trips: one for the secret, one for all that is written, with `BEGIN` and `COMMIT`.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use async_channel::Receiver;
use tokio_postgres::{Client, Error, Statement, types::ToSql};

use super::{EVENT, HASH, Job, PROOFS, Verification};
use crate::place::connect;

/// As many as Nightlatch has lanes.
const CONNECTIONS: u8 = 8;

struct Lane {
    client: Client,
    read: Statement,
    burn: Statement,
    spend: Statement,
    open: Statement,
    audit: Statement,
    /// Every lane has a chain of its own.
    chain: [u8; 1],
    seq: Arc<AtomicI64>,
}

pub(super) async fn start(url: &str, jobs: Receiver<Job>) -> Result<(), String> {
    for chain in 0..CONNECTIONS {
        let lane = Lane::new(connect(url).await?, chain).await;
        let lane = lane.map_err(|error| error.to_string())?;
        let jobs = jobs.clone();
        tokio::spawn(async move {
            while let Ok((verification, answer)) = jobs.recv().await {
                // Who left does not hear it.
                let _ = answer.send(lane.verify(&verification).await.unwrap_or(false));
            }
        });
    }
    Ok(())
}

impl Lane {
    async fn new(client: Client, chain: u8) -> Result<Self, Error> {
        let prepare = |text| client.prepare(text);
        let read = prepare("SELECT secret FROM totp WHERE user_id = $1 AND method_id = $2").await?;
        let burn =
            prepare("INSERT INTO presented (id, tries, burned, expires_at) VALUES ($1, 1, 1, $2)")
                .await?;
        let spend = prepare(
            "UPDATE totp SET last_step = $3, last_used_at = $4 \
             WHERE user_id = $1 AND method_id = $2 AND last_step < $3",
        )
        .await?;
        let open = prepare(
            "INSERT INTO sessions (id, user_id, created_at, expires_at, idle_until, seen_at, \
             proofs, secrets, generation, refresh, rotated_at, client, address) \
             VALUES ($1, $2, $3, $3, $3, $3, $4, 1, 1, $5, $3, 'bench', '127.0.0.1')",
        )
        .await?;
        let audit = prepare(
            "INSERT INTO audit (chain, seq, at, user_id, body, hash) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .await?;
        let seq = Arc::new(AtomicI64::new(0));
        Ok(Self { client, read, burn, spend, open, audit, chain: [chain], seq })
    }

    async fn verify(&self, it: &Verification) -> Result<bool, Error> {
        let client = &self.client;
        let at = it.now.millis();
        let secret = client.query_one(&self.read, &[&it.user, &it.method]).await?;
        let secret: &[u8] = secret.get(0);
        let seq = self.seq.fetch_add(1, Ordering::Relaxed);
        let (session, proofs, hash) = (it.session.as_slice(), PROOFS.as_slice(), HASH.as_slice());
        let chain = self.chain.as_slice();
        let burn: [&(dyn ToSql + Sync); 2] = [&it.id, &at];
        let spend: [&(dyn ToSql + Sync); 4] = [&it.user, &it.method, &it.step, &at];
        let open: [&(dyn ToSql + Sync); 5] = [&session, &it.user, &at, &proofs, &hash];
        let audit: [&(dyn ToSql + Sync); 6] = [&chain, &seq, &at, &it.user, &EVENT, &hash];
        // Polled in this order for the first time, they leave in this order.
        let done = tokio::join!(
            biased;
            client.batch_execute("BEGIN"),
            client.execute(&self.burn, &burn),
            client.execute(&self.spend, &spend),
            client.execute(&self.open, &open),
            client.execute(&self.audit, &audit),
            client.batch_execute("COMMIT"),
        );
        let (begun, burned, taken, opened, told, committed) = done;
        begun.and(burned).and(opened).and(told).and(committed.map(|()| 0))?;
        Ok(taken? == 1 && !secret.is_empty())
    }
}
