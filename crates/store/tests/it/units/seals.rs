//! A writer in the database cannot make one secret serve in another's place: what was moved is a
//! fault, and never a proof.

use nightlatch_core::{SessionId, UserId, factors::webauthn::credential_lookup};
use nightlatch_store::{
    Fault, sql,
    units::{
        second_factor::Refusal,
        session::{List, Load},
        webauthn::{ByCredential, Credentials},
    },
};

use super::{
    credentials::{Key, synced, verify_answer},
    fixture::{LATER, World, each_world},
    person::{App, Person},
};

impl World {
    async fn assert_corrupt(&self, person: &Person, app: App) {
        let before = self.sessions_of(person.id()).await;
        let right = self.trying(self.step(person, true), app.code(LATER, 0), LATER);
        let outcome = self.store.write(right).await;
        assert!(matches!(outcome, Err(Fault::Broken(_))), "{:?}", outcome.map(drop));
        assert_eq!(self.sessions_of(person.id()).await, before);
    }

    async fn secret_of(&self, app: App) -> Vec<u8> {
        let select = sql!("SELECT secret FROM totp WHERE method_id = ?1");
        self.blob(select, &[app.method.as_bytes()]).await
    }

    async fn set_secret(&self, app: App, secret: &[u8]) {
        let update = sql!("UPDATE totp SET secret = ?2 WHERE method_id = ?1");
        self.change(update, &[app.method.as_bytes(), secret]).await;
    }

    /// What reads a credential, to verify an answer or to ask for one.
    async fn assert_key_is_corrupt(&self, person: &Person, key: &Key) {
        let (ring, lookup) = (self.ring.clone(), credential_lookup(&key.held.id));
        let found = self.store.write(ByCredential { ring: ring.clone(), lookup }).await;
        assert!(matches!(found, Err(Fault::Broken(_))), "{:?}", found.map(drop));
        let all = self.store.write(Credentials { ring, user: person.id() }).await;
        assert!(matches!(all, Err(Fault::Broken(_))), "{:?}", all.map(drop));
    }

    /// What opens the proofs of a session.
    async fn assert_unreadable(&self, session: SessionId, user: UserId) {
        let (ring, now) = (self.ring.clone(), LATER);
        let load = self.store.write(Load { ring: ring.clone(), id: session, now }).await;
        assert!(matches!(load, Err(Fault::Broken(_))), "{:?}", load.map(drop));
        let list = self.store.write(List { ring, user, now }).await;
        assert!(matches!(list, Err(Fault::Broken(_))), "{:?}", list.map(drop));
    }

    async fn proofs_of(&self, session: SessionId) -> Vec<u8> {
        let select = sql!("SELECT proofs FROM sessions WHERE id = ?1");
        self.blob(select, &[session.as_bytes()]).await
    }

    async fn set_proofs(&self, session: SessionId, proofs: &[u8]) {
        let update = sql!("UPDATE sessions SET proofs = ?2 WHERE id = ?1");
        self.change(update, &[session.as_bytes(), proofs]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seed_of_another_person_verifies_nothing() {
    each_world(async |world| {
        let (person, thief) = (world.person().await, world.person().await);
        let (own, stolen) = (person.apps[0], thief.apps[0]);
        let secrets = (world.secret_of(own).await, world.secret_of(stolen).await);
        world.set_secret(own, &secrets.1).await;
        world.set_secret(stolen, &secrets.0).await;
        for app in [own, stolen] {
            world.assert_corrupt(&person, app).await;
            world.assert_corrupt(&thief, app).await;
        }
        world.set_secret(own, &secrets.0).await;
        assert!(world.try_right(&person, world.step(&person, true), LATER).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seed_of_another_method_verifies_nothing() {
    each_world(async |world| {
        let mut person = world.person().await;
        world.enrol(&mut person).await;
        let second = world.secret_of(person.apps[1]).await;
        world.set_secret(person.apps[0], &second).await;
        for app in [person.apps[0], person.apps[1]] {
            world.assert_corrupt(&person, app).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_cannot_be_weakened_in_the_row() {
    each_world(async |world| {
        for weaken in [
            sql!("UPDATE totp SET period = 120 WHERE user_id = ?1"),
            sql!("UPDATE totp SET digits = 7 WHERE user_id = ?1"),
            sql!("UPDATE totp SET algorithm = 2 WHERE user_id = ?1"),
            sql!("UPDATE totp SET algorithm = 9 WHERE user_id = ?1"),
        ] {
            let person = world.person().await;
            world.change(weaken, &[person.account.id.as_bytes()]).await;
            world.assert_corrupt(&person, person.apps[0]).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_that_is_known_cannot_be_put_into_an_enrolment() {
    each_world(async |world| {
        let (mut person, thief) = (world.newcomer().await, world.person().await);
        let (enroller, _) = world.begin(&mut person, LATER).await;
        let known = world.secret_of(thief.apps[0]).await;
        let put = sql!("UPDATE pending_totp SET secret = ?2 WHERE user_id = ?1");
        world.change(put, &[person.account.id.as_bytes(), &known]).await;
        let confirm = world.confirm(&person, &enroller, thief.apps[0], LATER);
        let outcome = world.store.write(confirm).await;
        assert!(matches!(outcome, Err(Fault::Broken(_))), "{:?}", outcome.map(drop));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_key_of_another_credential_verifies_nothing() {
    each_world(async |world| {
        let (mut person, first) = world.key_owner(synced()).await;
        let second = world.enrol_key(&mut person, synced()).await;
        let (thief, stolen) = world.key_owner(synced()).await;
        let swap = sql!(
            "UPDATE webauthn SET public_key = \
             (SELECT w.public_key FROM webauthn w WHERE w.method_id = ?2) WHERE method_id = ?1"
        );
        for other in [&stolen, &second] {
            world.change(swap, &[first.method.as_bytes(), other.method.as_bytes()]).await;
            world.assert_key_is_corrupt(&person, &first).await;
        }
        // Nor does a whole row that is given to somebody else.
        let (victim, taken) = world.key_owner(synced()).await;
        let give = sql!(
            "UPDATE webauthn SET credential_id = \
             (SELECT w.credential_id FROM webauthn w WHERE w.method_id = ?2), public_key = \
             (SELECT w.public_key FROM webauthn w WHERE w.method_id = ?2) WHERE method_id = ?1"
        );
        world.change(give, &[taken.method.as_bytes(), stolen.method.as_bytes()]).await;
        world.assert_key_is_corrupt(&victim, &taken).await;
        let mut stolen = stolen;
        let step = world.step(&thief, true);
        assert!(world.use_key(&thief, &mut stolen, step).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_cannot_be_made_better_in_the_row() {
    each_world(async |world| {
        for better in [
            sql!("UPDATE webauthn SET backup_eligible = 0 WHERE user_id = ?1"),
            sql!("UPDATE webauthn SET trusted = 1 WHERE user_id = ?1"),
            sql!("UPDATE webauthn SET aaguid = credential_id WHERE user_id = ?1"),
            sql!(
                "UPDATE webauthn SET aaguid = (SELECT u.id FROM users u WHERE u.id = ?1) \
                 WHERE user_id = ?1"
            ),
        ] {
            let (person, key) = world.key_owner(synced()).await;
            world.change(better, &[person.account.id.as_bytes()]).await;
            world.assert_key_is_corrupt(&person, &key).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_is_found_as_somebody_elses_signs_in_nobody() {
    each_world(async |world| {
        let (victim, own) = world.key_owner(synced()).await;
        let (_, stolen) = world.key_owner(synced()).await;
        let lookup = credential_lookup(&stolen.held.id);
        let aim = sql!("UPDATE credentials SET user_id = ?2, method_id = ?3 WHERE lookup = ?1");
        let blobs: [&[u8]; 3] = [&lookup, victim.account.id.as_bytes(), own.method.as_bytes()];
        world.change(aim, &blobs).await;
        // The victim's record is found, and its id is not the one that the thief's device says.
        let ceremony = world.ceremony(LATER);
        let mut stolen = stolen;
        let answer = stolen.answer(&ceremony, &victim);
        let stored = world.stored(&victim, &own).await;
        assert!(verify_answer(&stored, &ceremony, &answer, LATER).is_err());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recovery_codes_of_another_person_are_wrong() {
    each_world(async |world| {
        let (person, thief) = (world.person().await, world.person().await);
        let (own, stolen) = (person.account.id, thief.account.id);
        // A salt and hashes without their set and person are worth nothing.
        for copy in [
            sql!(
                "UPDATE recovery_sets SET salt = \
                 (SELECT s.salt FROM recovery_sets s WHERE s.user_id = ?2) WHERE user_id = ?1"
            ),
            sql!(
                "UPDATE recovery_codes SET hash = (SELECT c.hash FROM recovery_codes c \
                 WHERE c.user_id = ?2 AND c.number = recovery_codes.number) WHERE user_id = ?1"
            ),
        ] {
            world.change(copy, &[own.as_bytes(), stolen.as_bytes()]).await;
        }
        let step = world.step(&person, true);
        let refused = world.try_recovery(step, &thief.recovery_code(0), LATER).await;
        assert_eq!(refused.unwrap_err(), Refusal::Wrong);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proofs_of_another_session_raise_nothing() {
    each_world(async |world| {
        // Of somebody else, and of the same person.
        let strong = world.person().await;
        let strongest = world.sign_in(&strong, LATER).await;
        let both = world.newcomer().await;
        let (weak, random) = world.weak_session(&both).await;
        let (sibling, _) = world.weak_session(&both).await;
        let own = world.proofs_of(weak.id).await;
        for other in [strongest.id, sibling.id] {
            let stolen = world.proofs_of(other).await;
            world.set_proofs(weak.id, &stolen).await;
            world.assert_unreadable(weak.id, weak.user).await;
            let rotate = world.rotate(&weak, random, world.fresh(LATER));
            let rotated = world.store.write(rotate).await;
            assert!(matches!(rotated, Err(Fault::Broken(_))), "{:?}", rotated.map(drop));
        }
        world.set_proofs(weak.id, &own).await;
        let load = Load { ring: world.ring.clone(), id: weak.id, now: LATER };
        assert!(world.write(load).await.is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_cannot_be_given_to_somebody_else() {
    each_world(async |world| {
        let (person, thief) = (world.person().await, world.newcomer().await);
        let session = world.sign_in(&person, LATER).await;
        let give = sql!("UPDATE sessions SET user_id = ?2 WHERE id = ?1");
        world.change(give, &[session.id.as_bytes(), thief.account.id.as_bytes()]).await;
        world.assert_unreadable(session.id, thief.id()).await;
    })
    .await;
}
