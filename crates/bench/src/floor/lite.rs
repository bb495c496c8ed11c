//! The rows in SQLite: one thread, one transaction for whatever waits, the product's durability.

use std::thread;

use async_channel::Receiver;
use rusqlite::{Connection, params};

use super::{
    Job,
    rows::{AUDIT, BURN, EVENT, HASH, OPEN, PROOFS, Verification},
};

/// As many as Nightlatch puts into one transaction.
const MAX_BATCH: usize = 256;

pub(super) fn start(file: &str, jobs: Receiver<Job>) -> Result<(), String> {
    let connection = Connection::open(file).map_err(|error| error.to_string())?;
    let pragmas = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                   PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 8000; \
                   PRAGMA mmap_size = 0;";
    connection.execute_batch(pragmas).map_err(|error| error.to_string())?;
    thread::spawn(move || {
        let mut seq = 0;
        while let Ok(first) = jobs.recv_blocking() {
            let mut batch = vec![first];
            while batch.len() < MAX_BATCH
                && let Ok(next) = jobs.try_recv()
            {
                batch.push(next);
            }
            let taken = together(&connection, &batch, &mut seq);
            for (number, (_, answer)) in batch.into_iter().enumerate() {
                // Who left does not hear it.
                let _ = answer.send(taken.as_ref().is_ok_and(|taken| taken[number]));
            }
        }
    });
    Ok(())
}

fn together(connection: &Connection, batch: &[Job], seq: &mut i64) -> rusqlite::Result<Vec<bool>> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let mut taken = Vec::with_capacity(batch.len());
    for (verification, _) in batch {
        *seq += 1;
        taken.push(verify(connection, verification, *seq)?);
    }
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(taken)
}

fn verify(connection: &Connection, it: &Verification, seq: i64) -> rusqlite::Result<bool> {
    let at = it.now.millis();
    let (user, method, sealed): (Vec<u8>, Vec<u8>, Vec<u8>) = connection
        .prepare_cached(it.factor.read())?
        .query_row(params![it.key], |row| row.try_into())?;
    connection.prepare_cached(BURN)?.execute(params![it.id, at])?;
    let spent = connection
        .prepare_cached(it.factor.spend())?
        .execute(params![it.step, at, user, method])?;
    connection.prepare_cached(OPEN)?.execute(params![it.session, user, at, PROOFS, HASH])?;
    connection.prepare_cached(AUDIT)?.execute(params![[0_u8], seq, at, user, EVENT, HASH])?;
    Ok(spent == 1 && !sealed.is_empty())
}
