//! Enrolling passkeys and security keys: what the first one brings along and ends, and what is left of
//! one that goes.

use std::time::Duration;

use nightlatch_core::{
    assurance::Level,
    factors::webauthn::credential_lookup,
    message::Template,
    methods::{Allowed, Demand},
};
use nightlatch_store::{
    sql,
    units::{
        enrol::{Enrol, Enroller, NotEnrolled, Unconfirmed},
        methods::Removed,
        sign_in::{Accepted, Continued},
        upkeep::Purge,
        webauthn::{ByCredential, Found},
    },
};

use super::{
    credentials::{Key, options, platform, synced, touched},
    fixture::{LATER, World, each_world},
    person::Person,
    race::count,
};
use crate::harness::NOW;

const MOMENT: Duration = Duration::from_millis(1);

impl World {
    async fn find(&self, key: &Key) -> Found {
        let lookup = credential_lookup(&key.held.id);
        self.write(ByCredential { ring: self.ring.clone(), lookup }).await
    }

    /// Somebody with an app and a key, which is removed.
    async fn removed_key(&self) -> (Person, Key) {
        let mut person = self.person().await;
        let mut key = self.enrol_key(&mut person, platform()).await;
        let session = self.sign_in_by(&person, &mut key).await;
        let removed = self.write(self.remove(&person, &session, key.method)).await;
        assert_eq!(removed, Removed::Gone);
        person.account = self.read_account(person.id()).await;
        (person, key)
    }

    /// The enrolment of a credential that a device has.
    fn enrolling_again(&self, person: &Person, key: &Key) -> Enrol {
        let ceremony = self.ceremony(LATER);
        let answer = key.device.attest(&key.held, &options(&ceremony, person));
        self.enrolling_answer(person, &ceremony, &answer, LATER)
    }

    async fn pending(&self, person: &Person) -> (i64, i64) {
        let user: [&[u8]; 1] = [person.account.id.as_bytes()];
        let totp = sql!("SELECT COUNT(*) FROM pending_totp WHERE user_id = ?1");
        let sets = sql!("SELECT COUNT(*) FROM recovery_sets WHERE user_id = ?1 AND active = 0");
        (self.number(totp, &user).await, self.number(sets, &user).await)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_one_ends_what_was_opened_without_it_and_brings_recovery_codes() {
    each_world(async |world| {
        let mut person = world.newcomer().await;
        let (weak, _) = world.weak_session(&person).await;
        let (other, _) = world.weak_session(&person).await;
        let (codes, set) = world.recovery_set(person.id());
        let (enrol, _) = world.enrolling(&person, &synced(), LATER);
        let enroller = Enroller::Session(Box::new(weak.clone()));
        let completion = world.completion(&person, &enroller, LATER);
        let added = world.write(Enrol { completion, codes: Some(set), ..enrol }).await.unwrap();
        assert!(added.codes);
        assert_eq!(added.account.epoch, person.account.epoch + 1);
        assert_eq!((added.session.id, added.session.secrets), (weak.id, weak.secrets + 1));
        assert_eq!(added.session.proofs.level(), Level::PhishingResistant);
        let others = sql!("SELECT COUNT(*) FROM sessions WHERE id = ?1");
        assert_eq!(world.number(others, &[other.id.as_bytes()]).await, 0);
        assert_eq!(world.sessions_of(person.id()).await, 1);

        (person.account, person.codes) = (*added.account, codes);
        assert_eq!(world.codes_left(&person).await, 10);
        let step = world.step(&person, true);
        assert!(world.try_recovery(step, &person.recovery_code(0), LATER).await.is_ok());
        let accepted = world.accepted(&person, person.proofs(LATER));
        assert!(matches!(world.write(accepted).await, Continued::More(..)), "it is enforced");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_further_one_ends_no_session_and_changes_no_recovery_code() {
    each_world(async |world| {
        let mut person = world.person().await;
        let session = world.sign_in(&person, LATER).await;
        let before = world.sessions_of(person.id()).await;
        let (enrol, _) = world.enrolling(&person, &synced(), LATER);
        let enrolled = world.write(enrol).await.unwrap();
        assert!(!enrolled.codes);
        person.account = *enrolled.account;
        assert_eq!(world.sessions_of(person.id()).await, before + 1);
        assert_eq!(world.codes_left(&person).await, 10);
        let (step, code) = (world.step(&person, true), person.recovery_code(0));
        assert!(world.try_recovery(step, &code, LATER).await.is_ok(), "the codes of the app");
        let messages = world.messages().await;
        let added = count(&messages, |message| match &message.template {
            Template::FactorAdded { name } => name == "Passkey",
            _ => false,
        });
        assert_eq!(added, 1);
        let trail = world.trail(person.id()).await;
        assert_eq!(count(&trail, |kind| kind == "method_confirmed"), 2);
        let first = person.apps[0].method;
        let removed = world.write(world.remove(&person, &session, first)).await;
        assert_eq!(removed, Removed::Gone, "the session from before goes on");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_else_waited_to_be_confirmed_is_over() {
    each_world(async |world| {
        let mut person = world.newcomer().await;
        let (enroller, app) = world.begin(&mut person, LATER).await;
        assert_eq!(world.pending(&person).await, (1, 1));
        let shown = person.recovery_code(0);
        let (enrol, _) = world.enrolling(&person, &synced(), LATER);
        person.account = *world.write(enrol).await.unwrap().account;
        assert_eq!(world.pending(&person).await, (0, 0));
        let confirm = world.write(world.confirm(&person, &enroller, app, LATER)).await;
        assert_eq!(confirm.unwrap_err(), Unconfirmed::NotFound);
        let refused = world.try_recovery(world.step(&person, true), &shown, LATER).await;
        assert!(refused.is_err(), "codes that were shown with the app are dead");
        assert_eq!(world.codes_left(&person).await, 10);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enrolment_is_over_when_the_account_or_its_session_changed() {
    each_world(async |world| {
        let person = world.newcomer().await;
        let (stale, _) = world.enrolling(&person, &synced(), LATER);
        let (first, _) = world.enrolling(&person, &synced(), LATER);
        assert!(world.write(first).await.is_ok());
        assert_eq!(world.write(stale).await.unwrap_err(), NotEnrolled::Over);
        assert_eq!(world.methods_of(person.id()).await, 1);

        let person = world.newcomer().await;
        let (session, _) = world.weak_session(&person).await;
        let end = sql!("DELETE FROM sessions WHERE id = ?1");
        world.change(end, &[session.id.as_bytes()]).await;
        let (enrol, _) = world.enrolling(&person, &synced(), LATER);
        let enroller = Enroller::Session(Box::new(session));
        let completion = world.completion(&person, &enroller, LATER);
        let gone = world.write(Enrol { completion, ..enrol }).await;
        assert_eq!(gone.unwrap_err(), NotEnrolled::Over);

        let (enrol, _) = world.enrolling(&person, &synced(), LATER);
        let late = LATER.plus(Duration::from_mins(15));
        let completion = world.completion(&person, &world.enroller(&person, LATER), late);
        let late = world.write(Enrol { completion, ..enrol }).await;
        assert_eq!(late.unwrap_err(), NotEnrolled::Over);
        assert_eq!(world.methods_of(person.id()).await, 0);
        assert_eq!(world.codes_left(&person).await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_makes_the_first_administrator() {
    each_world(async |world| {
        for (until, made) in [(LATER.plus(MOMENT), true), (LATER, false)] {
            let mut person = world.newcomer().await;
            let user = person.id();
            let grant = if made {
                sql!("UPDATE users SET bootstrap_until = 1700003600001 WHERE id = ?1")
            } else {
                sql!("UPDATE users SET bootstrap_until = 1700003600000 WHERE id = ?1")
            };
            world.change(grant, &[user.as_bytes()]).await;
            person.account = world.read_account(user).await;
            assert_eq!(person.account.bootstrap_until, Some(until));
            let (enrol, _) = world.enrolling(&person, &synced(), LATER);
            assert!(world.write(enrol).await.is_ok());
            assert_eq!(world.read_account(user).await.is_admin, made);
            let trail = world.trail(user).await;
            assert_eq!(count(&trail, |kind| kind == "administrator_made"), usize::from(made));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_authenticator_showed_is_on_record() {
    each_world(async |world| {
        for (device, verified, synced, counter) in
            [(synced(), true, true, 0), (platform(), true, false, 1), (touched(), false, false, 1)]
        {
            let (person, key) = world.key_owner(device).await;
            let stored = world.stored(&person, &key).await;
            assert_eq!((&stored.id, stored.aaguid.0), (&key.held.id, key.device.aaguid));
            assert_eq!(stored.state.uv_initialized, verified);
            assert_eq!((stored.backup_eligible, stored.state.backup_state), (synced, synced));
            assert_eq!(stored.state.sign_count, counter);
            assert_eq!(
                (stored.transports, stored.discoverable),
                (vec!["internal".to_owned()], Some(true))
            );
            assert!(!stored.trusted);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_of_another_account_is_taken_and_an_own_one_exists() {
    each_world(async |world| {
        let (mut person, key) = world.key_owner(synced()).await;
        let other = world.newcomer().await;
        let taken = world.write(world.enrolling_again(&other, &key)).await;
        assert_eq!(taken.unwrap_err(), NotEnrolled::Taken);
        let exists = world.write(world.enrolling_again(&person, &key)).await;
        assert_eq!(exists.unwrap_err(), NotEnrolled::Exists);
        assert_eq!(world.read_account(other.id()).await.epoch, other.account.epoch);
        assert_eq!(world.read_account(person.id()).await.epoch, person.account.epoch);
        assert_eq!(world.methods_of(other.id()).await, 0);
        person.account = world.read_account(person.id()).await;
        assert_eq!(world.methods_of(person.id()).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_credential_that_goes_only_the_key_is_kept_for_a_while() {
    each_world(async |world| {
        let (person, key) = world.removed_key().await;
        let user: [&[u8]; 1] = [person.account.id.as_bytes()];
        for rows in [
            sql!("SELECT COUNT(*) FROM credentials WHERE user_id = ?1"),
            sql!("SELECT COUNT(*) FROM webauthn WHERE user_id = ?1"),
        ] {
            assert_eq!(world.number(rows, &user).await, 0, "{}", rows.sqlite());
        }
        let over = LATER.plus(Duration::from_hours(24 * 400)).plus(MOMENT);
        for now in [LATER, over.minus(MOMENT)] {
            world.write(Purge { now }).await;
            assert!(matches!(world.find(&key).await, Found::Removed(_)));
        }
        world.write(Purge { now: over }).await;
        assert!(matches!(world.find(&key).await, Found::Nothing));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_was_removed_can_be_enrolled_again_by_anybody() {
    each_world(async |world| {
        for own in [true, false] {
            let (mut owner, mut key) = world.removed_key().await;
            if !own {
                owner = world.newcomer().await;
            }
            let enrolled = world.write(world.enrolling_again(&owner, &key)).await.unwrap();
            (owner.account, key.method) = (*enrolled.account, enrolled.method);
            key.held.handle = owner.account.id.as_bytes().to_vec();
            let kept = sql!("SELECT COUNT(*) FROM removed_credentials");
            assert_eq!(world.number(kept, &[]).await, 0);
            let Found::Credential(account, _, _) = world.find(&key).await else { panic!("{own}") };
            assert_eq!(account.id, owner.id());
            let step = world.step(&owner, true);
            assert!(world.use_key(&owner, &mut key, step).await.is_ok());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_last_method_an_account_is_as_before() {
    each_world(async |world| {
        let (mut person, mut key) = world.key_owner(synced()).await;
        let session = world.sign_in_by(&person, &mut key).await;
        let mut remove = world.remove(&person, &session, key.method);
        assert_eq!(world.write(remove).await, Removed::LastMethod);
        remove = world.remove(&person, &session, key.method);
        remove.keep_one = false;
        assert_eq!(world.write(remove).await, Removed::Gone);
        assert_eq!(world.codes_left(&person).await, 0);
        person.account = world.read_account(person.id()).await;
        let accepted = Accepted {
            allowed: Allowed::default(),
            demand: Demand::None,
            ..world.accepted(&person, person.proofs(NOW))
        };
        assert!(matches!(world.write(accepted).await, Continued::Session(_)));
    })
    .await;
}
