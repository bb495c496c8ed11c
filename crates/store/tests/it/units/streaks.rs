//! The waits that the statements enforce are the ones that `lockout` promises, at every step of a
//! streak and to the millisecond.

use std::time::Duration;

use nightlatch_core::{
    Timestamp,
    lockout::{Budget, FACTOR_FREE, FORGET_AFTER, LONGEST_WAIT, wait},
    proof::Factor,
};
use nightlatch_store::{
    sql,
    units::{
        budget::{Reserve, Reserved, Slot},
        second_factor::{Aim, Refusal},
        sign_in::Accepted,
    },
};

use super::{
    fixture::{LATER, World, each_world},
    person::Person,
};

const MOMENT: Duration = Duration::from_millis(1);

/// Walks through a streak: at each step, one attempt a moment too early and one in time.
async fn walk(free: i64, attempt: impl AsyncFn(Timestamp) -> Result<(), Timestamp>) {
    let mut now = LATER;
    for streak in 1..=free + 10 {
        assert_eq!(attempt(now).await, Ok(()), "attempt {streak}");
        let pause = wait(streak, free);
        let edge = now.plus(pause);
        assert_eq!(pause.is_zero(), streak < free);
        if !pause.is_zero() {
            for early in [now, edge.minus(MOMENT)] {
                assert_eq!(attempt(early).await, Err(edge), "after attempt {streak}");
            }
        }
        now = edge;
    }
}

impl World {
    async fn reserve(&self, slot: Slot, now: Timestamp) -> Result<i64, Timestamp> {
        match self.write(Reserve { slots: vec![slot], now }).await {
            Reserved::Go { streak } => Ok(streak),
            Reserved::Wait(until) => Err(until),
        }
    }

    async fn guess(&self, person: &Person, aim: Aim, now: Timestamp) -> Result<(), Timestamp> {
        match self.try_wrong(person, aim, now).await.unwrap_err() {
            Refusal::Wrong => Ok(()),
            Refusal::Wait(until) => Err(until),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn slot(&self, budget: Budget) -> Slot {
        Slot::of(budget, &self.ring, &self.address().1, b"")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn budgets_wait_as_promised() {
    each_world(async |world| {
        for budget in [Budget::KnownDevice, Budget::Network, Budget::Anywhere, Budget::Mail] {
            let slot = world.slot(budget);
            walk(budget.free(), async |now| world.reserve(slot, now).await.map(drop)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn second_factors_wait_as_promised_on_every_kind_of_device() {
    each_world(async |world| {
        for known_device in [false, true] {
            let person = world.person().await;
            let guess =
                async |now| world.guess(&person, world.step(&person, known_device), now).await;
            walk(FACTOR_FREE, guess).await;
            assert_eq!(world.failures(&person, Factor::Totp).await, FACTOR_FREE + 10);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_in_a_session_wait_like_those_of_a_known_device() {
    each_world(async |world| {
        let person = world.person().await;
        let session = world.sign_in(&person, LATER).await;
        let lasting = sql!(
            "UPDATE sessions SET idle_until = 9000000000000000, expires_at = 9000000000000000 \
             WHERE id = ?1"
        );
        world.change(lasting, &[session.id.as_bytes()]).await;
        let guess =
            async |now| world.guess(&person, Aim::StepUp(Box::new(session.clone())), now).await;
        walk(FACTOR_FREE, guess).await;
        let now = LATER.plus(Duration::from_hours(24));
        assert!(world.guess(&person, world.step(&person, false), now).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn budgets_forget_after_a_day_and_second_factors_never() {
    each_world(async |world| {
        let slot = world.slot(Budget::Mail);
        let mut now = LATER;
        for streak in 1..=7 {
            assert_eq!(world.reserve(slot, now).await, Ok(streak));
            now = now.plus(LONGEST_WAIT);
        }
        now = now.minus(LONGEST_WAIT).plus(FORGET_AFTER);
        assert_eq!(world.reserve(slot, now).await, Ok(8));
        now = now.plus(FORGET_AFTER).plus(MOMENT);
        assert_eq!(world.reserve(slot, now).await, Ok(1));

        let person = world.person().await;
        for n in 1..=6 {
            assert_eq!(world.guess(&person, world.step(&person, false), now).await, Ok(()));
            assert_eq!(world.failures(&person, Factor::Totp).await, n);
            now = now.plus(FORGET_AFTER * 30);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_password_clears_one_budget_and_halves_another() {
    each_world(async |world| {
        let person = world.newcomer().await;
        let (own, shared) = (world.slot(Budget::Network), world.slot(Budget::Anywhere));
        for _ in 0..7 {
            world.write(Reserve { slots: vec![own, shared], now: LATER }).await;
        }
        let accepted = Accepted {
            forgive: vec![own.slot],
            ease: vec![shared.slot],
            ..world.accepted(&person, person.proofs(LATER))
        };
        world.write(accepted).await;
        assert_eq!(world.reserve(own, LATER).await, Ok(1));
        assert_eq!(world.reserve(shared, LATER).await, Ok(4));
    })
    .await;
}
