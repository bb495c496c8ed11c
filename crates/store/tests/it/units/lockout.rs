//! Guesses are counted before anybody learns whether they were right, whoever makes them and from
//! wherever.

use std::time::Duration;

use nightlatch_core::{
    Timestamp,
    lockout::{Budget, FACTOR_FREE},
    proof::Factor,
};
use nightlatch_store::{
    sql,
    units::{
        budget::{Reserve, Reserved, Slot},
        second_factor::{Aim, Refusal},
    },
};

use super::{
    fixture::{LATER, World, each_world},
    person::Person,
    race::count,
    witness::Witness,
};
use crate::harness::{NOW, Place, each_place};

/// Guesses at the same time.
const GUESSES: usize = 200;

impl World {
    /// Wrong codes of one user that were counted since the last right one.
    pub(super) async fn failures(&self, person: &Person, factor: Factor) -> i64 {
        let sum = match factor {
            Factor::Totp => {
                sql!("SELECT failures FROM attempts WHERE user_id = ?1 AND factor = 2")
            }
            Factor::BackupCode => {
                sql!("SELECT failures FROM attempts WHERE user_id = ?1 AND factor = 3")
            }
            Factor::Password | Factor::Email | Factor::WebAuthn => panic!("not counted here"),
        };
        self.number(sum, &[person.account.id.as_bytes()]).await
    }

    /// The slot of an address's passwords, from one network.
    fn network(&self) -> Slot {
        Slot::of(Budget::Network, &self.ring, &self.address().1, b"192.0.2")
    }
}

/// Waits from a streak of as many attempts as were free, made now.
fn first_wait(now: Timestamp) -> Timestamp {
    now.plus(Duration::from_secs(30))
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_guesses_at_once_only_the_free_ones_are_compared() {
    each_world(async |world| {
        let person = world.person().await;
        let steps: Vec<Aim> = (0..GUESSES / 5).map(|_| world.step(&person, false)).collect();
        let guesses = (0..GUESSES).map(|n| {
            let step = steps[n % steps.len()].clone();
            world.trying(step, person.apps[0].wrong(LATER), LATER)
        });
        let outcomes = world.race(guesses).await;
        let wrong = count(&outcomes, |one| matches!(one, Err(Refusal::Wrong)));
        assert_eq!(i64::try_from(wrong), Ok(FACTOR_FREE));
        let waits = Refusal::Wait(first_wait(LATER));
        assert_eq!(
            count(&outcomes, |one| matches!(one, Err(other) if *other == waits)),
            GUESSES - wrong
        );
        assert_eq!(world.failures(&person, Factor::Totp).await, FACTOR_FREE);

        let refused = world.try_right(&person, world.step(&person, false), LATER).await;
        assert_eq!(refused.unwrap_err(), waits, "nor is the right code");
        assert_eq!(world.failures(&person, Factor::Totp).await, FACTOR_FREE, "nor counted");
        let refusals = world.trail(person.id()).await;
        assert_eq!(count(&refusals, |kind| kind == "sign_in: wrong_code"), wrong);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_passwords_at_once_only_the_free_ones_are_compared() {
    each_world(async |world| {
        for (slot, free) in [
            (world.network(), 10),
            (Slot::of(Budget::KnownDevice, &world.ring, &[1; 32], b"device"), 10),
            (Slot::of(Budget::Anywhere, &world.ring, &[1; 32], b""), 100),
            (Slot::of(Budget::Mail, &world.ring, &[1; 32], b"code"), 5),
        ] {
            let guesses = (0..GUESSES).map(|_| Reserve { slots: vec![slot], now: LATER });
            let outcomes = world.race(guesses).await;
            let waits = Reserved::Wait(first_wait(LATER));
            assert_eq!(count(&outcomes, |one| matches!(one, Reserved::Go { .. })), free);
            assert_eq!(count(&outcomes, |one| *one == waits), GUESSES - free);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_by_the_narrow_budget_costs_the_wide_one_nothing() {
    each_world(async |world| {
        let (narrow, wide) = (world.network(), world.network());
        for streak in 1..=10 {
            let go = world.write(Reserve { slots: vec![narrow, wide], now: LATER }).await;
            assert_eq!(go, Reserved::Go { streak });
        }
        for _ in 0..20 {
            let wait = world.write(Reserve { slots: vec![narrow, wide], now: LATER }).await;
            assert_eq!(wait, Reserved::Wait(first_wait(LATER)));
        }
        let other = world.network();
        let first = world.write(Reserve { slots: vec![other, wide], now: first_wait(LATER) }).await;
        assert_eq!(first, Reserved::Go { streak: 11 });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_survive_a_restart() {
    each_place(async |place: &Place| {
        let world = World::new(place.open().await);
        let (person, slot) = (world.person().await, world.network());
        for _ in 0..5 {
            let wrong = world.try_wrong(&person, world.step(&person, false), LATER).await;
            assert_eq!(wrong.unwrap_err(), Refusal::Wrong);
        }
        for _ in 0..10 {
            world.write(Reserve { slots: vec![slot], now: LATER }).await;
        }
        world.store.close(NOW).await;

        let world = World { store: place.open().await, witness: Witness::default(), ..world };
        let refused = world.try_wrong(&person, world.step(&person, false), LATER).await;
        assert_eq!(refused.unwrap_err(), Refusal::Wait(first_wait(LATER)));
        let reserved = world.write(Reserve { slots: vec![slot], now: LATER }).await;
        assert_eq!(reserved, Reserved::Wait(first_wait(LATER)));
        world.store.close(NOW).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_keep_nobody_waiting_who_comes_from_a_known_device() {
    each_world(async |world| {
        for stranger_is_known in [false, true] {
            let person = world.person().await;
            for _ in 0..5 {
                let step = world.step(&person, stranger_is_known);
                assert_eq!(
                    world.try_wrong(&person, step, LATER).await.unwrap_err(),
                    Refusal::Wrong
                );
            }
            let again = world.step(&person, stranger_is_known);
            let refused = world.try_right(&person, again, LATER).await;
            assert_eq!(refused.unwrap_err(), Refusal::Wait(first_wait(LATER)));
            let other = world.step(&person, !stranger_is_known);
            assert!(world.try_right(&person, other, LATER).await.is_ok());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_with_an_older_clock_waits_no_longer() {
    each_world(async |world| {
        let person = world.person().await;
        let earlier = LATER.minus(Duration::from_millis(40));
        world.try_wrong(&person, world.step(&person, true), LATER).await.unwrap_err();
        assert!(world.try_right(&person, world.step(&person, true), earlier).await.is_ok());

        let slot = world.network();
        world.write(Reserve { slots: vec![slot], now: LATER }).await;
        let second = world.write(Reserve { slots: vec![slot], now: earlier }).await;
        assert_eq!(second, Reserved::Go { streak: 2 });
    })
    .await;
}
