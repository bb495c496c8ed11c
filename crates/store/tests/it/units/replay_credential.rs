//! A ceremony is over once it was answered, whatever came of it; and what was verified counts only while
//! all that it is for is as it was.

use std::time::Duration;

use nightlatch_core::{
    audit::Reason, factors::webauthn::Refused, lockout::STEP_TRIES, methods::Allowed,
};
use nightlatch_store::{
    Fault, sql,
    units::{
        account::Standing,
        admin::SetStanding,
        methods::Removed,
        second_factor::{Aim, Refusal},
        session::{End, Which},
        webauthn::{Burn, Passkey, Present, Presented, RefusePasskey, SignedIn, Suspend},
    },
};

use super::{
    credentials::{Key, burn, options, platform, synced, touched, verify_answer},
    fixture::{LATER, World, each_world},
    person::Person,
    race::count,
};

/// What happens between the verification of an answer and its presentation.
#[derive(Debug, Clone, Copy)]
enum Meanwhile {
    Nothing,
    Suspended,
    Disabled,
    Removed,
    FactorsChanged,
    AccountDisabled,
}

const CHANGES: [Meanwhile; 5] = [
    Meanwhile::Suspended,
    Meanwhile::Disabled,
    Meanwhile::Removed,
    Meanwhile::FactorsChanged,
    Meanwhile::AccountDisabled,
];

impl World {
    /// Somebody with an app and a key.
    async fn both(&self) -> (Person, Key) {
        let mut person = self.person().await;
        let key = self.enrol_key(&mut person, synced()).await;
        (person, key)
    }

    async fn happen(&self, meanwhile: Meanwhile, person: &mut Person, key: &Key) {
        let user = person.id();
        match meanwhile {
            Meanwhile::Nothing => {}
            Meanwhile::Suspended => {
                let (ring, envelope) = (self.ring.clone(), self.envelope(LATER));
                let method = key.method;
                assert!(self.write(Suspend { ring, user, method, envelope }).await);
            }
            Meanwhile::Disabled => {
                let disable = sql!("UPDATE methods SET state = 2 WHERE user_id = ?1 AND id = ?2");
                self.change(disable, &[user.as_bytes(), key.method.as_bytes()]).await;
            }
            Meanwhile::Removed => {
                let session = self.sign_in(person, LATER).await;
                let removed = self.write(self.remove(person, &session, key.method)).await;
                assert_eq!(removed, Removed::Gone);
            }
            Meanwhile::FactorsChanged => {
                let account = person.account.clone();
                self.enrol(person).await;
                person.account = account;
            }
            Meanwhile::AccountDisabled => {
                let standing = Standing::Disabled;
                assert!(self.write(SetStanding { user, standing, now: LATER }).await);
            }
        }
    }

    /// Whether what was burned is gone.
    async fn is_gone(&self, burn: Burn) -> bool {
        !self.write(burn).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_answer_ends_its_ceremony() {
    each_world(async |world| {
        let (person, mut key) = world.both().await;
        let session = world.sign_in(&person, LATER).await;
        for aim in [world.step(&person, true), Aim::StepUp(Box::new(session))] {
            let ceremony = world.ceremony(LATER);
            let right = world.assert(&person, &mut key, &ceremony, LATER).await;
            // Of another page.
            let mut asked = options(&ceremony, &person);
            asked["challenge"] = asked["user"]["id"].clone();
            let answer = key.device.get(&mut key.held, &asked);
            let stored = world.stored(&person, &key).await;
            let wrong = verify_answer(&stored, &ceremony, &answer, LATER);
            assert!(matches!(wrong, Err(Refused::Ceremony(_))), "{wrong:?}");

            let wrong = world.presenting(aim.clone(), &ceremony, wrong, LATER);
            assert_eq!(world.write(wrong).await.unwrap_err(), Refusal::Wrong);
            let right = world.presenting(aim.clone(), &ceremony, right, LATER);
            assert_eq!(world.write(right).await.unwrap_err(), Refusal::Wrong);
            assert!(world.use_key(&person, &mut key, aim).await.is_ok(), "another one goes on");
        }
        let trail = world.trail(person.id()).await;
        assert_eq!(count(&trail, |kind| kind == "sign_in: wrong_credential"), 1);
        assert_eq!(count(&trail, |kind| kind == "step_up: wrong_credential"), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_passkey_ends_its_ceremony() {
    each_world(async |world| {
        let (person, mut key) = world.both().await;
        for known in [None, Some((person.account.clone(), Reason::Disabled))] {
            let passkey = world.verified_passkey(&person, &mut key).await;
            let refuse = RefusePasskey {
                burn: passkey.burn,
                known,
                ring: world.ring.clone(),
                cloned: None,
                envelope: world.envelope(LATER),
                address: None,
            };
            world.write(refuse).await;
            assert!(matches!(world.write(passkey).await, SignedIn::Ended));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_counts_only_while_all_is_as_it_was() {
    each_world(async |world| {
        for meanwhile in CHANGES {
            for step_up in [false, true] {
                let (mut person, mut key) = world.both().await;
                let mut aim = world.step(&person, true);
                if step_up {
                    aim = Aim::StepUp(Box::new(world.sign_in_by(&person, &mut key).await));
                }
                let present = world.verified(&person, &mut key, aim).await;
                world.happen(meanwhile, &mut person, &key).await;
                let before = world.sessions_of(person.id()).await;
                let (spent, presented) = (present.burn, world.write(present).await);
                // A session goes on when the person adds another app, and so does its step-up.
                let goes_on = step_up && matches!(meanwhile, Meanwhile::FactorsChanged);
                assert_eq!(presented.is_ok(), goes_on, "{meanwhile:?}, {presented:?}");
                assert_eq!(world.sessions_of(person.id()).await, before);
                assert!(world.is_gone(spent).await, "{meanwhile:?}: a refusal ends the ceremony");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_counts_only_while_all_is_as_it_was() {
    each_world(async |world| {
        for (meanwhile, opened) in
            CHANGES.map(|change| (change, 0)).into_iter().chain([(Meanwhile::Nothing, 1)])
        {
            let (mut person, mut key) = world.both().await;
            let passkey = world.verified_passkey(&person, &mut key).await;
            world.happen(meanwhile, &mut person, &key).await;
            let before = world.sessions_of(person.id()).await;
            let (spent, signed_in) = (passkey.burn, world.write(passkey).await);
            assert_eq!(matches!(signed_in, SignedIn::Session(_)), opened == 1, "{signed_in:?}");
            assert_eq!(world.sessions_of(person.id()).await - before, opened, "{meanwhile:?}");
            assert!(world.is_gone(spent).await, "{meanwhile:?}: a refusal ends the ceremony");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_policy_forbids_is_not_taken() {
    each_world(async |world| {
        let (person, mut key) = world.both().await;
        let mut present = world.verified(&person, &mut key, world.step(&person, true)).await;
        present.attempt.allowed = Allowed(Vec::new());
        assert_eq!(world.write(present).await.unwrap_err(), Refusal::NotAllowed);
        let passkey = world.verified_passkey(&person, &mut key).await;
        let passkey = Passkey { allowed: Allowed(Vec::new()), ..passkey };
        assert!(matches!(world.write(passkey).await, SignedIn::NotAllowed));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ended_is_not_raised() {
    each_world(async |world| {
        let (person, mut key) = world.both().await;
        let session = world.sign_in(&person, LATER).await;
        let (user, which) = (person.id(), Which::One(session.id));
        let aim = Aim::StepUp(Box::new(session));
        let present = world.verified(&person, &mut key, aim).await;
        assert!(world.write(End { user, which, reason: Reason::SignedOut, now: LATER }).await);
        assert_eq!(world.write(present).await.unwrap_err(), Refusal::Ended);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_is_used_up_takes_no_key() {
    each_world(async |world| {
        let (person, mut key) = world.both().await;
        let step = world.step(&person, true);
        assert!(world.try_right(&person, step.clone(), LATER).await.is_ok());
        let used = world.use_key(&person, &mut key, step).await;
        assert_eq!(used.unwrap_err(), Refusal::Ended);

        for wrong in [STEP_TRIES - 1, STEP_TRIES] {
            let (person, mut key) = world.both().await;
            let (step, mut now, mut tries) = (world.step(&person, true), LATER, 0);
            while tries < wrong {
                match world.try_wrong(&person, step.clone(), now).await.unwrap_err() {
                    Refusal::Wrong => tries += 1,
                    Refusal::Wait(until) => now = until,
                    other => panic!("{other:?}"),
                }
            }
            let used = world.use_key(&person, &mut key, step).await;
            assert_eq!(used.is_ok(), wrong < STEP_TRIES, "{wrong}: {used:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_keep_nobody_waiting_who_has_a_key() {
    each_world(async |world| {
        let (person, mut key) = world.both().await;
        for _ in 0..5 {
            world.try_wrong(&person, world.step(&person, true), LATER).await.unwrap_err();
        }
        let refused = world.try_right(&person, world.step(&person, true), LATER).await;
        assert!(matches!(refused, Err(Refusal::Wait(_))), "{refused:?}");
        assert!(world.use_key(&person, &mut key, world.step(&person, true)).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_began_a_sign_in_is_not_completed_by_something_else_one_has() {
    each_world(async |world| {
        let mut person = world.person().await;
        let mut key = world.enrol_key(&mut person, touched()).await;
        let mut second = world.enrol_key(&mut person, platform()).await;
        let step = Aim::SignIn(world.key_step(&person, &mut key).await);
        let before = world.sessions_of(person.id()).await;
        let refused = [
            world.try_right(&person, step.clone(), LATER).await,
            world.try_recovery(step.clone(), &person.recovery_code(0), LATER).await,
            world.use_key(&person, &mut key, step.clone()).await,
            world.use_key(&person, &mut second, step).await,
        ];
        for refused in refused {
            assert_eq!(refused.unwrap_err(), Refusal::NotAllowed);
        }
        assert_eq!(world.sessions_of(person.id()).await, before);
        assert_eq!(world.codes_left(&person).await, 10);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_one_person_completes_nothing_for_another() {
    each_world(async |world| {
        let ((person, _), (thief, mut key)) = (world.both().await, world.both().await);
        let ceremony = world.ceremony(LATER.plus(Duration::from_mins(1)));
        let asserted = world.assert(&thief, &mut key, &ceremony, LATER).await.unwrap();
        let attempt = world.attempt(world.step(&person, true), LATER);
        let (presented, name) = (Presented::Right(asserted), String::new());
        let present = Present { attempt, burn: burn(&ceremony), presented, name };
        let outcome = world.store.write(present).await;
        assert!(matches!(outcome, Err(Fault::Broken(_))), "{:?}", outcome.map(drop));
        let passkey = world.verified_passkey(&thief, &mut key).await;
        let outcome = world.store.write(Passkey { account: person.account, ..passkey }).await;
        assert!(matches!(outcome, Err(Fault::Broken(_))), "{:?}", outcome.map(drop));
    })
    .await;
}
