//! Signature counters: one that does not rise may mean that there are two of a key.

use std::time::Duration;

use super::{
    acts::ORIGIN,
    ceremonies::{Person, Purpose},
    trail::story,
};
use crate::{acts::ADA, app::each_engine, device::Device};

const USES: [Purpose; 3] = [Purpose::SignIn, Purpose::SecondFactor, Purpose::StepUp];

/// The notice that its owner gets.
const CLONED: &str = "A passkey or security key may have been copied";

#[tokio::test]
async fn a_key_whose_counter_does_not_rise_is_refused_and_its_owner_told() {
    each_engine(async |app| {
        let mut ada = Person::new(&app, ADA, Device::platform(ORIGIN)).await;
        ada.credential.counter = 10;
        let access = ada.session(&app).await;
        app.get("/auth/session", Some(&access)).await.expect(200);
        let before = ada.state(&app).await;
        let mut told = 0;
        for purpose in USES {
            // The next answers sign 11 again, then 1: equal, and fallen.
            for counter in [10, 0] {
                app.clock.advance(Duration::from_secs(1));
                let begun = purpose.begin(&app, &ada).await;
                ada.credential.counter = counter;
                let answer = begun.answer(&mut ada);
                begun.refused(begun.finish(&app, &answer).await, "a counter that did not rise");
                told += 1;
                let mails = app.mails(ADA).await;
                let cloned = mails.iter().filter(|mail| mail.subject == CLONED).count();
                assert_eq!(cloned, told, "{purpose:?}: {:?}", mails[0].subject);
                let last = story(&app, &ada.user).await.pop().unwrap();
                let kind = if purpose == Purpose::StepUp { "step_up" } else { "sign_in" };
                let expected = format!("{kind} failure webauthn cloned_credential");
                assert_eq!(last, expected, "{purpose:?}");
            }
        }
        assert_eq!(ada.state(&app).await, before);
        // The key itself goes on.
        ada.credential.counter = 11;
        ada.session(&app).await;
    })
    .await;
}

#[tokio::test]
async fn a_synced_credential_goes_on_with_an_event() {
    each_engine(async |app| {
        let counting = Device { counts: 1, ..Device::synced(ORIGIN) };
        let mut ada = Person::new(&app, ADA, counting).await;
        ada.credential.counter = 10;
        ada.session(&app).await;
        for purpose in USES {
            for counter in [10, 0] {
                app.clock.advance(Duration::from_secs(1));
                let begun = purpose.begin(&app, &ada).await;
                ada.credential.counter = counter;
                let answer = begun.answer(&mut ada);
                let done = begun.finish(&app, &answer).await.expect(200);
                if purpose == Purpose::StepUp {
                    ada.access = done.text_at("/access_token");
                }
                let story = story(&app, &ada.user).await;
                let suspicious = "counter_suspicious success webauthn ";
                let last = &story[story.len() - 2..];
                assert!(last.iter().any(|event| event == suspicious), "{purpose:?}: {last:?}");
            }
        }
        let mails = app.mails(ADA).await;
        assert!(mails.iter().all(|mail| mail.subject != CLONED));
    })
    .await;
}

#[tokio::test]
async fn a_device_that_does_not_count_is_no_clone() {
    each_engine(async |app| {
        let silent = Device { counts: 0, ..Device::platform(ORIGIN) };
        let mut ada = Person::new(&app, ADA, silent).await;
        for purpose in USES {
            let begun = purpose.begin(&app, &ada).await;
            let answer = begun.answer(&mut ada);
            begun.finish(&app, &answer).await.expect(200);
        }
        // Once it counted it does not cease to.
        let counting = Device { counts: 1, ..ada.device.clone() };
        let reply = super::acts::sign_in(&app, &counting, &mut ada.credential).await;
        reply.expect(200);
        ada.credential.counter = 0;
        let reply = super::acts::sign_in(&app, &ada.device, &mut ada.credential).await;
        reply.refused(401, "invalid-credential");
    })
    .await;
}
