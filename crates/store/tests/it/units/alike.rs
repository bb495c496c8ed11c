//! Whether an address has an account shows neither in the work that a request causes nor in what is
//! sent.

use nightlatch_core::{
    SecretText, audit::Reason, factors::webauthn::credential_lookup, lockout::Budget,
    message::Template,
};
use nightlatch_store::{
    Unit, sql,
    units::{
        account::{Account, ByAddress},
        budget::{Reserve, Slot},
        register::Begin,
        sign_in::Refused,
        webauthn::{ByCredential, Found, RefusePasskey},
    },
};

use super::{
    credentials::{burn, platform},
    fixture::{LATER, World, each_world},
    race::count,
};

impl World {
    /// Statements that a unit asks for.
    async fn cost<U: Unit>(&self, unit: U) -> u64 {
        let before = self.store.statements();
        self.write(unit).await;
        self.store.statements() - before
    }

    /// Statements that a unit asks for when it is read.
    async fn cost_of_reading<U: Unit>(&self, unit: U) -> u64 {
        let before = self.store.statements();
        self.store.read(unit).await.unwrap();
        self.store.statements() - before
    }

    async fn rows(&self) -> (i64, i64) {
        let outbox = self.number(sql!("SELECT COUNT(*) FROM outbox"), &[]).await;
        // Without the first of each chain: that a lane of PostgreSQL opened one has no other reason.
        (outbox, self.number(sql!("SELECT COUNT(*) FROM audit WHERE seq > 1"), &[]).await)
    }

    fn begin_registration(&self, email: &str, lookup: [u8; 32]) -> Begin {
        Begin {
            ring: self.ring.clone(),
            lookup,
            email: email.to_owned(),
            locale: None,
            finish: Template::FinishRegistration { link: SecretText::new("nlv_x".to_owned()) },
            envelope: self.envelope(LATER),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_an_address_up_costs_the_same_whether_it_is_known() {
    each_world(async |world| {
        let person = world.person().await;
        let (known, unknown) = (person.lookup, [1; 32]);
        let found = world.write(ByAddress { lookup: known }).await;
        assert_eq!(found.map(|account: Account| account.id), Some(person.id()));
        assert!(world.write(ByAddress { lookup: unknown }).await.is_none());
        assert_eq!(
            world.cost_of_reading(ByAddress { lookup: known }).await,
            world.cost_of_reading(ByAddress { lookup: unknown }).await
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counting_a_password_costs_the_same_whether_the_address_is_known() {
    each_world(async |world| {
        let person = world.person().await;
        let slots = |lookup: &[u8; 32]| {
            [(Budget::Network, &b"192.0.2"[..]), (Budget::Anywhere, b"")]
                .map(|(budget, detail)| Slot::of(budget, &world.ring, lookup, detail))
                .to_vec()
        };
        // From the first attempt into the waits.
        for attempt in 1..=12 {
            let known = Reserve { slots: slots(&person.lookup), now: LATER };
            let unknown = Reserve { slots: slots(&[1; 32]), now: LATER };
            assert_eq!(world.cost(known).await, world.cost(unknown).await, "attempt {attempt}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_costs_the_same_whether_the_address_is_known() {
    each_world(async |world| {
        let person = world.person().await;
        for streak in [1, 2, 20, 21, 39, 40, 41, 1000] {
            let refused = |account| Refused {
                account,
                reason: Reason::WrongPassword,
                streak,
                slot: world.slot(Budget::Anywhere).slot,
                address: None,
                now: LATER,
            };
            let before = world.rows().await;
            let unknown = world.cost(refused(None)).await;
            assert_eq!(world.rows().await, before, "a stranger's failure is not in the trail");
            let known = world.cost(refused(Some(person.account.clone()))).await;
            assert_eq!(known, unknown, "streak {streak}");
        }
        let trail = world.trail(person.id()).await;
        let told = count(&trail, |kind| kind == "sign_in: wrong_password");
        assert_eq!(told, 5, "the first twenty, then every twentieth: 1, 2, 20, 40 and 1000");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn registering_costs_the_same_and_sends_one_mail_whether_the_address_is_known() {
    each_world(async |world| {
        let person = world.person().await;
        let (email, unknown) = world.address();
        let accounts = world.number(sql!("SELECT COUNT(*) FROM users"), &[]).await;
        let costs = [(person.account.email.clone(), person.lookup), (email.clone(), unknown)]
            .map(|(email, lookup)| world.begin_registration(&email, lookup));
        let [known, unknown] = costs;
        let before = world.rows().await;
        let known = world.cost(known).await;
        let between = world.rows().await;
        assert_eq!(known, world.cost(unknown).await);
        let after = world.rows().await;
        assert_eq!((between.0 - before.0, after.0 - between.0), (1, 1), "one mail each");
        assert_eq!(before.1, after.1, "nothing in the trail");
        assert_eq!(world.number(sql!("SELECT COUNT(*) FROM users"), &[]).await, accounts);

        let messages = world.messages().await;
        let [.., to_owner, to_new] = messages.as_slice() else { panic!("{messages:?}") };
        assert_eq!((&to_owner.to, &to_new.to), (&person.account.email, &email));
        assert!(matches!(to_owner.template, Template::AlreadyRegistered));
        assert!(matches!(to_new.template, Template::FinishRegistration { .. }));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_passkey_costs_the_same_whether_its_credential_is_known() {
    each_world(async |world| {
        let (person, key) = world.key_owner(platform()).await;
        let mut gone = world.person().await;
        let mut removed = world.enrol_key(&mut gone, platform()).await;
        let session = world.sign_in_by(&gone, &mut removed).await;
        world.write(world.remove(&gone, &session, removed.method)).await;

        let lookups =
            [credential_lookup(&key.held.id), credential_lookup(&removed.held.id), [1; 32]];
        let find = |lookup| ByCredential { ring: world.ring.clone(), lookup };
        let [known, was, unknown] = lookups;
        assert!(matches!(world.write(find(known)).await, Found::Credential(..)));
        assert!(matches!(world.write(find(was)).await, Found::Removed(_)));
        assert!(matches!(world.write(find(unknown)).await, Found::Nothing));
        let cost = world.cost_of_reading(find(unknown)).await;
        for lookup in [known, was] {
            assert_eq!(world.cost_of_reading(find(lookup)).await, cost);
        }

        // The answer showed that somebody holds the key, or it did not.
        let refuse = |ceremony, known| RefusePasskey {
            burn: burn(&ceremony),
            known,
            ring: world.ring.clone(),
            cloned: None,
            envelope: world.envelope(LATER),
            address: None,
        };
        let before = world.rows().await;
        let unknown = world.cost(refuse(world.ceremony(LATER), None)).await;
        assert_eq!(world.rows().await, before, "a stranger's failure is not in the trail");
        let held = Some((person.account.clone(), Reason::Disabled));
        let ceremony = world.ceremony(LATER);
        assert_eq!(world.cost(refuse(ceremony, held.clone())).await, unknown);
        let told = (before.0, before.1 + 1);
        assert_eq!(world.rows().await, told);
        // A ceremony that was answered before tells no more of it.
        assert_eq!(world.cost(refuse(ceremony, held)).await, unknown);
        assert_eq!(world.rows().await, told);
    })
    .await;
}
