//! Passwords, as every journey uses them: chosen by the rules, compared in silence.
//!
//! Both happen among the slow hashes: judging a password takes longer than a request may hold up a
//! thread of the runtime.

use nightlatch_core::{
    SecretText, Timestamp, UserId,
    email::Email,
    factors::password::{NewPassword, PasswordHash, Rules, Weak},
    proof::{Factor, Proof},
};
use nightlatch_store::units::{
    account::Account,
    budget::{Release, Slot},
};

use crate::{Env, Refused, hasher::Place, observer::Outcome};

/// Whose the decoys are.
const NOBODY: UserId = UserId::from_bytes([0; 16]);

/// The name of the product, which is the first thing that people think of.
const PRODUCT: &str = "nightlatch";

/// A password that somebody chose and the rules allow.
pub(crate) struct Chosen {
    pub(crate) password: NewPassword,
    pub(crate) hash: PasswordHash,
}

/// Holds a password that somebody chose against the rules, and hashes it.
///
/// `field` is the member of the request that it came in; `email` and `name` are what it may not be.
pub(crate) async fn choose(
    env: &Env,
    field: &'static str,
    text: SecretText,
    min_length: usize,
    email: &Email,
    name: Option<&str>,
) -> Result<Chosen, Refused> {
    let (cost, salt) = (env.settings.password_cost, env.random());
    let words = [PRODUCT, email.local(), email.as_str(), name.unwrap_or_default()];
    let words = words.map(str::to_owned);
    let chosen = env.hash(move |memory| {
        let context: Vec<&str> = words.iter().map(String::as_str).collect();
        let password = Rules { min_length, context: &context }.check(&text)?;
        let hash = PasswordHash::hash(&password, salt, cost, memory);
        Ok(Chosen { password, hash })
    });
    chosen.await?.map_err(|weak| Refused::invalid(field, explain(weak)))
}

/// What is wrong with a password, in plain words.
fn explain(weak: Weak) -> String {
    match weak {
        Weak::TooShort { min } => format!("Use at least {min} characters."),
        Weak::TooLong => "Use fewer characters; several hundred are enough.".to_owned(),
        Weak::TooCommon => {
            "This password is easy to guess. Use several unrelated words.".to_owned()
        }
        Weak::Contextual => "Don't use your address, your name or this product's name.".to_owned(),
    }
}

/// The work of a hash, where there is no password.
pub(crate) async fn decoy(env: &Env) -> Result<(), Refused> {
    let (cost, now) = (env.settings.password_cost, env.clock.now());
    env.hash(move |memory| {
        // A decoy matches nothing.
        let _ = PasswordHash::decoy(cost).verify(NOBODY, &SecretText::default(), now, memory);
    })
    .await
}

/// A place among the slow hashes for an attempt that these budgets counted; they get it back if there
/// is none.
pub(crate) async fn place(env: &Env, counted: &[Slot]) -> Result<Place, Refused> {
    match env.hasher.place() {
        Ok(place) => Ok(place),
        Err(busy) => {
            env.write(Release { slots: counted.to_vec() }).await?;
            Err(busy)
        }
    }
}

/// What comparing a password found.
pub(crate) struct Compared {
    /// The proof, if it was right.
    pub(crate) proof: Option<Proof>,
    /// The right password under today's parameters, sealed, if it was stored under lesser ones.
    pub(crate) rehashed: Option<Vec<u8>>,
}

/// Compares a password, with the same work where there is nothing to compare it with.
pub(crate) async fn compare(
    env: &Env,
    place: Place,
    account: Option<&Account>,
    text: SecretText,
    now: Timestamp,
) -> Result<Compared, Refused> {
    let cost = env.settings.password_cost;
    let stored = account
        .and_then(|account| Some((account.id, account.password.as_ref()?)))
        .and_then(|(user, sealed)| Some((user, PasswordHash::open(&env.ring(), sealed, user)?)));
    let user = stored.as_ref().map(|(user, _)| *user);
    let salt = env.random();
    let (proof, rehashed) = env
        .hash_at(place, move |memory| {
            let Some((user, hash)) = stored else {
                return (PasswordHash::decoy(cost).verify(NOBODY, &text, now, memory), None);
            };
            let proof = hash.verify(user, &text, now, memory);
            let lesser = proof.is_some() && hash.needs_rehash(cost);
            let rehashed = lesser.then(|| hash.rehash(&text, salt, cost, memory)).flatten();
            (proof, rehashed)
        })
        .await?;
    let outcome = if proof.is_some() { Outcome::Accepted } else { Outcome::Refused };
    env.observer.presented(Factor::Password, outcome);
    let seal = |(user, hash): (UserId, PasswordHash)| hash.seal(&env.ring(), env.random(), user);
    Ok(Compared { proof, rehashed: user.zip(rehashed).map(seal) })
}
