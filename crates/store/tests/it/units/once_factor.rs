//! A proof is taken once, whoever races for it.

use std::{sync::Arc, time::Duration};

use nightlatch_core::{factors::password::Memory, proof::Proof};
use nightlatch_store::units::{
    recovery_codes::{Reserve, Settle},
    refresh::Rotated,
    second_factor::{Attempted, Refusal},
    session::{Fresh, Load},
};

use super::{
    fixture::{LATER, World, each_world},
    person::Person,
    race::{RUNNERS, count, rounds, together},
};

/// The refusals among `attempted`, after one of them, and no more, led to a session.
#[track_caller]
fn refusals(attempted: Vec<Attempted>) -> Vec<Refusal> {
    let refusals: Vec<Refusal> = attempted.into_iter().filter_map(Result::err).collect();
    assert_eq!(refusals.len(), RUNNERS - 1, "one, and no more, led to a session");
    refusals
}

#[tokio::test(flavor = "multi_thread")]
async fn one_code_in_many_sign_ins_opens_one_session() {
    each_world(async |world| {
        for _ in 0..rounds(&world.store) {
            let person = world.person().await;
            let before = world.sessions_of(person.id()).await;
            let tries = (0..RUNNERS).map(|_| {
                world.trying(world.step(&person, true), person.apps[0].code(LATER, 0), LATER)
            });
            let refusals = refusals(world.race(tries).await);
            assert_eq!(count(&refusals, |refusal| *refusal == Refusal::Wrong), 5);
            assert_eq!(world.sessions_of(person.id()).await - before, 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_code_many_times_in_one_sign_in_opens_one_session() {
    each_world(async |world| {
        for _ in 0..rounds(&world.store) {
            let person = world.person().await;
            let before = world.sessions_of(person.id()).await;
            let step = world.step(&person, true);
            let tries = (0..RUNNERS)
                .map(|_| world.trying(step.clone(), person.apps[0].code(LATER, 0), LATER));
            let refusals = refusals(world.race(tries).await);
            assert!(refusals.iter().all(|refusal| *refusal == Refusal::Ended), "{refusals:?}");
            assert_eq!(world.sessions_of(person.id()).await - before, 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_of_two_steps_in_one_sign_in_open_one_session() {
    each_world(async |world| {
        for _ in 0..rounds(&world.store) {
            let person = world.person().await;
            let before = world.sessions_of(person.id()).await;
            let step = world.step(&person, true);
            let tries = [-1, 0, 1]
                .map(|ahead| world.trying(step.clone(), person.apps[0].code(LATER, ahead), LATER));
            assert_eq!(count(&world.race(tries).await, Result::is_ok), 1);
            assert_eq!(world.sessions_of(person.id()).await - before, 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_recovery_code_in_many_sign_ins_opens_one_session() {
    each_world(async |world| {
        let world = Arc::new(world);
        for _ in 0..rounds(&world.store) {
            let person = Arc::new(world.person().await);
            let before = world.sessions_of(person.id()).await;
            let attempts = (0..RUNNERS).map(|_| {
                let (world, person) = (world.clone(), person.clone());
                async move {
                    let step = world.step(&person, true);
                    world.try_recovery(step, &person.recovery_code(3), LATER).await
                }
            });
            refusals(together(attempts).await);
            assert_eq!(world.sessions_of(person.id()).await - before, 1);
            assert_eq!(world.codes_left(&person).await, 9);
        }
    })
    .await;
}

/// Attempts at one recovery code of which each was counted and found right, and none was settled.
async fn found_right(world: &World, person: &Person, attempts: usize) -> Vec<Settle> {
    let mut settles = Vec::with_capacity(attempts);
    let mut now = LATER;
    while settles.len() < attempts {
        let attempt = world.attempt(world.step(person, true), now);
        match world.write(Reserve { attempt: attempt.clone() }).await {
            Ok((account, set)) => {
                let (code, memory) = (person.recovery_code(0), &mut Memory::default());
                let proof: Option<Proof> = set.verify(&world.ring, person.id(), &code, now, memory);
                let low_stock = world.envelope(now);
                settles.push(Settle { attempt, account: *account, proof, low_stock });
            }
            Err(Refusal::Wait(until)) => now = until,
            Err(other) => panic!("{other:?}"),
        }
    }
    settles
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code_that_many_found_right_is_spent_once() {
    each_world(async |world| {
        for _ in 0..rounds(&world.store) / 5 {
            let person = world.person().await;
            let before = world.sessions_of(person.id()).await;
            let settles = found_right(&world, &person, RUNNERS).await;
            let refusals = refusals(world.race(settles).await);
            assert!(refusals.iter().all(|refusal| *refusal == Refusal::Wrong), "{refusals:?}");
            assert_eq!(world.sessions_of(person.id()).await - before, 1);
            assert_eq!(world.codes_left(&person).await, 9);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refresh_token_many_times_is_exchanged_once_and_its_successor_lives() {
    each_world(async |world| {
        let person = world.person().await;
        let mut now = LATER;
        let (step, right) = (world.step(&person, true), person.apps[0].code(now, 0));
        let first = world.trying(step, right, now);
        let mut random = first.attempt.fresh.random;
        let mut session = *world.write(first).await.unwrap().0;
        for _ in 0..rounds(&world.store) {
            now = now.plus(Duration::from_mins(1));
            let fresh: Vec<Fresh> = (0..RUNNERS).map(|_| world.fresh(now)).collect();
            let randoms: Vec<[u8; 32]> = fresh.iter().map(|fresh| fresh.random).collect();
            let rotates = fresh.into_iter().map(|fresh| world.rotate(&session, random, fresh));
            let outcomes = world.race(rotates).await;
            let superseded = count(&outcomes, |one| matches!(one, Rotated::Superseded));
            assert_eq!(superseded, RUNNERS - 1, "all but one come too late, and harm nobody");
            for (rotated, next) in outcomes.into_iter().zip(randoms) {
                if let Rotated::Next(next_session, _) = rotated {
                    (session, random) = (*next_session, next);
                }
            }
            let load = Load { ring: world.ring.clone(), id: session.id, now };
            assert!(world.write(load).await.is_some());
        }
    })
    .await;
}
