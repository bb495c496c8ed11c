//! What a credential signed is taken once, and a credential has one owner, whoever races for it.

use std::sync::Arc;

use nightlatch_core::{Timestamp, factors::webauthn::MOST_CREDENTIALS};
use nightlatch_store::units::{
    enrol::NotEnrolled,
    methods::{Read, Removed},
    second_factor::{Aim, Attempted, Refusal},
    webauthn::{Passkey, Present, SignedIn},
};

use super::{
    credentials::{Key, counting, options, platform, synced, verify_answer},
    fixture::{LATER, World, each_world},
    person::Person,
    race::{RUNNERS, count, rounds, together},
};
use crate::harness::NOW;

/// One of them, and no more, led to a session; the others were refused like a wrong answer.
#[track_caller]
fn assert_one(attempted: &[Attempted]) {
    assert_eq!(count(attempted, Result::is_ok), 1);
    let wrong = count(attempted, |one| matches!(one, Err(Refusal::Wrong)));
    assert_eq!(wrong, RUNNERS - 1, "{attempted:?}");
}

impl World {
    /// The answer to one ceremony, verified as often as there are runners, for the aims in turn.
    async fn one_answer(&self, person: &Person, key: &mut Key, aims: &[Aim]) -> Vec<Present> {
        let ceremony = self.ceremony(LATER);
        let answer = key.answer(&ceremony, person);
        let stored = self.stored(person, key).await;
        let present = |n: usize| {
            let asserted = verify_answer(&stored, &ceremony, &answer, LATER);
            self.presenting(aims[n % aims.len()].clone(), &ceremony, asserted, LATER)
        };
        (0..RUNNERS).map(present).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_answer_in_one_sign_in_opens_one_session() {
    each_world(async |world| {
        for _ in 0..rounds(&world.store) {
            let (person, mut key) = world.key_owner(synced()).await;
            let before = world.sessions_of(person.id()).await;
            let step = world.step(&person, true);
            assert_one(&world.race(world.one_answer(&person, &mut key, &[step]).await).await);
            assert_eq!(world.sessions_of(person.id()).await - before, 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_answer_in_many_sign_ins_opens_one_session() {
    each_world(async |world| {
        for _ in 0..rounds(&world.store) {
            let (person, mut key) = world.key_owner(synced()).await;
            let before = world.sessions_of(person.id()).await;
            let steps: Vec<Aim> = (0..RUNNERS).map(|_| world.step(&person, true)).collect();
            assert_one(&world.race(world.one_answer(&person, &mut key, &steps).await).await);
            assert_eq!(world.sessions_of(person.id()).await - before, 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_answers_in_one_sign_in_open_one_session() {
    each_world(async |world| {
        for _ in 0..rounds(&world.store) {
            let (person, mut key) = world.key_owner(synced()).await;
            let before = world.sessions_of(person.id()).await;
            let step = world.step(&person, true);
            let mut answers = Vec::with_capacity(RUNNERS);
            for _ in 0..RUNNERS {
                answers.push(world.verified(&person, &mut key, step.clone()).await);
            }
            let attempted = world.race(answers).await;
            assert_eq!(count(&attempted, Result::is_ok), 1);
            let ended = count(&attempted, |one| matches!(one, Err(Refusal::Ended)));
            assert_eq!(ended, RUNNERS - 1);
            assert_eq!(world.sessions_of(person.id()).await - before, 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_answer_raises_a_session_once() {
    each_world(async |world| {
        for _ in 0..rounds(&world.store) {
            let (person, mut key) = world.key_owner(synced()).await;
            let session = world.sign_in_by(&person, &mut key).await;
            let secrets = session.secrets;
            let aim = Aim::StepUp(Box::new(session));
            let attempted = world.race(world.one_answer(&person, &mut key, &[aim]).await).await;
            assert_one(&attempted);
            let raised = attempted.into_iter().find_map(Result::ok).unwrap().0;
            assert_eq!(raised.secrets, secrets + 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_answer_signs_in_once_without_a_password() {
    each_world(async |world| {
        for _ in 0..rounds(&world.store) {
            let (person, mut key) = world.key_owner(synced()).await;
            let before = world.sessions_of(person.id()).await;
            let ceremony = world.ceremony(LATER);
            let answer = key.answer(&ceremony, &person);
            let stored = world.stored(&person, &key).await;
            let passkeys = (0..RUNNERS).map(|_| -> Passkey {
                let asserted = verify_answer(&stored, &ceremony, &answer, LATER).unwrap();
                world.passkey(&person, &ceremony, asserted)
            });
            let signed_in = world.race(passkeys).await;
            assert_eq!(count(&signed_in, |one| matches!(one, SignedIn::Session(_))), 1);
            let ended = count(&signed_in, |one| matches!(one, SignedIn::Ended));
            assert_eq!(ended, RUNNERS - 1);
            assert_eq!(world.sessions_of(person.id()).await - before, 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_ceremony_signs_in_one_of_several_people() {
    each_world(async |world| {
        let mut owners = Vec::new();
        for _ in 0..8 {
            owners.push(world.key_owner(synced()).await);
        }
        for _ in 0..rounds(&world.store) {
            let ceremony = world.ceremony(LATER);
            let mut passkeys: Vec<Passkey> = Vec::new();
            for (person, key) in &mut owners {
                let answer = key.answer(&ceremony, person);
                let stored = world.stored(person, key).await;
                let asserted = verify_answer(&stored, &ceremony, &answer, LATER).unwrap();
                passkeys.push(world.passkey(person, &ceremony, asserted));
            }
            let signed_in = world.race(passkeys).await;
            assert_eq!(count(&signed_in, |one| matches!(one, SignedIn::Session(_))), 1);
            assert_eq!(count(&signed_in, |one| matches!(one, SignedIn::Ended)), 7);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_answers_at_one_counter_one_is_taken() {
    each_world(async |world| {
        for device in [platform(), counting()] {
            let (person, mut key) = world.key_owner(device).await;
            for counter in 2..rounds(&world.store) / 5 {
                let counter = u32::try_from(counter).unwrap();
                let stored = world.stored(&person, &key).await;
                let before = world.sessions_of(person.id()).await;
                let answers = (0..RUNNERS).map(|_| {
                    let ceremony = world.ceremony(LATER);
                    let answer = key.answer_at(&ceremony, &person, counter);
                    let asserted = verify_answer(&stored, &ceremony, &answer, LATER);
                    world.presenting(world.step(&person, true), &ceremony, asserted, LATER)
                });
                assert_one(&world.race(answers).await);
                assert_eq!(world.sessions_of(person.id()).await - before, 1);
                assert_eq!(world.stored(&person, &key).await.state.sign_count, counter);
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_registration_enrols_one_method() {
    each_world(async |world| {
        for _ in 0..rounds(&world.store) {
            let person = world.newcomer().await;
            let ceremony = world.ceremony(LATER);
            let (_, answer) = synced().create(&options(&ceremony, &person));
            let enrolments =
                (0..RUNNERS).map(|_| world.enrolling_answer(&person, &ceremony, &answer, LATER));
            let enrolled = world.race(enrolments).await;
            assert_eq!(count(&enrolled, Result::is_ok), 1);
            let over = count(&enrolled, |one| matches!(one, Err(NotEnrolled::Over)));
            assert_eq!(over, RUNNERS - 1);
            assert_eq!(world.methods_of(person.id()).await, 1);
            assert_eq!(world.sessions_of(person.id()).await, 1);
            assert_eq!(world.codes_left(&person).await, 10);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_many_accounts_enrol_belongs_to_one() {
    each_world(async |world| {
        for _ in 0..rounds(&world.store) / 5 {
            let (device, mut enrolments, mut people) = (synced(), Vec::new(), Vec::new());
            let mut held = None;
            for _ in 0..RUNNERS {
                let person = world.newcomer().await;
                let ceremony = world.ceremony(LATER);
                let asked = options(&ceremony, &person);
                let held = held.get_or_insert_with(|| device.create(&asked).0);
                let answer = device.attest(held, &asked);
                enrolments.push(world.enrolling_answer(&person, &ceremony, &answer, LATER));
                people.push(person);
            }
            let enrolled = world.race(enrolments).await;
            assert_eq!(count(&enrolled, Result::is_ok), 1);
            let taken = count(&enrolled, |one| matches!(one, Err(NotEnrolled::Taken)));
            assert_eq!(taken, RUNNERS - 1);
            for (person, enrolled) in people.iter().zip(&enrolled) {
                let methods = world.methods_of(person.id()).await;
                assert_eq!(methods, usize::from(enrolled.is_ok()));
                assert_eq!(world.sessions_of(person.id()).await, i64::from(enrolled.is_ok()));
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_one_account_enrols_many_times_is_enrolled_once() {
    each_world(async |world| {
        for _ in 0..rounds(&world.store) {
            let person = world.newcomer().await;
            let (device, mut held) = (synced(), None);
            let enrolments = (0..RUNNERS).map(|_| {
                let ceremony = world.ceremony(LATER);
                let asked = options(&ceremony, &person);
                let held = held.get_or_insert_with(|| device.create(&asked).0);
                let answer = device.attest(held, &asked);
                world.enrolling_answer(&person, &ceremony, &answer, LATER)
            });
            let enrolled = world.race(enrolments).await;
            assert_eq!(count(&enrolled, Result::is_ok), 1);
            let over =
                |one: &Result<_, _>| matches!(one, Err(NotEnrolled::Over | NotEnrolled::Exists));
            assert_eq!(count(&enrolled, over), RUNNERS - 1);
            assert_eq!(world.methods_of(person.id()).await, 1);
        }
    })
    .await;
}

/// Enrols one passkey after the other until there may be no more, or others were in the way too often.
async fn enrol_all(world: &World, person: &Person, now: Timestamp) -> bool {
    for _ in 0..2 * RUNNERS {
        let account = world.read_account(person.id()).await;
        let (lookup, apps, codes) = ([0; 32], Vec::new(), Vec::new());
        let person = Person { account, lookup, apps, codes };
        let (enrol, _) = world.enrolling(&person, &synced(), now);
        match world.write(enrol).await {
            Ok(_) | Err(NotEnrolled::Over) => {}
            Err(NotEnrolled::TooMany) => return true,
            Err(other) => panic!("{other:?}"),
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_enrolled_in_parallel_never_exceed_the_most() {
    each_world(async |world| {
        let world = Arc::new(world);
        for _ in 0..rounds(&world.store) / 10 {
            let person = Arc::new(world.newcomer().await);
            let enrolments = (0..RUNNERS / 4).map(|_| {
                let (world, person) = (world.clone(), person.clone());
                async move { enrol_all(&world, &person, NOW).await }
            });
            together(enrolments).await;
            assert!(enrol_all(&world, &person, NOW).await, "nobody is in the way any more");
            assert_eq!(world.methods_of(person.id()).await, MOST_CREDENTIALS);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_passkey_and_an_app_one_stays_where_one_must() {
    each_world(async |world| {
        for _ in 0..rounds(&world.store) {
            let mut person = world.person().await;
            let mut key = world.enrol_key(&mut person, synced()).await;
            let session = world.sign_in_by(&person, &mut key).await;
            let methods = [person.apps[0].method, key.method];
            let removals = (0..RUNNERS).map(|n| world.remove(&person, &session, methods[n % 2]));
            let removed = world.race(removals).await;
            assert_eq!(count(&removed, |one| *one == Removed::Gone), 1);
            assert_eq!(count(&removed, |one| *one == Removed::Conflict), RUNNERS - 1);

            person.account = world.read_account(person.id()).await;
            let (holding, _) = world.write(Read { user: person.id() }).await;
            let [left] = holding.methods.as_slice() else { panic!("{:?}", holding.methods) };
            let last = world.write(world.remove(&person, &session, left.id)).await;
            assert_eq!(last, Removed::LastMethod);
        }
    })
    .await;
}
