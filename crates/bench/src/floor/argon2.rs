//! One Argon2id hash for each answer, with as many permits as Nightlatch has, in memory that is kept.

use std::sync::{LazyLock, Mutex, PoisonError};

use axum::extract::Json;
use nightlatch_core::{
    SecretText, UserId,
    factors::password::{Memory, PasswordHash},
};
use tokio::sync::Semaphore;

use super::{ANSWER, Answer, Body, JSON, answer};
use crate::{now, people::COST};

static PERMITS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)));

static KEPT: Mutex<Vec<Memory>> = Mutex::new(Vec::new());

pub(super) async fn hash(Json(body): Json<Body>) -> Answer {
    let permit = PERMITS.acquire().await;
    let hashed = tokio::task::spawn_blocking(move || {
        let mut memory = kept().pop().unwrap_or_default();
        let password = SecretText::new(body.mfa_token);
        let nobody = UserId::from_bytes([0; 16]);
        let proof = PasswordHash::decoy(COST).verify(nobody, &password, now(), &mut memory);
        kept().push(memory);
        proof.is_none()
    });
    let hashed = hashed.await.unwrap_or(false);
    drop(permit);
    (JSON, answer(if hashed { ANSWER } else { 0 }))
}

fn kept() -> std::sync::MutexGuard<'static, Vec<Memory>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}
