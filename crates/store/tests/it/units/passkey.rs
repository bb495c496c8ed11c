//! What an authenticator showed decides what its proof is worth, and its counter whether it is taken.

use nightlatch_core::{assurance::Level, factors::webauthn::Refused, message::Template};
use nightlatch_store::units::{
    second_factor::{Aim, Refusal},
    webauthn::{RefusePasskey, SignedIn},
};

use super::{
    credentials::{Key, burn, counting, platform, synced, touched},
    fixture::{LATER, World, each_world},
    person::Person,
    race::count,
};

impl World {
    async fn is_initialized(&self, person: &Person, key: &Key) -> bool {
        self.stored(person, key).await.state.uv_initialized
    }

    async fn cloned_notices(&self) -> usize {
        let messages = self.messages().await;
        count(&messages, |message| match &message.template {
            Template::CredentialCloned { name } => name == "Passkey",
            _ => false,
        })
    }
}

/// The level that a session by the key alone has; none where the password is asked for.
async fn level_alone(world: &World, person: &Person, key: &mut Key) -> Option<Level> {
    match world.sign_in_alone(person, key).await {
        SignedIn::Session(session) => Some(session.proofs.level()),
        SignedIn::AskPassword(proofs) => {
            assert_eq!(proofs.level(), Level::Aal1);
            None
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authenticator_that_verifies_its_owner_signs_in_alone() {
    each_world(async |world| {
        for device in [synced(), platform()] {
            let (person, mut key) = world.key_owner(device).await;
            let alone = level_alone(&world, &person, &mut key).await;
            assert_eq!(alone, Some(Level::PhishingResistant));
            let session = world.sign_in_by(&person, &mut key).await;
            assert_eq!(session.proofs.level(), Level::PhishingResistant);
            // Not every time: today its owner is only there.
            key.device.verifies = false;
            assert_eq!(level_alone(&world, &person, &mut key).await, None);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_counts_once_a_password_vouched_for_it() {
    each_world(async |world| {
        let (person, mut key) = world.key_owner(touched()).await;
        assert_eq!(level_alone(&world, &person, &mut key).await, None);
        // Its owner sets a PIN: nobody but the key says so.
        key.device.verifies = true;
        assert_eq!(level_alone(&world, &person, &mut key).await, None);
        assert!(!world.is_initialized(&person, &key).await, "a key does not vouch for itself");

        let session = world.sign_in_by(&person, &mut key).await;
        assert_eq!(session.proofs.level(), Level::PhishingResistant);
        assert!(world.is_initialized(&person, &key).await);
        let alone = level_alone(&world, &person, &mut key).await;
        assert_eq!(alone, Some(Level::PhishingResistant));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_with_a_password_vouches_for_nothing() {
    each_world(async |world| {
        let (person, mut key) = world.key_owner(touched()).await;
        let session = world.sign_in_by(&person, &mut key).await;
        assert_eq!(session.proofs.level(), Level::PhishingResistant);
        assert!(!world.is_initialized(&person, &key).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_password_of_a_sign_in_vouches_for_a_verification() {
    each_world(async |world| {
        let (mut person, mut passkey) = world.key_owner(synced()).await;
        let mut key = world.enrol_key(&mut person, touched()).await;
        let SignedIn::Session(session) = world.sign_in_alone(&person, &mut passkey).await else {
            panic!("a passkey signs in alone")
        };
        key.device.verifies = true;
        let raised = world.use_key(&person, &mut key, Aim::StepUp(session)).await.unwrap();
        assert!(!world.is_initialized(&person, &key).await);
        assert_eq!(raised.0.proofs.level(), Level::PhishingResistant);

        // Nor does a password that was given some time ago; the one of this sign-in does.
        let session = world.sign_in_by(&person, &mut passkey).await;
        let aim = Aim::StepUp(Box::new(session));
        assert!(world.use_key(&person, &mut key, aim).await.is_ok());
        assert!(!world.is_initialized(&person, &key).await);
        world.sign_in_by(&person, &mut key).await;
        assert!(world.is_initialized(&person, &key).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_counter_that_does_not_rise_shows_two_keys_where_one_can_be() {
    each_world(async |world| {
        for counter in [5, 4, 1, 0] {
            let mut person = world.person().await;
            let mut key = world.enrol_key(&mut person, platform()).await;
            key.held.counter = 4;
            let step = world.step(&person, true);
            assert!(world.use_key(&person, &mut key, step).await.is_ok());
            assert_eq!(world.stored(&person, &key).await.state.sign_count, 5);

            key.device.counts = 0;
            key.held.counter = counter;
            let (step, before) = (world.step(&person, true), world.cloned_notices().await);
            let ceremony = world.ceremony(LATER);
            let asserted = world.assert(&person, &mut key, &ceremony, LATER).await;
            assert_eq!(asserted.as_ref().unwrap_err(), &Refused::Cloned, "{counter}");
            let present = world.presenting(step, &ceremony, asserted, LATER);
            assert_eq!(world.write(present).await.unwrap_err(), Refusal::Wrong);
            assert_eq!(world.cloned_notices().await, before + 1);
            let trail = world.trail(person.id()).await;
            assert_eq!(count(&trail, |kind| kind == "sign_in: cloned_credential"), 1);
            assert_eq!(world.stored(&person, &key).await.state.sign_count, 5, "as it was");

            // The right one goes on.
            (key.device.counts, key.held.counter) = (1, 5);
            let step = world.step(&person, true);
            assert!(world.use_key(&person, &mut key, step).await.is_ok());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_counter_of_what_is_synced_is_worth_a_look_and_never_falls() {
    each_world(async |world| {
        for counter in [5, 4, 1, 0] {
            let (person, mut key) = world.key_owner(counting()).await;
            key.held.counter = 4;
            let step = world.step(&person, true);
            assert!(world.use_key(&person, &mut key, step).await.is_ok());
            key.device.counts = 0;
            key.held.counter = counter;
            let step = world.step(&person, true);
            assert!(world.use_key(&person, &mut key, step).await.is_ok(), "{counter}");
            assert_eq!(world.stored(&person, &key).await.state.sign_count, 5);
            let alone = world.sign_in_alone(&person, &mut key).await;
            assert!(matches!(alone, SignedIn::Session(_)), "{alone:?}");
            assert_eq!(world.stored(&person, &key).await.state.sign_count, 5);
            let trail = world.trail(person.id()).await;
            assert_eq!(count(&trail, |kind| kind == "counter_suspicious"), 2);
            assert_eq!(world.cloned_notices().await, 0);

            key.held.counter = 9;
            let step = world.step(&person, true);
            assert!(world.use_key(&person, &mut key, step).await.is_ok());
            assert_eq!(world.stored(&person, &key).await.state.sign_count, 9);
            let trail = world.trail(person.id()).await;
            assert_eq!(count(&trail, |kind| kind == "counter_suspicious"), 2, "it rose");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_of_a_passkey_that_was_cloned_is_told_once() {
    each_world(async |world| {
        let (person, mut key) = world.key_owner(platform()).await;
        key.device.counts = 0;
        let ceremony = world.ceremony(LATER);
        let refused = world.assert(&person, &mut key, &ceremony, LATER).await.unwrap_err();
        for _ in 0..2 {
            let refuse = RefusePasskey {
                burn: burn(&ceremony),
                known: Some((person.account.clone(), refused.reason())),
                ring: world.ring.clone(),
                cloned: Some("Passkey".to_owned()),
                envelope: world.envelope(LATER),
                address: None,
            };
            world.write(refuse).await;
        }
        assert_eq!(world.cloned_notices().await, 1);
        let trail = world.trail(person.id()).await;
        assert_eq!(count(&trail, |kind| kind == "sign_in: cloned_credential"), 1);
    })
    .await;
}
