//! Mailed codes: three tries each, for the session that asked, once.

use std::time::Duration;

use nightlatch_core::{
    Timestamp, code::OneTimeCode, factors::mail_code, lockout::Budget, proof::Factor,
};
use nightlatch_store::units::{
    budget::{Reserved, Slot},
    mail_code::{Send, Try},
    second_factor::Refusal,
    session::Session,
};

use super::{
    fixture::{LATER, World, each_world},
    person::Person,
    race::{RUNNERS, count, rounds},
};

const LIFETIME: Duration = Duration::from_mins(5);

impl World {
    /// Mails a code to whom a session belongs, at its request.
    async fn mail(&self, person: &Person, session: &Session, id: [u8; 16]) -> Reserved {
        self.write(Send {
            ring: self.ring.clone(),
            account: person.account.clone(),
            session: session.clone(),
            id,
            expires_at: LATER.plus(LIFETIME),
            budget: Slot::of(Budget::Mail, &self.ring, &person.lookup, b"code"),
            envelope: self.envelope(LATER),
        })
        .await
    }

    /// Somebody with a session, and the id of the code that was mailed to them.
    async fn mailed(&self) -> (Person, Session, [u8; 16]) {
        let (person, id) = (self.person().await, self.id());
        let session = self.sign_in(&person, LATER).await;
        assert_eq!(self.mail(&person, &session, id).await, Reserved::Go { streak: 1 });
        (person, session, id)
    }

    /// The code with this id, presented in a session.
    fn present(&self, session: &Session, id: [u8; 16], now: Timestamp) -> Try {
        let text = mail_code::code(&self.ring, session.user, id);
        let code = OneTimeCode::parse(text.expose()).unwrap();
        Try { ring: self.ring.clone(), session: session.clone(), code, fresh: self.fresh(now) }
    }

    async fn assert_wrong(&self, attempt: Try) {
        assert_eq!(self.write(attempt).await.unwrap_err(), Refusal::Wrong);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailed_code_renews_its_session_once_whoever_races_for_it() {
    each_world(async |world| {
        for _ in 0..rounds(&world.store) {
            let (_, session, id) = world.mailed().await;
            let tries = (0..RUNNERS).map(|_| world.present(&session, id, LATER));
            let outcomes = world.race(tries).await;
            assert_eq!(count(&outcomes, Result::is_ok), 1);
            let renewed = outcomes.into_iter().find_map(Result::ok).unwrap();
            assert_eq!(renewed.proofs.at(Factor::Email), Some(LATER));
            assert_eq!(renewed.proofs.level(), session.proofs.level(), "it raises nothing");
            assert_eq!(renewed.secrets, session.secrets + 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_wrong_tries_end_a_mailed_code() {
    each_world(async |world| {
        for wrong in [2, mail_code::TRIES] {
            let (_, session, id) = world.mailed().await;
            for _ in 0..wrong {
                world.assert_wrong(world.present(&session, [0xff; 16], LATER)).await;
            }
            let right = world.write(world.present(&session, id, LATER)).await;
            assert_eq!(right.is_ok(), wrong < mail_code::TRIES, "after {wrong}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailed_code_is_good_in_the_session_that_asked_and_for_a_while() {
    each_world(async |world| {
        let (person, session, id) = world.mailed().await;
        let now = LATER.plus(Duration::from_secs(30));
        let other = world.sign_in(&person, now).await;
        world.assert_wrong(world.present(&other, id, now)).await;
        let end = LATER.plus(LIFETIME);
        world.assert_wrong(world.present(&session, id, end)).await;
        let in_time = world.present(&session, id, end.minus(Duration::from_millis(1)));
        assert!(world.write(in_time).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_code_voids_the_one_before_and_few_are_sent() {
    each_world(async |world| {
        let (person, session, first) = world.mailed().await;
        let mut last = first;
        for streak in 2..=5 {
            last = world.id();
            assert_eq!(world.mail(&person, &session, last).await, Reserved::Go { streak });
        }
        let sent = world.messages().await.len();
        let sixth = world.id();
        let refused = world.mail(&person, &session, sixth).await;
        assert_eq!(refused, Reserved::Wait(LATER.plus(Duration::from_secs(30))));
        assert_eq!(world.messages().await.len(), sent);
        for void in [first, sixth] {
            world.assert_wrong(world.present(&session, void, LATER)).await;
        }
        assert!(world.write(world.present(&session, last, LATER)).await.is_ok());
    })
    .await;
}
