//! The rows in SQLite: one thread, one transaction for whatever waits, the product's durability.

use std::thread;

use async_channel::Receiver;
use rusqlite::{Connection, params};

use super::{EVENT, HASH, Job, PROOFS, Verification};

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
    let secret: Vec<u8> = connection
        .prepare_cached("SELECT secret FROM totp WHERE user_id = ?1 AND method_id = ?2")?
        .query_row(params![it.user, it.method], |row| row.get(0))?;
    connection
        .prepare_cached(
            "INSERT INTO presented (id, tries, burned, expires_at) VALUES (?1, 1, 1, ?2)",
        )?
        .execute(params![it.id, at])?;
    let spent = connection
        .prepare_cached(
            "UPDATE totp SET last_step = ?3, last_used_at = ?4 \
             WHERE user_id = ?1 AND method_id = ?2 AND last_step < ?3",
        )?
        .execute(params![it.user, it.method, it.step, at])?;
    connection
        .prepare_cached(
            "INSERT INTO sessions (id, user_id, created_at, expires_at, idle_until, seen_at, \
             proofs, secrets, generation, refresh, rotated_at, client, address) \
             VALUES (?1, ?2, ?3, ?3, ?3, ?3, ?4, 1, 1, ?5, ?3, 'bench', '127.0.0.1')",
        )?
        .execute(params![it.session, it.user, at, PROOFS, HASH])?;
    connection
        .prepare_cached(
            "INSERT INTO audit (chain, seq, at, user_id, body, hash) \
             VALUES (x'00', ?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![seq, at, it.user, EVENT, HASH])?;
    Ok(spent == 1 && !secret.is_empty())
}
