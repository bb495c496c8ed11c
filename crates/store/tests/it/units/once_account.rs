//! A link makes one account, an enrolment one method, and a change of an account stands against
//! whatever races with it.

use std::{sync::Arc, time::Duration};

use nightlatch_core::{MethodId, UserId, proof::Proofs, token::Invite as Link};
use nightlatch_store::{
    sql,
    units::{
        account::{ById, Standing},
        admin::{Invite, SetStanding},
        enrol::{Begun, Enroller, MOST_OTP},
        methods::{Read, Remove, Removed},
        password::Change,
        register::{AcceptInvite, Register, Verify},
        session::Session,
    },
};

use super::{
    fixture::{LATER, World, each_world},
    person::Person,
    race::{RUNNERS, count, rounds, together},
};
use crate::harness::NOW;

impl World {
    async fn accounts(&self) -> i64 {
        self.number(sql!("SELECT COUNT(*) FROM users"), &[]).await
    }

    async fn sessions(&self) -> i64 {
        self.number(sql!("SELECT COUNT(*) FROM sessions"), &[]).await
    }

    /// Answers a mailed link to one address, each time as another account-to-be.
    fn verify(&self, link: [u8; 16], email: &str, lookup: [u8; 32]) -> Verify {
        Verify {
            ring: self.ring.clone(),
            link,
            expires_at: LATER,
            account: self.account_for(email.to_owned(), lookup),
            proofs: Proofs::default(),
            fresh: self.fresh(NOW),
        }
    }

    /// The removal of a method by its owner, where one has to stay.
    pub(super) fn remove(&self, person: &Person, session: &Session, method: MethodId) -> Remove {
        Remove {
            ring: self.ring.clone(),
            account: person.account.clone(),
            session: session.clone(),
            method,
            keep_one: true,
            envelope: self.envelope(LATER),
        }
    }

    pub(super) async fn methods_of(&self, user: UserId) -> usize {
        self.write(Read { user }).await.0.methods.len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailed_link_makes_one_account_with_one_session() {
    each_world(async |world| {
        for links in [1, 2] {
            for round in 1..=rounds(&world.store) {
                let (email, lookup) = world.address();
                let ids: Vec<[u8; 16]> = (0..links).map(|_| world.id()).collect();
                let (accounts, sessions) = (world.accounts().await, world.sessions().await);
                let answers = (0..RUNNERS).map(|n| world.verify(ids[n % links], &email, lookup));
                let answered = world.race(answers).await;
                assert_eq!(count(&answered, Option::is_some), 1, "{links} links, round {round}");
                assert_eq!(world.accounts().await - accounts, 1);
                assert_eq!(world.sessions().await - sessions, 1);
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailed_link_is_burned_whatever_it_is_used_for() {
    each_world(async |world| {
        for _ in 0..rounds(&world.store) {
            let (link, accounts) = (world.id(), world.accounts().await);
            let answers = (0..RUNNERS).map(|_| {
                let (email, lookup) = world.address();
                world.verify(link, &email, lookup)
            });
            assert_eq!(count(&world.race(answers).await, Option::is_some), 1);
            assert_eq!(world.accounts().await - accounts, 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_registered_many_times_has_one_account() {
    each_world(async |world| {
        for _ in 0..rounds(&world.store) {
            let (email, lookup) = world.address();
            let accounts = world.accounts().await;
            let registers = (0..RUNNERS).map(|_| {
                let account = world.account_for(email.clone(), lookup);
                Register { ring: world.ring.clone(), account, envelope: Some(world.envelope(NOW)) }
            });
            world.race(registers).await;
            assert_eq!(world.accounts().await - accounts, 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_makes_one_account() {
    each_world(async |world| {
        for _ in 0..rounds(&world.store) {
            let link = Link::issue(world.id(), world.random());
            let (id, lookup, hash) = (link.id, world.random(), link.hash());
            world.write(Invite { id, lookup, hash, expires_at: LATER, now: NOW }).await;
            let accounts = world.accounts().await;
            let accepts = (0..RUNNERS).map(|_| {
                let (email, _) = world.address();
                AcceptInvite { invite: id, hash, account: world.account_for(email, lookup) }
            });
            assert_eq!(count(&world.race(accepts).await, |accepted| *accepted), 1);
            assert_eq!(world.accounts().await - accounts, 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_many_times_makes_one_method() {
    each_world(async |world| {
        for _ in 0..rounds(&world.store) {
            let mut person = world.newcomer().await;
            let (enroller, app) = world.begin(&mut person, LATER).await;
            let confirms = (0..RUNNERS).map(|_| world.confirm(&person, &enroller, app, LATER));
            assert_eq!(count(&world.race(confirms).await, Result::is_ok), 1);
            assert_eq!(world.methods_of(person.id()).await, 1);
            assert_eq!(world.sessions_of(person.id()).await, 1);
        }
    })
    .await;
}

/// Enrols one app after the other until there may be no more, or others were in the way too often.
async fn enrol_all(world: &World, user: UserId) -> bool {
    for _ in 0..RUNNERS {
        let account = world.read_account(user).await;
        let person = Person { account, lookup: [0; 32], apps: Vec::new(), codes: Vec::new() };
        let (app, id) = (world.app(), world.id());
        match world.write(world.beginning(&person, id, app, None, LATER)).await {
            Begun::Pending { .. } => {}
            Begun::Conflict => continue,
            Begun::TooMany => return true,
            Begun::AlreadyEnabled => panic!("every app has a name of its own"),
        }
        let expires_at = LATER.plus(Duration::from_mins(15));
        let enroller = Enroller::SignIn { id, proofs: person.proofs(LATER), expires_at };
        // Lost to somebody else's enrolment, perhaps.
        let _ = world.write(world.confirm(&person, &enroller, app, LATER)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn enrolments_in_parallel_never_exceed_the_most() {
    each_world(async |world| {
        let world = Arc::new(world);
        for _ in 0..rounds(&world.store) / 5 {
            let user = world.newcomer().await.id();
            let enrolments = (0..RUNNERS / 4).map(|_| {
                let world = world.clone();
                async move { enrol_all(&world, user).await }
            });
            together(enrolments).await;
            assert!(enrol_all(&world, user).await, "nobody is in the way any more");
            assert_eq!(world.methods_of(user).await, MOST_OTP);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_last_two_methods_one_stays_where_one_must() {
    each_world(async |world| {
        for _ in 0..rounds(&world.store) {
            let mut person = world.person().await;
            world.enrol(&mut person).await;
            let session = world.sign_in(&person, LATER.plus(Duration::from_mins(2))).await;
            let removals =
                (0..RUNNERS).map(|n| world.remove(&person, &session, person.apps[n % 2].method));
            let removed = world.race(removals).await;
            assert_eq!(count(&removed, |one| *one == Removed::Gone), 1);
            assert_eq!(count(&removed, |one| *one == Removed::Conflict), RUNNERS - 1);

            person.account = world.read_account(person.id()).await;
            let (holding, _) = world.write(Read { user: person.id() }).await;
            let [left] = holding.methods.as_slice() else { panic!("{:?}", holding.methods) };
            let app = person.apps.iter().find(|app| app.method == left.id).unwrap();
            assert_eq!(
                world.write(world.remove(&person, &session, app.method)).await,
                Removed::LastMethod
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_sign_in_survives_the_change_of_the_password_that_it_races_with() {
    each_world(async |world| {
        for round in 0..rounds(&world.store) {
            let person = world.person().await;
            let asking = world.sign_in(&person, LATER).await;
            let change = Change {
                ring: world.ring.clone(),
                account: person.account.clone(),
                session: asking.clone(),
                forgive: None,
                sealed: vec![1],
                envelope: world.envelope(LATER),
            };
            let now = LATER.plus(Duration::from_secs(30));
            let code = person.apps[0].code(now, 0);
            let attempt = world.trying(world.step(&person, true), code, now);
            let (changed, _) = tokio::join!(world.store.write(change), world.store.write(attempt));
            assert!(changed.unwrap());
            let alive = sql!("SELECT COUNT(*) FROM sessions WHERE user_id = ?1 AND id = ?2");
            let ids: [&[u8]; 2] = [person.account.id.as_bytes(), asking.id.as_bytes()];
            assert_eq!(world.number(alive, &ids).await, 1);
            assert_eq!(world.sessions_of(person.id()).await, 1, "round {round}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_sign_in_survives_the_disabling_that_it_races_with() {
    each_world(async |world| {
        for round in 0..rounds(&world.store) {
            let person = world.person().await;
            let user = person.id();
            let disable = SetStanding { user, standing: Standing::Disabled, now: LATER };
            let code = person.apps[0].code(LATER, 0);
            let attempt = world.trying(world.step(&person, true), code, LATER);
            let (disabled, _) =
                tokio::join!(world.store.write(disable), world.store.write(attempt));
            assert!(disabled.unwrap());
            assert_eq!(world.sessions_of(user).await, 0, "round {round}");
            let account = world.write(ById { user }).await.unwrap();
            assert_eq!(account.standing, Standing::Disabled);
        }
    })
    .await;
}
