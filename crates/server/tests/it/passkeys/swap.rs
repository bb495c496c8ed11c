//! A ceremony belongs to whom, and to what, it was begun for. Presented elsewhere it is refused, and
//! gone for its owner as well.

use serde_json::json;

use super::{
    acts::{ORIGIN, enrolling, register},
    ceremonies::{Ceremony, Person, Purpose},
};
use crate::{
    acts::{ADA, BOB},
    app::{App, PASSWORD, each_engine},
    device::Device,
};

/// Presents a ceremony in the place of another one with an answer that is right for both, then where
/// it belongs.
async fn presented_elsewhere(
    app: &App,
    begun: &Ceremony,
    elsewhere: &Ceremony,
    owner: &mut Person,
) {
    let mixed = elsewhere.with_challenge_of(begun);
    let answer = mixed.answer(owner);
    mixed.refused(mixed.finish(app, &answer).await, &format!("begun as {:?}", begun.purpose));
    let late = begun.answer(owner);
    begun.refused(begun.finish(app, &late).await, &format!("after {:?}", elsewhere.purpose));
}

#[tokio::test]
async fn a_ceremony_is_for_one_person() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let mut bob = Person::synced(&app, BOB).await;
        let before = [ada.state(&app).await, bob.state(&app).await];
        for purpose in Purpose::BOUND {
            let (adas, bobs) = (purpose.begin(&app, &ada).await, purpose.begin(&app, &bob).await);
            // The answer of either of them, in Bob's place.
            presented_elsewhere(&app, &adas, &bobs, &mut bob).await;
            let adas = purpose.begin(&app, &ada).await;
            presented_elsewhere(&app, &adas, &bobs, &mut ada).await;
        }
        assert_eq!([ada.state(&app).await, bob.state(&app).await], before);
    })
    .await;
}

#[tokio::test]
async fn a_ceremony_is_for_one_session_or_sign_in() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let other = ada.session(&app).await;
        let before = ada.state(&app).await;
        for purpose in Purpose::BOUND {
            let begun = purpose.begin(&app, &ada).await;
            let elsewhere = if purpose == Purpose::SecondFactor {
                purpose.begin(&app, &ada).await
            } else {
                purpose.begin_with(&app, other.clone()).await
            };
            presented_elsewhere(&app, &begun, &elsewhere, &mut ada).await;
        }
        assert_eq!(ada.state(&app).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_ceremony_is_for_one_purpose() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let before = ada.state(&app).await;
        for purpose in Purpose::ALL {
            for other in Purpose::ALL {
                if purpose == other {
                    continue;
                }
                let begun = purpose.begin(&app, &ada).await;
                let elsewhere = other.begin(&app, &ada).await;
                presented_elsewhere(&app, &begun, &elsewhere, &mut ada).await;
            }
        }
        assert_eq!(ada.state(&app).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_is_finished_in_the_browser_that_began_it() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let before = ada.state(&app).await;
        for agent in [&[("user-agent", "another browser")][..], &[]] {
            let begun = Purpose::SignIn.begin(&app, &ada).await;
            let answer = begun.answer(&mut ada);
            let (path, _, body) = begun.request(&answer);
            let headers = [agent, &[("content-type", "application/json")]].concat();
            let reply = app.raw("POST", path, &headers, body.to_string()).await;
            begun.refused(reply, "another browser");
            begun.refused(begun.finish(&app, &answer).await, "after another browser");
        }
        assert_eq!(ada.state(&app).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_ceremony_ends_even_where_the_sign_in_is_unknown() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let begun = Purpose::SecondFactor.begin(&app, &ada).await;
        let answer = begun.answer(&mut ada);
        let lost = Ceremony { key: "nlt_nothing".to_owned(), ..begun.clone() };
        lost.finish(&app, &answer).await.refused(401, "flow-ended");
        begun.refused(begun.finish(&app, &answer).await, "after an unknown sign-in");
    })
    .await;
}

#[tokio::test]
async fn tokens_of_other_kinds_are_no_challenge_tokens() {
    each_engine(async |app| {
        let mut ada = Person::synced(&app, ADA).await;
        let before = ada.state(&app).await;
        let temp_token = app.challenge(ADA).await;
        for purpose in Purpose::ALL {
            let begun = purpose.begin(&app, &ada).await;
            let answer = begun.answer(&mut ada);
            for token in [&temp_token, &ada.access, &ada.refresh, &String::new()] {
                let wrong = Ceremony { token: token.clone(), ..begun.clone() };
                wrong.refused(wrong.finish(&app, &answer).await, token);
            }
        }
        assert_eq!(ada.state(&app).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_challenge_token_opens_nothing_else() {
    each_engine(async |app| {
        let ada = Person::synced(&app, ADA).await;
        for purpose in Purpose::ALL {
            let token = purpose.begin(&app, &ada).await.token;
            app.get("/auth/session", Some(&token)).await.refused(401, "unauthenticated");
            let options = enrolling(&app, &token, "passkey").await;
            options.refused(401, "unauthenticated");
            let options = super::acts::challenge(&app, &token).await;
            options.refused(401, "flow-ended");
            for body in [
                json!({ "temp_token": token, "mfa_token": ada.codes[0] }),
                json!({ "temp_token": token, "method": "password", "password": PASSWORD }),
            ] {
                app.post("/auth/login/mfa", None, body).await.refused(401, "flow-ended");
            }
            let refreshed = crate::acts::refresh(&app, &token).await;
            refreshed.refused(400, "invalid-token");
        }
    })
    .await;
}

#[tokio::test]
async fn an_enrolment_is_finished_in_the_sign_in_that_began_it() {
    each_engine(async |app| {
        let device = Device::synced(ORIGIN);
        let [first, second] = super::enrolling::vouched(&app, ADA).await;
        let options = enrolling(&app, &first, "passkey").await.expect(200);
        let (_, answer) = device.create(&options.json["public_key"]);
        for token in [&second, &first] {
            let reply = register(&app, token, &options, &answer).await;
            reply.refused(400, "invalid-credential");
        }
        assert_eq!(app.sign_in(ADA).await.json["status"], "enrollment_required");
    })
    .await;
}
