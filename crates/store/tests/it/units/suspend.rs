//! Authenticators of a model that is broken are found and suspended, and no others.

use nightlatch_core::{
    MethodId,
    factors::webauthn::Aaguid,
    message::Template,
    methods::{Allowed, Next, State},
};
use nightlatch_store::{
    sql,
    units::{
        methods::{Read, Removed},
        sign_in::Continued,
        webauthn::{Models, OfModel, Suspend},
    },
};

use super::{
    credentials::{Key, synced, touched},
    fixture::{LATER, World, each_world},
    person::Person,
    race::{count, rounds},
};
use crate::device::Device;

impl World {
    fn suspend(&self, person: &Person, method: MethodId) -> Suspend {
        let (ring, envelope) = (self.ring.clone(), self.envelope(LATER));
        Suspend { ring, user: person.id(), method, envelope }
    }

    async fn of_model(&self, model: u8, key: Option<&[u8]>) -> Vec<MethodId> {
        let attestation_key = key.map(<[u8]>::to_vec);
        let unit = OfModel { aaguid: Aaguid([model; 16]), attestation_key };
        let mut methods: Vec<_> =
            self.write(unit).await.into_iter().map(|(_, method)| method).collect();
        methods.sort();
        methods
    }

    /// An owner of a key without an AAGUID, attested by the key with this identifier.
    async fn attested_by(&self, identifier: u8) -> (Person, Key) {
        let (person, key) = self.key_owner(touched()).await;
        let attested = sql!("UPDATE webauthn SET attestation_key = ?2 WHERE method_id = ?1");
        self.change(attested, &[key.method.as_bytes(), &[identifier; 20]]).await;
        (person, key)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_are_found_by_their_model_while_they_are_active() {
    each_world(async |world| {
        let model = |model| Device { aaguid: [model; 16], ..synced() };
        let (first, one) = world.key_owner(model(1)).await;
        let (_, two) = world.key_owner(model(1)).await;
        let (_, other) = world.key_owner(model(2)).await;
        let (_, blank) = world.key_owner(touched()).await;
        let (_, attested) = world.attested_by(9).await;
        let (_, by_another) = world.attested_by(8).await;

        let mut models = world.write(Models).await;
        models.sort_by_key(|(aaguid, key)| (aaguid.0, key.clone()));
        let expected = [
            (Aaguid::ZERO, None),
            (Aaguid::ZERO, Some(vec![8; 20])),
            (Aaguid::ZERO, Some(vec![9; 20])),
            (Aaguid([1; 16]), None),
            (Aaguid([2; 16]), None),
        ];
        assert_eq!(models, expected);
        let mut both = vec![one.method, two.method];
        both.sort();
        assert_eq!(world.of_model(1, None).await, both);
        assert_eq!(world.of_model(2, None).await, [other.method]);
        assert_eq!(world.of_model(0, None).await, [blank.method]);
        assert_eq!(world.of_model(0, Some(&[9; 20])).await, [attested.method]);
        assert_eq!(world.of_model(0, Some(&[8; 20])).await, [by_another.method]);
        assert_eq!(world.of_model(1, Some(&[9; 20])).await, []);

        assert!(world.write(world.suspend(&first, one.method)).await);
        assert_eq!(world.of_model(1, None).await, [two.method]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_suspended_is_still_required_and_its_owner_is_told() {
    each_world(async |world| {
        let (mut person, key) = world.key_owner(synced()).await;
        let other = world.newcomer().await;
        assert!(!world.write(world.suspend(&other, key.method)).await, "of somebody else");
        assert!(world.write(world.suspend(&person, key.method)).await);
        assert!(!world.write(world.suspend(&person, key.method)).await, "once");

        let (holding, _) = world.write(Read { user: person.id() }).await;
        assert_eq!(holding.methods[0].state, State::Suspended);
        let messages = world.messages().await;
        let told = count(&messages, |message| {
            matches!(&message.template, Template::FactorSuspended { name } if name == "Passkey")
        });
        assert_eq!(told, 1);
        let trail = world.trail(person.id()).await;
        assert_eq!(count(&trail, |kind| kind == "method_suspended: compromised_model"), 1);

        let stale = world.accepted(&person, person.proofs(LATER));
        assert!(matches!(world.write(stale).await, Continued::Changed));
        person.account = world.read_account(person.id()).await;
        let mut accepted = world.accepted(&person, person.proofs(LATER));
        accepted.allowed = Allowed(vec![nightlatch_core::proof::Factor::WebAuthn]);
        let next = world.write(accepted).await;
        assert!(matches!(next, Continued::More(Next::Recover, _)), "{next:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn suspending_and_removing_do_not_block_each_other() {
    each_world(async |world| {
        for _ in 0..rounds(&world.store) {
            let mut person = world.person().await;
            let mut key = world.enrol_key(&mut person, synced()).await;
            let session = world.sign_in_by(&person, &mut key).await;
            let suspend = world.suspend(&person, key.method);
            let remove = world.remove(&person, &session, key.method);
            let (suspended, removed) =
                tokio::join!(world.store.write(suspend), world.store.write(remove));
            // Whoever comes first wins.
            let suspended = suspended.unwrap();
            assert_eq!(removed.unwrap() == Removed::Conflict, suspended);
            let left = world.methods_of(person.id()).await;
            assert_eq!(left, if suspended { 2 } else { 1 });
        }
    })
    .await;
}
