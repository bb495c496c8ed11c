//! Refresh tokens: one after the other, within the limits of their session's level.

use std::time::Duration;

use nightlatch_core::{
    Timestamp,
    assurance::{Level, Lifetime},
    audit::Reason,
    token::Refresh,
};
use nightlatch_store::units::{
    enrol::Enroller,
    refresh::{REFRESH_GRACE, Rotate, Rotated},
    second_factor::{Aim, Refusal},
    session::{End, Fresh, Load, Session, Which},
};

use super::{
    fixture::{LATER, LIFETIMES, World, each_world},
    person::Person,
};

const MOMENT: Duration = Duration::from_millis(1);

/// A session with its refresh token, as its client keeps them.
struct Client {
    session: Session,
    random: [u8; 32],
}

impl World {
    /// A session with both factors.
    async fn strong(&self, person: &Person, now: Timestamp) -> Client {
        let code = person.apps[0].code(now, 0);
        let attempt = self.trying(self.step(person, true), code, now);
        let random = attempt.attempt.fresh.random;
        Client { session: *self.write(attempt).await.unwrap().0, random }
    }

    /// A session with the password alone.
    async fn weak(&self, person: &Person) -> Client {
        let (session, random) = self.weak_session(person).await;
        Client { session, random }
    }

    /// A session's current token, whose random part this is, shown to be exchanged.
    pub(super) fn rotate(&self, session: &Session, random: [u8; 32], fresh: Fresh) -> Rotate {
        let shown = Refresh::new(session.id, session.generation, random);
        Rotate {
            ring: self.ring.clone(),
            session: session.id,
            generation: session.generation,
            hash: shown.hash(),
            fresh,
        }
    }

    /// Shows a client's token; and what the next one would be made of.
    async fn show(&self, client: &Client, now: Timestamp) -> (Rotated, Fresh) {
        let fresh = self.fresh(now);
        let rotate = self.rotate(&client.session, client.random, fresh.clone());
        (self.write(rotate).await, fresh)
    }

    /// Exchanges a client's token for the next; `None` if the session is over.
    async fn renew(&self, client: &Client, now: Timestamp) -> Option<Client> {
        match self.show(client, now).await {
            (Rotated::Next(session, _), fresh) => {
                Some(Client { session: *session, random: fresh.random })
            }
            (Rotated::Unknown, _) => None,
            (other, _) => panic!("{other:?}"),
        }
    }

    async fn lives(&self, client: &Client, now: Timestamp) -> bool {
        let load = Load { ring: self.ring.clone(), id: client.session.id, now };
        self.write(load).await.is_some()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reuse_after_the_grace_ends_the_session() {
    each_world(async |world| {
        let person = world.person().await;
        let first = world.strong(&person, LATER).await;
        let second = world.renew(&first, LATER).await.unwrap();
        for late in [Duration::ZERO, REFRESH_GRACE] {
            let (again, _) = world.show(&first, LATER.plus(late)).await;
            assert!(matches!(again, Rotated::Superseded), "{again:?}");
        }
        let now = LATER.plus(REFRESH_GRACE).plus(MOMENT);
        assert!(world.lives(&second, now).await);
        let (reused, _) = world.show(&first, now).await;
        assert!(matches!(reused, Rotated::Reused(user) if user == person.id()), "{reused:?}");
        assert!(!world.lives(&second, now).await);
        assert!(world.renew(&second, now).await.is_none());
        let reused = "refresh_reused: refresh_reused".to_owned();
        assert!(world.trail(person.id()).await.contains(&reused));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reuse_of_an_older_token_ends_the_session_at_once() {
    each_world(async |world| {
        let person = world.person().await;
        let first = world.strong(&person, LATER).await;
        let second = world.renew(&first, LATER).await.unwrap();
        let third = world.renew(&second, LATER).await.unwrap();
        let (reused, _) = world.show(&first, LATER).await;
        assert!(matches!(reused, Rotated::Reused(_)), "{reused:?}");
        assert!(!world.lives(&third, LATER).await);
        let reused = "refresh_reused: refresh_reused".to_owned();
        assert!(world.trail(person.id()).await.contains(&reused));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_session_that_ended_is_unknown() {
    each_world(async |world| {
        let person = world.person().await;
        let client = world.strong(&person, LATER).await;
        let (user, which) = (person.id(), Which::One(client.session.id));
        assert!(world.write(End { user, which, reason: Reason::SignedOut, now: LATER }).await);
        assert!(world.renew(&client, LATER).await.is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_up_kills_the_secrets_from_before_it() {
    each_world(async |world| {
        let person = world.person().await;
        let before = world.strong(&person, LATER).await;
        let now = LATER.plus(Duration::from_mins(1));
        let aim = Aim::StepUp(Box::new(before.session.clone()));
        let attempt = world.trying(aim.clone(), person.apps[0].code(now, 0), now);
        let random = attempt.attempt.fresh.random;
        let (session, _) = world.write(attempt).await.unwrap();
        assert_eq!(session.id, before.session.id, "its id stays");
        assert_eq!(session.secrets, before.session.secrets + 1, "access tokens die");
        let after = Client { session: *session, random };

        let (old, _) = world.show(&before, now).await;
        assert!(matches!(old, Rotated::Superseded), "{old:?}");
        let next = now.plus(Duration::from_secs(30));
        let stale = world.try_right(&person, aim, next).await;
        assert_eq!(
            stale.unwrap_err(),
            Refusal::Ended,
            "who stole the old secrets steps up nothing"
        );
        let after = world.renew(&after, next).await.unwrap();

        let (old, _) = world.show(&before, next).await;
        assert!(matches!(old, Rotated::Reused(_)), "{old:?}");
        assert!(!world.lives(&after, next).await);
    })
    .await;
}

/// Renews a session as seldom as it allows, to its end.
async fn live_out(world: &World, mut client: Client, Lifetime { idle, absolute }: Lifetime) {
    let (begun, mut now) = (LATER, LATER);
    let end = begun.plus(absolute);
    assert_eq!((client.session.idle_until, client.session.expires_at), (begun.plus(idle), end));
    while now.plus(idle) < end {
        now = now.plus(idle).minus(MOMENT);
        assert!(world.lives(&client, now).await);
        assert!(!world.lives(&client, now.plus(MOMENT)).await, "idle for too long");
        client = world.renew(&client, now).await.unwrap();
        assert_eq!(client.session.expires_at, end, "no renewal outlasts the limit");
    }
    assert_eq!(client.session.idle_until, end);
    client = world.renew(&client, end.minus(MOMENT)).await.unwrap();
    assert!(!world.lives(&client, end).await);
    assert!(world.renew(&client, end).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_lives_within_the_limits_of_its_level() {
    each_world(async |world| {
        let strong = world.strong(&world.person().await, LATER).await;
        assert_eq!(strong.session.proofs.level(), Level::Aal2);
        live_out(&world, strong, LIFETIMES.aal2).await;
        let weak = world.weak(&world.newcomer().await).await;
        assert_eq!(weak.session.proofs.level(), Level::Aal1);
        live_out(&world, weak, LIFETIMES.aal1).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_session_is_not_renewed() {
    each_world(async |world| {
        let person = world.person().await;
        let client = world.strong(&person, LATER).await;
        let idle = LATER.plus(LIFETIMES.aal2.idle);
        assert!(world.renew(&client, idle).await.is_none());
        assert!(world.renew(&client, idle.minus(MOMENT)).await.is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_raised_begins_the_period_of_its_new_level() {
    each_world(async |world| {
        let person = world.newcomer().await;
        let client = world.weak(&person).await;
        let app = world.app();
        let lineage = *client.session.id.as_bytes();
        let now = LATER.plus(Duration::from_mins(5));
        world.write(world.beginning(&person, lineage, app, None, now)).await;
        let enroller = Enroller::Session(Box::new(client.session.clone()));
        let confirm = world.confirm(&person, &enroller, app, now);
        let random = confirm.completion.fresh.random;
        let (session, ..) = world.write(confirm).await.unwrap();
        let raised = Client { session: *session, random };

        assert_eq!(raised.session.id, client.session.id);
        assert_eq!(raised.session.proofs.level(), Level::Aal2);
        let Lifetime { idle, absolute } = LIFETIMES.aal2;
        assert_eq!(raised.session.idle_until, now.plus(idle));
        assert_eq!(raised.session.expires_at, now.plus(absolute));
        let (old, _) = world.show(&client, now).await;
        assert!(matches!(old, Rotated::Superseded), "{old:?}");
        assert!(world.renew(&raised, now).await.is_some());
    })
    .await;
}
