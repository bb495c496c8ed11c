//! How a streak of wrong codes ends: for a sign-in after ten, for the factor after a hundred.

use std::time::Duration;

use nightlatch_core::{
    Timestamp, code::RecoveryCode, lockout::DISABLE_AT, message::Template, methods::State,
    proof::Factor,
};
use nightlatch_store::units::{
    methods::Read,
    recovery_codes::{Regenerate, Regenerated},
    second_factor::{Aim, Refusal},
};

use super::{
    fixture::{LATER, World, each_world},
    person::Person,
    race::count,
};

impl World {
    /// A wrong code of either kind, as soon as it is looked at; returns when that was.
    async fn fail(
        &self,
        person: &Person,
        factor: Factor,
        step: &Aim,
        mut now: Timestamp,
    ) -> Timestamp {
        loop {
            let attempted = if factor == Factor::Totp {
                self.try_wrong(person, step.clone(), now).await
            } else {
                let none = RecoveryCode::from_entropy([0xff; 10]);
                self.try_recovery(step.clone(), &none, now).await
            };
            match attempted.unwrap_err() {
                Refusal::Wrong => return now,
                Refusal::Wait(until) => now = until,
                other => panic!("{other:?}"),
            }
        }
    }

    /// Wrong codes from known and unknown devices in turn, until the factor is disabled.
    async fn disable(&self, person: &Person, factor: Factor) -> Timestamp {
        let mut now = LATER;
        for n in 1..=DISABLE_AT {
            let (holding, _) = self.write(Read { user: person.id() }).await;
            assert!(!holding.codes_disabled, "before attempt {n}");
            assert!(holding.methods.iter().all(|method| method.state == State::Active));
            now = self.fail(person, factor, &self.step(person, n % 2 == 0), now).await;
        }
        now
    }

    async fn disabled_notices(&self) -> usize {
        let messages = self.messages().await;
        count(&messages, |message| matches!(message.template, Template::FactorDisabled))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_wrong_codes_disable_the_app_and_tell_its_owner() {
    each_world(async |world| {
        let person = world.person().await;
        let now = world.disable(&person, Factor::Totp).await;
        let (holding, _) = world.write(Read { user: person.id() }).await;
        assert_eq!(holding.methods[0].state, State::Disabled);
        assert_eq!(world.disabled_notices().await, 1);
        let trail = world.trail(person.id()).await;
        assert_eq!(count(&trail, |kind| kind == "method_disabled: disabled"), 1);
        assert_eq!(count(&trail, |kind| kind == "sign_in: wrong_code"), 100);

        let day_after = now.plus(Duration::from_hours(24));
        for known_device in [false, true] {
            let step = world.step(&person, known_device);
            let refused = world.try_right(&person, step, day_after).await;
            assert_eq!(refused.unwrap_err(), Refusal::NotAllowed, "the right code is refused");
        }
        assert_eq!(world.failures(&person, Factor::Totp).await, DISABLE_AT);
        assert_eq!(world.disabled_notices().await, 1, "once is enough");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recovery_codes_help_out_and_a_new_app_works() {
    each_world(async |world| {
        let mut person = world.person().await;
        let now = world.disable(&person, Factor::Totp).await;
        let step = world.step(&person, true);
        assert!(world.try_recovery(step, &person.recovery_code(0), now).await.is_ok());
        assert_eq!(world.failures(&person, Factor::Totp).await, DISABLE_AT, "of no other factor");

        world.enrol(&mut person).await;
        let app = person.apps[1];
        let right = world.trying(world.step(&person, true), app.code(now, 0), now);
        assert!(world.write(right).await.is_ok());
        let (holding, _) = world.write(Read { user: person.id() }).await;
        assert_eq!(holding.methods[0].state, State::Disabled, "the old one stays as it is");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_wrong_recovery_codes_disable_the_set_until_there_is_a_new_one() {
    each_world(async |world| {
        let mut person = world.person().await;
        let now = world.disable(&person, Factor::BackupCode).await;
        let (holding, _) = world.write(Read { user: person.id() }).await;
        assert!(holding.codes_disabled);
        assert_eq!(world.disabled_notices().await, 1);
        let code = person.recovery_code(0);
        let refused = world.try_recovery(world.step(&person, true), &code, now).await;
        assert_eq!(refused.unwrap_err(), Refusal::Disabled);
        let session = world.sign_in(&person, now).await;

        let (codes, set) = world.recovery_set(person.id());
        let regenerate = Regenerate {
            ring: world.ring.clone(),
            account: person.account.clone(),
            session,
            set,
            envelope: world.envelope(now),
        };
        assert_eq!(world.write(regenerate).await, Regenerated::Done);
        person.account = world.read_account(person.id()).await;
        person.codes = codes;
        let refused = world.try_recovery(world.step(&person, true), &code, now).await;
        assert_eq!(refused.unwrap_err(), Refusal::Wrong, "the old set is dead");
        let code = person.recovery_code(0);
        assert!(world.try_recovery(world.step(&person, true), &code, now).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_code_clears_its_own_factor_alone() {
    each_world(async |world| {
        let person = world.person().await;
        for factor in [Factor::Totp, Factor::BackupCode] {
            for known_device in [false, true, true] {
                world.fail(&person, factor, &world.step(&person, known_device), LATER).await;
            }
        }
        assert!(world.try_right(&person, world.step(&person, false), LATER).await.is_ok());
        assert_eq!(world.failures(&person, Factor::Totp).await, 0);
        assert_eq!(world.failures(&person, Factor::BackupCode).await, 3);

        let code = person.recovery_code(0);
        world.fail(&person, Factor::Totp, &world.step(&person, true), LATER).await;
        let step = world.step(&person, true);
        assert!(world.try_recovery(step, &code, LATER).await.is_ok());
        assert_eq!(world.failures(&person, Factor::Totp).await, 1);
        assert_eq!(world.failures(&person, Factor::BackupCode).await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_wrong_codes_end_a_sign_in() {
    each_world(async |world| {
        let person = world.person().await;
        let step = world.step(&person, false);
        let mut now = LATER;
        for factor in [Factor::Totp, Factor::BackupCode] {
            for _ in 0..5 {
                now = world.fail(&person, factor, &step, now).await;
            }
        }
        let now = now.plus(Duration::from_mins(1));
        let refused = world.try_right(&person, step, now).await;
        assert_eq!(refused.unwrap_err(), Refusal::Ended);
        assert!(world.try_right(&person, world.step(&person, false), now).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_was_not_looked_at_costs_no_try() {
    each_world(async |world| {
        let person = world.person().await;
        let step = world.step(&person, false);
        let mut now = LATER;
        for _ in 0..9 {
            now = world.fail(&person, Factor::Totp, &step, now).await;
            for _ in 0..20 {
                // From the fifth wrong code on these are turned away; before, not made.
                if world.failures(&person, Factor::Totp).await < 5 {
                    break;
                }
                let refused = world.try_right(&person, step.clone(), now).await;
                assert!(matches!(refused, Err(Refusal::Wait(_))), "{:?}", refused.unwrap_err());
            }
        }
        assert_eq!(world.failures(&person, Factor::Totp).await, 9);
        now = now.plus(Duration::from_hours(1));
        assert!(world.try_right(&person, step, now).await.is_ok(), "the tenth try");
    })
    .await;
}
