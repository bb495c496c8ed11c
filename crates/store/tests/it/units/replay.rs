//! What was used, or overtaken by a change, is not taken again.

use std::time::Duration;

use nightlatch_core::{Timestamp, audit::Reason, factors::password::Memory};
use nightlatch_store::{
    Fault,
    units::{
        account::Standing,
        admin::SetStanding,
        methods::{Remove, Removed},
        recovery_codes::{Reserve, Settle},
        second_factor::{Aim, Attempted, Refusal},
        session::{End, Which},
        sign_in::{Accepted, Continued},
    },
};

use super::{
    fixture::{LATER, World, each_world},
    person::Person,
};
use crate::harness::NOW;

impl World {
    /// Tries the code that the first app shows `ahead` steps after `now`.
    async fn try_ahead(&self, person: &Person, now: Timestamp, ahead: i64) -> Attempted {
        let code = person.apps[0].code(now, ahead);
        self.write(self.trying(self.step(person, true), code, now)).await
    }

    /// Counts an attempt at the right recovery code, which is settled later.
    async fn reserved(&self, person: &Person, aim: Aim) -> Settle {
        let attempt = self.attempt(aim, LATER);
        let (account, set) = self.write(Reserve { attempt: attempt.clone() }).await.unwrap();
        let (code, memory) = (person.recovery_code(0), &mut Memory::default());
        let proof = set.verify(&self.ring, person.id(), &code, LATER, memory);
        assert!(proof.is_some());
        Settle { attempt, account: *account, proof, low_stock: self.envelope(LATER) }
    }

    /// A change of the account's factors: what began before it is over.
    async fn change_factors(&self, person: &mut Person) {
        let account = person.account.clone();
        self.enrol(person).await;
        assert_eq!(person.account.epoch, account.epoch + 1);
        person.account = account;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_step_up_to_the_last_one_is_taken_again() {
    each_world(async |world| {
        let person = world.person().await;
        assert!(world.try_ahead(&person, LATER, 0).await.is_ok());
        for ahead in [0, -1] {
            let again = world.try_ahead(&person, LATER, ahead).await;
            assert_eq!(again.unwrap_err(), Refusal::Wrong, "{ahead}");
        }
        let trail = world.trail(person.id()).await;
        let replays = trail.iter().filter(|kind| *kind == "sign_in: replayed_code");
        assert_eq!(replays.count(), 2);
        assert!(world.try_ahead(&person, LATER, 1).await.is_ok());
        let next = LATER.plus(Duration::from_secs(30));
        assert_eq!(world.try_ahead(&person, next, 0).await.unwrap_err(), Refusal::Wrong);
        assert!(world.try_ahead(&person, next, 1).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_that_enrolled_an_app_does_not_sign_in() {
    each_world(async |world| {
        let person = world.person().await;
        assert_eq!(world.try_ahead(&person, NOW, 0).await.unwrap_err(), Refusal::Wrong);
        assert!(world.try_ahead(&person, NOW, 1).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_signed_in_does_not_step_up() {
    each_world(async |world| {
        let person = world.person().await;
        let session = world.sign_in(&person, LATER).await;
        let aim = Aim::StepUp(Box::new(session));
        let again = world.try_right(&person, aim.clone(), LATER).await;
        assert_eq!(again.unwrap_err(), Refusal::Wrong);
        let now = LATER.plus(Duration::from_secs(30));
        assert!(world.try_right(&person, aim, now).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_factors_ends_the_sign_ins_that_were_under_way() {
    each_world(async |world| {
        let mut person = world.person().await;
        let session = world.sign_in(&person, LATER).await;
        let step = world.step(&person, true);
        let settle = world.reserved(&person, step.clone()).await;
        world.change_factors(&mut person).await;

        let refused = world.try_right(&person, step.clone(), LATER).await;
        assert_eq!(refused.unwrap_err(), Refusal::Ended);
        let refused = world.try_recovery(step, &person.recovery_code(1), LATER).await;
        assert_eq!(refused.unwrap_err(), Refusal::Ended);
        assert_eq!(world.write(settle).await.unwrap_err(), Refusal::Ended);
        assert_eq!(world.codes_left(&person).await, 10, "no code was spent");
        let accepted = world.accepted(&person, person.proofs(LATER));
        assert!(matches!(world.write(accepted).await, Continued::Changed));

        let stale = Remove {
            ring: world.ring.clone(),
            account: person.account.clone(),
            session,
            method: person.apps[0].method,
            keep_one: false,
            envelope: world.envelope(LATER),
        };
        assert_eq!(world.write(stale).await, Removed::Conflict);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_account_is_let_in_by_nothing() {
    each_world(async |world| {
        let mut person = world.person().await;
        let session = world.sign_in(&person, LATER).await;
        let user = person.id();
        let disable = SetStanding { user, standing: Standing::Disabled, now: LATER };
        assert!(world.write(disable).await);

        for epoch in 0..=1 {
            // Not even a step that somehow knows the account as it is now.
            person.account.epoch += epoch;
            let now = LATER.plus(Duration::from_secs(30));
            let refused = world.try_right(&person, world.step(&person, true), now).await;
            assert_eq!(refused.unwrap_err(), Refusal::Ended);
            let (step, code) = (world.step(&person, true), person.recovery_code(0));
            let refused = world.try_recovery(step, &code, now).await;
            assert_eq!(refused.unwrap_err(), Refusal::Ended);
            let accepted: Accepted = world.accepted(&person, person.proofs(now));
            assert!(matches!(world.write(accepted).await, Continued::Changed));
        }
        let now = LATER.plus(Duration::from_secs(30));
        let step_up = world.try_right(&person, Aim::StepUp(Box::new(session)), now).await;
        assert_eq!(step_up.unwrap_err(), Refusal::Ended);
        assert_eq!(world.codes_left(&person).await, 10);
        assert_eq!(world.sessions_of(user).await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code_is_not_spent_on_a_sign_in_that_is_complete() {
    each_world(async |world| {
        let person = world.person().await;
        let step = world.step(&person, true);
        let settle = world.reserved(&person, step.clone()).await;
        assert!(world.try_right(&person, step, LATER).await.is_ok());
        let before = world.sessions_of(person.id()).await;
        assert_eq!(world.write(settle).await.unwrap_err(), Refusal::Ended);
        assert_eq!(world.codes_left(&person).await, 10);
        assert_eq!(world.sessions_of(person.id()).await, before);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code_is_not_spent_on_a_session_that_ended() {
    each_world(async |world| {
        let person = world.person().await;
        let session = world.sign_in(&person, LATER).await;
        let (user, which) = (person.id(), Which::One(session.id));
        let settle = world.reserved(&person, Aim::StepUp(Box::new(session))).await;
        assert!(world.write(End { user, which, reason: Reason::SignedOut, now: LATER }).await);
        assert_eq!(world.write(settle).await.unwrap_err(), Refusal::Ended);
        assert_eq!(world.codes_left(&person).await, 10);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_recovery_code_is_refused_like_a_wrong_one() {
    each_world(async |world| {
        let person = world.person().await;
        let code = person.recovery_code(0);
        assert!(world.try_recovery(world.step(&person, true), &code, LATER).await.is_ok());
        let again = world.try_recovery(world.step(&person, true), &code, LATER).await;
        assert_eq!(again.unwrap_err(), Refusal::Wrong);
        assert_eq!(world.codes_left(&person).await, 9);
        assert!(world.trail(person.id()).await.contains(&"sign_in: spent_code".to_owned()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proof_of_one_person_completes_nothing_for_another() {
    each_world(async |world| {
        let (person, thief) = (world.person().await, world.person().await);
        let settle = Settle {
            proof: world.reserved(&thief, world.step(&thief, true)).await.proof,
            ..world.reserved(&person, world.step(&person, true)).await
        };
        let outcome = world.store.write(settle).await;
        assert!(matches!(outcome, Err(Fault::Broken(_))), "{:?}", outcome.map(drop));
        for person in [person, thief] {
            assert_eq!(world.codes_left(&person).await, 10, "nothing was left behind");
        }
    })
    .await;
}
