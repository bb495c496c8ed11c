//! A ceremony is gone after its first presentation, whatever came of it, and after five minutes.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use super::{
    acts::{ORIGIN, asking, challenge, enrol, present},
    ceremonies::{Ceremony, Person, Purpose},
};
use crate::{
    acts::{ADA, at_once, only_one, refresh},
    app::{App, Reply, each_engine},
    database::count,
    device::Device,
};

const AT_ONCE: usize = 8;

/// How long a ceremony may take.
const LIFETIME: Duration = Duration::from_mins(5);

/// The access token that goes on, if the session got other secrets.
fn next_key(begun: &Ceremony, done: &Reply) -> String {
    match begun.purpose {
        Purpose::Enrolling => done.text_at("/tokens/access_token"),
        Purpose::StepUp => done.text_at("/access_token"),
        Purpose::SignIn | Purpose::SecondFactor => begun.key.clone(),
    }
}

/// An answer whose signature, or attested key, is not what it was.
fn spoilt(begun: &Ceremony, answer: &Value) -> Value {
    let mut spoilt = answer.clone();
    let member =
        if begun.purpose == Purpose::Enrolling { "attestationObject" } else { "signature" };
    let text = spoilt["response"][member].as_str().unwrap();
    let (head, tail) = text.split_at(text.len() / 2);
    let flipped = if tail.starts_with('A') { "B" } else { "A" };
    let text = format!("{head}{flipped}{}", &tail[1..]);
    spoilt["response"][member] = Value::from(text);
    if begun.purpose == Purpose::Enrolling {
        // A key may be any; an id may not.
        spoilt["rawId"] = Value::from("AAAA");
        spoilt["id"] = Value::from("AAAA");
    }
    spoilt
}

#[tokio::test]
async fn a_ceremony_that_succeeded_is_over() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        for purpose in Purpose::ALL {
            let begun = purpose.begin(&app, &ada).await;
            let answer = begun.answer(&mut ada);
            let done = begun.finish(&app, &answer).await;
            assert!(done.status.is_success(), "{purpose:?}: {}", done.text);
            let key = next_key(&begun, &done);
            if matches!(purpose, Purpose::Enrolling | Purpose::StepUp) {
                ada.access.clone_from(&key);
            }
            let before = ada.state(&app).await;
            let again = Ceremony { key, ..begun };
            again.refused(again.finish(&app, &answer).await, "once more");
            let other = again.answer(&mut ada);
            again.refused(again.finish(&app, &other).await, "another answer");
            assert_eq!(ada.state(&app).await, before);
        }
    })
    .await;
}

#[tokio::test]
async fn a_ceremony_that_failed_is_over_and_what_it_was_for_goes_on() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let before = ada.state(&app).await;
        for purpose in Purpose::ALL {
            let begun = purpose.begin(&app, &ada).await;
            let answer = begun.answer(&mut ada);
            let wrong = spoilt(&begun, &answer);
            begun.refused(begun.finish(&app, &wrong).await, "a spoilt answer");
            begun.refused(begun.finish(&app, &answer).await, "the right answer, too late");
            assert_eq!(ada.state(&app).await, before);

            let next = purpose.begin_with(&app, begun.key).await;
            let answer = next.answer(&mut ada);
            if purpose != Purpose::Enrolling && purpose != Purpose::StepUp {
                next.finish(&app, &answer).await.expect(200);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_that_is_over_asks_for_no_credential() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let begun = Purpose::SecondFactor.begin(&app, &ada).await;
        let answer = begun.answer(&mut ada);
        begun.finish(&app, &answer).await.expect(200);
        challenge(&app, &begun.key).await.refused(401, "flow-ended");

        let changed = app.challenge(ADA).await;
        enrol(&app, &ada.access, &ada.device).await;
        challenge(&app, &changed).await.refused(401, "flow-ended");
    })
    .await;
}

#[tokio::test]
async fn a_ceremony_ends_after_five_minutes() {
    each_engine(async |app| {
        for late in [false, true] {
            for (number, purpose) in Purpose::ALL.into_iter().enumerate() {
                let email = ["a@example.org", "b@example.org", "c@example.org", "d@example.org"];
                let email = if late { email[number] } else { LATER[number] };
                let mut ada = Person::synced(&app, email).await;
                let begun = purpose.begin(&app, &ada).await;
                let early = LIFETIME.checked_sub(Duration::from_secs(1)).unwrap();
                app.clock.advance(if late { LIFETIME } else { early });
                // Access tokens do not live longer, sessions do.
                let access = refresh(&app, &ada.refresh).await.expect(200);
                ada.access = access.text_at("/access_token");
                let key = match purpose {
                    Purpose::Enrolling | Purpose::StepUp => ada.access.clone(),
                    Purpose::SignIn | Purpose::SecondFactor => begun.key.clone(),
                };
                let begun = Ceremony { key, ..begun };
                let answer = begun.answer(&mut ada);
                let reply = begun.finish(&app, &answer).await;
                if !late {
                    assert!(reply.status.is_success(), "{purpose:?}: {}", reply.text);
                } else if purpose == Purpose::SecondFactor {
                    reply.refused(401, "flow-ended");
                } else {
                    begun.refused(reply, "too late");
                }
            }
        }
    })
    .await;
}

const LATER: [&str; 4] = ["e@example.org", "f@example.org", "g@example.org", "h@example.org"];

#[tokio::test(flavor = "multi_thread")]
async fn of_many_finishes_of_one_ceremony_one_succeeds() {
    each_engine(async |app| {
        let app = Arc::new(app);
        for (purpose, email) in Purpose::ALL.into_iter().zip(LATER) {
            // A synced credential does not count: nothing but the ceremony's end tells them apart.
            let mut ada = Person::synced(&app, email).await;
            let (methods, sessions) = (count(&app, "methods").await, count(&app, "sessions").await);
            let begun = purpose.begin(&app, &ada).await;
            let answer = begun.answer(&mut ada);
            let replies = at_once((0..AT_ONCE).map(|_| {
                let (app, begun, answer) = (Arc::clone(&app), begun.clone(), answer.clone());
                async move { begun.finish(&app, &answer).await }
            }))
            .await;
            let lost = [purpose.refusal(), (401, "unauthenticated"), (401, "flow-ended")];
            only_one(replies, &lost);
            let enrolled = usize::from(purpose == Purpose::Enrolling);
            assert_eq!(count(&app, "methods").await, methods + enrolled, "{purpose:?}");
            let opened = matches!(purpose, Purpose::SignIn | Purpose::SecondFactor);
            let opened = usize::from(opened);
            assert_eq!(count(&app, "sessions").await, sessions + opened, "{purpose:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_answers_with_one_counter_one_is_accepted() {
    each_engine(async |app| {
        let app: Arc<App> = Arc::new(app);
        let mut ada = Person::new(&app, ADA, Device::platform(ORIGIN)).await;
        let mut calls = Vec::new();
        let counter = ada.credential.counter;
        for _ in 0..AT_ONCE {
            let options = asking(&app).await;
            ada.credential.counter = counter;
            let answer = ada.device.get(&mut ada.credential, &options.json["public_key"]);
            let app = Arc::clone(&app);
            calls.push(async move { present(&app, &options, &answer).await });
        }
        only_one(at_once(calls).await, &[(401, "invalid-credential")]);
        assert_eq!(count(&app, "sessions").await, 2);
    })
    .await;
}
