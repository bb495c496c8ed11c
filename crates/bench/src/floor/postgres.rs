//! The rows in PostgreSQL: eight connections, each with one verification under way. It takes two round
//! trips, one for what is read, one for all that is written, with `BEGIN` and `COMMIT`; or one for all
//! of it, as a single statement that commits by itself.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use async_channel::Receiver;
use tokio_postgres::{Client, Error, Statement, types::ToSql};

use super::{
    Job,
    rows::{AUDIT, BURN, EVENT, Factor, HASH, OPEN, PROOFS, Verification},
};
use crate::place::connect;

/// As many as Nightlatch has lanes.
const CONNECTIONS: u8 = 8;

/// All of a code's verification at once. A correct server can't do it: the code is compared between
/// what is read and what is written.
const AT_ONCE: &str = "WITH spent AS (UPDATE totp SET last_step = $1, last_used_at = $2 \
    WHERE user_id = $3 AND last_step < $1 RETURNING user_id, secret), \
    burned AS (INSERT INTO presented (id, tries, burned, expires_at) \
    SELECT $4::bytea, 1, 1, $2 FROM spent), \
    opened AS (INSERT INTO sessions (id, user_id, created_at, expires_at, idle_until, seen_at, \
    proofs, secrets, generation, refresh, rotated_at, client, address) SELECT $4::bytea, user_id, \
    $2, $2, $2, $2, $5::bytea, 1, 1, $6::bytea, $2, 'bench', '127.0.0.1' FROM spent), \
    told AS (INSERT INTO audit (chain, seq, at, user_id, body, hash) \
    SELECT $7::bytea, $8::bigint, $2, user_id, $9::text, $6::bytea FROM spent) \
    SELECT secret FROM spent";

/// How many round trips a verification takes.
#[derive(Clone, Copy)]
pub(super) enum Trips {
    One,
    Two,
}

struct Lane {
    client: Client,
    /// What reads a factor, and what spends it.
    totp: [Statement; 2],
    passkey: [Statement; 2],
    burn: Statement,
    open: Statement,
    audit: Statement,
    at_once: Statement,
    /// Every lane has a chain of its own.
    chain: [u8; 2],
    seq: Arc<AtomicI64>,
}

pub(super) async fn start(url: &str, jobs: Receiver<Job>, trips: Trips) -> Result<(), String> {
    for chain in 0..CONNECTIONS {
        let lane = Lane::new(connect(url).await?, [chain, u8::from(matches!(trips, Trips::One))]);
        let lane = lane.await.map_err(|error| error.to_string())?;
        let jobs = jobs.clone();
        tokio::spawn(async move {
            while let Ok((verification, answer)) = jobs.recv().await {
                let taken = match trips {
                    Trips::One => lane.at_once(&verification).await,
                    Trips::Two => lane.verify(&verification).await,
                };
                // Who left does not hear it.
                let _ = answer.send(taken.unwrap_or(false));
            }
        });
    }
    Ok(())
}

impl Lane {
    async fn new(client: Client, chain: [u8; 2]) -> Result<Self, Error> {
        let factor = async |factor: Factor| {
            Ok::<_, Error>([
                client.prepare(factor.read()).await?,
                client.prepare(factor.spend()).await?,
            ])
        };
        let (totp, passkey) = (factor(Factor::Totp).await?, factor(Factor::Passkey).await?);
        let burn = client.prepare(BURN).await?;
        let open = client.prepare(OPEN).await?;
        let audit = client.prepare(AUDIT).await?;
        let at_once = client.prepare(AT_ONCE).await?;
        let seq = Arc::new(AtomicI64::new(0));
        Ok(Self { client, totp, passkey, burn, open, audit, at_once, chain, seq })
    }

    async fn verify(&self, it: &Verification) -> Result<bool, Error> {
        let client = &self.client;
        let at = it.now.millis();
        let [read, spend] = match it.factor {
            Factor::Totp => &self.totp,
            Factor::Passkey => &self.passkey,
        };
        let found = client.query_one(read, &[&it.key]).await?;
        let (user, method, sealed): (&[u8], &[u8], &[u8]) =
            (found.get(0), found.get(1), found.get(2));
        let seq = self.seq.fetch_add(1, Ordering::Relaxed);
        let (session, proofs, hash) = (it.session.as_slice(), PROOFS.as_slice(), HASH.as_slice());
        let chain = self.chain.as_slice();
        let burned: [&(dyn ToSql + Sync); 2] = [&it.id, &at];
        let stepped: [&(dyn ToSql + Sync); 4] = [&it.step, &at, &user, &method];
        let opened: [&(dyn ToSql + Sync); 5] = [&session, &user, &at, &proofs, &hash];
        let told: [&(dyn ToSql + Sync); 6] = [&chain, &seq, &at, &user, &EVENT, &hash];
        // Polled in this order for the first time, they leave in this order.
        let done = tokio::join!(
            biased;
            client.batch_execute("BEGIN"),
            client.execute(&self.burn, &burned),
            client.execute(spend, &stepped),
            client.execute(&self.open, &opened),
            client.execute(&self.audit, &told),
            client.batch_execute("COMMIT"),
        );
        let (begun, burned, taken, opened, told, committed) = done;
        begun.and(burned).and(opened).and(told).and(committed.map(|()| 0))?;
        Ok(taken? == 1 && !sealed.is_empty())
    }

    async fn at_once(&self, it: &Verification) -> Result<bool, Error> {
        let at = it.now.millis();
        let seq = self.seq.fetch_add(1, Ordering::Relaxed);
        let (chain, proofs, hash) = (self.chain.as_slice(), PROOFS.as_slice(), HASH.as_slice());
        let values: [&(dyn ToSql + Sync); 9] =
            [&it.step, &at, &it.key, &it.id, &proofs, &hash, &chain, &seq, &EVENT];
        Ok(self.client.query_opt(&self.at_once, &values).await?.is_some())
    }
}
