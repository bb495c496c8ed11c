//! Enrolling second factors: who may, and what the first of them brings along.

pub mod qr;
pub mod totp;
pub mod webauthn;

use nightlatch_core::{
    SecretText, Timestamp, UserId,
    factors::recovery_codes::{self, SET_SIZE, StoredSet},
    methods::Holding,
};
use nightlatch_store::units::enrol::{Completion, Enroller};

use crate::{
    Client, Env, Refused,
    authenticate::{Enrolling, gate, holding},
};

/// Lets whoever may enrol pass, and says what they have.
async fn may_enrol(env: &Env, caller: &Enrolling) -> Result<Holding, Refused> {
    match caller {
        Enrolling::SignedIn(signed) => {
            let mailbox = env.settings.first_enrollment_mail;
            gate(env, signed, |question| question.enrol(mailbox)).await
        }
        // The token is the proof of a password a few minutes old, and opens nothing else.
        Enrolling::Token(_, account) => holding(env, account).await,
    }
}

fn enroller(caller: &Enrolling) -> Enroller {
    match caller {
        Enrolling::SignedIn(signed) => Enroller::Session(Box::new(signed.session.clone())),
        Enrolling::Token(token, _) => Enroller::SignIn {
            id: token.id,
            proofs: token.proofs.clone(),
            expires_at: token.expires_at,
        },
    }
}

/// What the new factor's proof completes.
fn completion(env: &Env, client: &Client, caller: &Enrolling) -> Completion {
    let fresh = env.fresh(client, env.clock.now());
    Completion {
        ring: env.ring(),
        user: caller.account().id,
        enroller: enroller(caller),
        envelope: env.envelope(fresh.now),
        fresh,
    }
}

/// A fresh set of recovery codes: ten slow hashes.
pub(crate) async fn new_set(
    env: &Env,
    user: UserId,
    now: Timestamp,
) -> Result<(Vec<SecretText>, StoredSet), Refused> {
    let (ring, id, salt) = (env.ring(), env.id(now), env.random());
    let entropy: [[u8; 10]; SET_SIZE] = std::array::from_fn(|_| env.random());
    let cost = env.settings.password_cost;
    env.hash(move |memory| recovery_codes::generate(&ring, user, id, salt, &entropy, cost, memory))
        .await
}
