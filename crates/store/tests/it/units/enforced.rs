//! What is enrolled is enforced: the right password alone never opens a session where a method was
//! confirmed, whatever became of it.

use nightlatch_core::{
    methods::{Allowed, Demand, Next, State},
    proof::{Factor, Proofs},
};
use nightlatch_store::{
    sql,
    units::{
        enrol::Enroller,
        recovery_codes::Reserve,
        second_factor::Refusal,
        sign_in::{Accepted, Continued},
    },
};

use super::{
    fixture::{LATER, World, each_world},
    person::Person,
};

/// What is left of the recovery codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codes {
    None,
    Left,
    Spent,
    Disabled,
}

const CODES: [Codes; 4] = [Codes::None, Codes::Left, Codes::Spent, Codes::Disabled];

/// None, one or two methods in every combination of states.
fn all_methods() -> Vec<Vec<State>> {
    let one = State::ALL.map(|state| vec![state]);
    let two = State::ALL.iter().flat_map(|first| State::ALL.map(|second| vec![*first, second]));
    std::iter::once(Vec::new()).chain(one).chain(two).collect()
}

fn policies() -> [Allowed; 4] {
    [
        Allowed(vec![Factor::Totp, Factor::BackupCode]),
        Allowed(vec![Factor::Totp]),
        Allowed(vec![Factor::BackupCode]),
        Allowed(vec![]),
    ]
}

impl World {
    /// Goes on after the right password.
    pub(super) fn accepted(&self, person: &Person, proofs: Proofs) -> Accepted {
        Accepted {
            ring: self.ring.clone(),
            account: person.account.clone(),
            fresh: self.fresh(LATER),
            allowed: Allowed::default(),
            demand: Demand::None,
            proofs,
            forgive: Vec::new(),
            ease: Vec::new(),
            rehashed: None,
        }
    }

    /// Somebody with methods in these states, and with what is left of their recovery codes.
    async fn holder(&self, states: &[State], codes: Codes) -> Person {
        let mut person = self.person().await;
        let user = person.account.id;
        if states.is_empty() {
            self.change(sql!("DELETE FROM methods WHERE user_id = ?1"), &[user.as_bytes()]).await;
        }
        for _ in states.iter().skip(1) {
            self.enrol(&mut person).await;
        }
        for (state, app) in states.iter().zip(&person.apps) {
            let set = match state {
                State::Active => continue,
                State::Disabled => {
                    sql!("UPDATE methods SET state = 2 WHERE user_id = ?1 AND id = ?2")
                }
                State::Suspended => {
                    sql!("UPDATE methods SET state = 3 WHERE user_id = ?1 AND id = ?2")
                }
            };
            self.change(set, &[user.as_bytes(), app.method.as_bytes()]).await;
        }
        let change = match codes {
            Codes::Left => return person,
            Codes::None => sql!("DELETE FROM recovery_sets WHERE user_id = ?1"),
            Codes::Spent => sql!("UPDATE recovery_codes SET used_at = 1 WHERE user_id = ?1"),
            Codes::Disabled => sql!(
                "INSERT INTO attempts (user_id, factor, failures, known_streak, known_at, \
                 unknown_streak, unknown_at) VALUES (?1, 3, 100, 100, 0, 0, 0)"
            ),
        };
        self.change(change, &[user.as_bytes()]).await;
        person
    }

    async fn accept(&self, person: &Person, allowed: &Allowed, demand: Demand) -> Continued {
        let (allowed, proofs) = (allowed.clone(), person.proofs(LATER));
        self.write(Accepted { allowed, demand, ..self.accepted(person, proofs) }).await
    }
}

/// What has to follow, worked out from the table of cases alone.
fn expected(states: &[State], codes: Codes, allowed: &Allowed) -> Next {
    if states.is_empty() {
        return Next::Complete;
    }
    let mut usable = Vec::new();
    if states.contains(&State::Active) && allowed.0.contains(&Factor::Totp) {
        usable.push(Factor::Totp);
    }
    if codes == Codes::Left && allowed.0.contains(&Factor::BackupCode) {
        usable.push(Factor::BackupCode);
    }
    if usable.is_empty() { Next::Recover } else { Next::Challenge(usable) }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_alone_opens_a_session_only_where_no_method_was_confirmed() {
    each_world(async |world| {
        for states in all_methods() {
            for codes in CODES {
                let person = world.holder(&states, codes).await;
                for allowed in policies() {
                    let case = format!("{states:?}, codes {codes:?}, {allowed:?}");
                    let before = world.sessions_of(person.id()).await;
                    let next = match world.accept(&person, &allowed, Demand::None).await {
                        Continued::Session(_) => Next::Complete,
                        Continued::More(next, _) => next,
                        Continued::Changed => panic!("{case}: nothing changed"),
                    };
                    assert_eq!(next, expected(&states, codes, &allowed), "{case}");
                    let opened = world.sessions_of(person.id()).await - before;
                    assert_eq!(opened, i64::from(states.is_empty()), "{case}");
                }
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_enrolment_requires_nothing_and_satisfies_nothing() {
    each_world(async |world| {
        let mut person = world.newcomer().await;
        let (_, app) = world.begin(&mut person, LATER).await;
        for (demand, complete) in
            [(Demand::None, true), (Demand::Enroll, false), (Demand::Vouched, false)]
        {
            let continued = world.accept(&person, &Allowed::default(), demand).await;
            assert_eq!(matches!(continued, Continued::Session(_)), complete, "{continued:?}");
        }
        let pending = world.trying(world.step(&person, true), app.code(LATER, 0), LATER);
        assert_eq!(world.write(pending).await.unwrap_err(), Refusal::NotAllowed);
        let attempt = world.attempt(world.step(&person, true), LATER);
        let reserved = world.write(Reserve { attempt }).await;
        assert_eq!(reserved.unwrap_err(), Refusal::NotAllowed);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_enrolment_does_not_stand_in_for_a_disabled_method() {
    each_world(async |world| {
        let mut person = world.holder(&[State::Disabled], Codes::None).await;
        let (_, app) = world.begin(&mut person, LATER).await;
        let next = world.accept(&person, &Allowed::default(), Demand::None).await;
        assert!(matches!(next, Continued::More(Next::Recover, _)), "{next:?}");
        let pending = world.trying(world.step(&person, true), app.code(LATER, 0), LATER);
        assert_eq!(world.write(pending).await.unwrap_err(), Refusal::NotAllowed);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_set_of_recovery_codes_counts_only_once_its_app_is_confirmed() {
    each_world(async |world| {
        let mut person = world.newcomer().await;
        let (enroller, app) = world.begin(&mut person, LATER).await;
        assert!(matches!(enroller, Enroller::SignIn { .. }));
        assert_eq!(world.codes_left(&person).await, 0);
        let confirmed = world.write(world.confirm(&person, &enroller, app, LATER)).await.unwrap();
        person.account = *confirmed.1;
        assert_eq!(world.codes_left(&person).await, 10);
        let step = world.step(&person, true);
        assert!(world.try_recovery(step, &person.recovery_code(0), LATER).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_factor_that_policy_forbids_is_not_taken() {
    each_world(async |world| {
        let person = world.person().await;
        let mut attempt =
            world.trying(world.step(&person, true), person.apps[0].code(LATER, 0), LATER);
        attempt.attempt.allowed = Allowed(vec![Factor::BackupCode]);
        assert_eq!(world.write(attempt).await.unwrap_err(), Refusal::NotAllowed);
        let mut attempt = world.attempt(world.step(&person, true), LATER);
        attempt.allowed = Allowed(vec![Factor::Totp]);
        assert_eq!(world.write(Reserve { attempt }).await.unwrap_err(), Refusal::NotAllowed);
    })
    .await;
}
