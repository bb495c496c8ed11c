//! The password after a key that showed presence alone: one session for one sign-in, and every guess is
//! counted.

use std::{sync::Arc, time::Duration};

use nightlatch_core::{
    Timestamp,
    assurance::Level,
    lockout::{Budget, STEP_TRIES},
    token::SignInStep,
};
use nightlatch_store::{
    Fault,
    units::{
        budget::{Reserved, Slot},
        second_factor::Aim,
        second_password::{Complete, ReserveStep},
    },
};

use super::{
    credentials::{Key, touched},
    fixture::{LATER, World, each_world},
    person::Person,
    race::{RUNNERS, count, rounds},
};

impl World {
    fn second_slot(&self, person: &Person) -> Slot {
        Slot::of(Budget::KnownDevice, &self.ring, &person.lookup, b"webauthn")
    }

    fn reserve_step(&self, person: &Person, step: &Arc<SignInStep>, now: Timestamp) -> ReserveStep {
        ReserveStep { step: step.clone(), slot: self.second_slot(person), now }
    }

    fn completing(&self, person: &Person, step: &Arc<SignInStep>) -> Complete {
        Complete {
            ring: self.ring.clone(),
            step: step.clone(),
            account: person.account.clone(),
            proof: person.password(LATER),
            fresh: self.fresh(LATER),
            forgive: self.second_slot(person).slot,
            rehashed: None,
        }
    }

    /// Somebody whose key shows presence alone, and whose sign-in it began.
    async fn began(&self) -> (Person, Key, Arc<SignInStep>) {
        let (person, mut key) = self.key_owner(touched()).await;
        let step = self.key_step(&person, &mut key).await;
        (person, key, step)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_password_many_times_opens_one_session() {
    each_world(async |world| {
        for _ in 0..rounds(&world.store) {
            let (person, _, step) = world.began().await;
            let before = world.sessions_of(person.id()).await;
            let completed =
                world.race((0..RUNNERS).map(|_| world.completing(&person, &step))).await;
            assert_eq!(count(&completed, Option::is_some), 1);
            let session = completed.into_iter().flatten().next().unwrap();
            assert_eq!(session.proofs.level(), Level::PhishingResistant);
            assert_eq!(world.sessions_of(person.id()).await - before, 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_passwords_at_once_in_one_sign_in_ten_are_compared() {
    each_world(async |world| {
        let (person, _, step) = world.began().await;
        let guesses = (0..RUNNERS).map(|_| world.reserve_step(&person, &step, LATER));
        let reserved = world.race(guesses).await;
        let go = count(&reserved, |one| matches!(one, Some(Reserved::Go { .. })));
        assert_eq!(i64::try_from(go), Ok(STEP_TRIES));
        assert_eq!(count(&reserved, Option::is_none), RUNNERS - go);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_eleventh_password_of_a_sign_in_is_not_looked_at() {
    each_world(async |world| {
        let (person, _, step) = world.began().await;
        for streak in 1..=STEP_TRIES {
            let reserved = world.write(world.reserve_step(&person, &step, LATER)).await;
            assert_eq!(reserved, Some(Reserved::Go { streak }));
        }
        let later = LATER.plus(Duration::from_hours(1));
        assert_eq!(world.write(world.reserve_step(&person, &step, later)).await, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_of_many_sign_ins_wait_and_those_that_wait_cost_no_try() {
    each_world(async |world| {
        let (person, mut key, first) = world.began().await;
        for streak in 1..STEP_TRIES {
            let reserved = world.write(world.reserve_step(&person, &first, LATER)).await;
            assert_eq!(reserved, Some(Reserved::Go { streak }));
        }
        let second = world.key_step(&person, &mut key).await;
        let tenth = world.write(world.reserve_step(&person, &second, LATER)).await;
        assert_eq!(tenth, Some(Reserved::Go { streak: STEP_TRIES }));
        let edge = LATER.plus(Duration::from_secs(30));
        for step in [&first, &second] {
            for _ in 0..STEP_TRIES {
                let wait = world.write(world.reserve_step(&person, step, LATER)).await;
                assert_eq!(wait, Some(Reserved::Wait(edge)));
            }
        }
        let last = world.write(world.reserve_step(&person, &first, edge)).await;
        assert_eq!(last, Some(Reserved::Go { streak: STEP_TRIES + 1 }));

        assert!(world.write(world.completing(&person, &second)).await.is_some());
        let third = world.key_step(&person, &mut key).await;
        let cleared = world.write(world.reserve_step(&person, &third, edge)).await;
        assert_eq!(cleared, Some(Reserved::Go { streak: 1 }), "by the right password");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_is_over_takes_no_password() {
    each_world(async |world| {
        // Used up.
        let (mut person, mut key, step) = world.began().await;
        assert!(world.write(world.completing(&person, &step)).await.is_some());
        assert!(world.write(world.completing(&person, &step)).await.is_none());
        assert_eq!(world.write(world.reserve_step(&person, &step, LATER)).await, None);

        // Overtaken by a change of the account's factors.
        let step = world.key_step(&person, &mut key).await;
        world.enrol_key(&mut person, touched()).await;
        assert!(world.write(world.completing(&person, &step)).await.is_none());
        assert_eq!(world.write(world.reserve_step(&person, &step, LATER)).await, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_began_with_the_password_takes_no_second_one() {
    each_world(async |world| {
        let (person, _) = world.key_owner(touched()).await;
        let Aim::SignIn(step) = world.step(&person, true) else { panic!("a sign-in") };
        assert_eq!(world.write(world.reserve_step(&person, &step, LATER)).await, None);
        let outcome = world.store.write(world.completing(&person, &step)).await;
        assert!(matches!(outcome, Err(Fault::Broken(_))), "{outcome:?}");
        let (other, _, step) = world.began().await;
        let outcome = world.store.write(world.completing(&person, &step)).await;
        assert!(matches!(outcome, Err(Fault::Broken(_))), "of another person: {outcome:?}");
        assert!(world.write(world.completing(&other, &step)).await.is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_vouches_for_the_verification_before_it() {
    each_world(async |world| {
        for verifies in [false, true] {
            let (person, mut key) = world.key_owner(touched()).await;
            key.device.verifies = verifies;
            let step = world.key_step(&person, &mut key).await;
            assert_eq!(step.verified.is_some(), verifies);
            let stored = world.stored(&person, &key).await;
            assert!(!stored.state.uv_initialized);
            assert!(world.write(world.completing(&person, &step)).await.is_some());
            let stored = world.stored(&person, &key).await;
            assert_eq!(stored.state.uv_initialized, verifies);
        }
    })
    .await;
}
