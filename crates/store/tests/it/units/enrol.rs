//! An enrolment is confirmed by whoever began it, in time, within ten tries, and by nobody else.

use std::time::Duration;

use nightlatch_core::lockout::STEP_TRIES;
use nightlatch_store::{
    sql,
    units::enrol::{Begun, Confirm, Enroller, Unconfirmed},
};

use super::{
    fixture::{LATER, World, each_world},
    person::{App, Person},
};

impl World {
    async fn assert_not_found(&self, confirm: Confirm) {
        assert_eq!(self.write(confirm).await.unwrap_err(), Unconfirmed::NotFound);
    }

    fn misread(&self, person: &Person, enroller: &Enroller, app: App) -> Confirm {
        Confirm { code: app.wrong(LATER), ..self.confirm(person, enroller, app, LATER) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enrolment_belongs_to_who_began_it() {
    each_world(async |world| {
        let (mut person, mut thief) = (world.newcomer().await, world.newcomer().await);
        let (enroller, app) = world.begin(&mut person, LATER).await;
        let (other, _) = world.begin(&mut thief, LATER).await;
        world.assert_not_found(world.confirm(&person, &other, app, LATER)).await;
        world.assert_not_found(world.confirm(&thief, &enroller, app, LATER)).await;
        assert!(world.write(world.confirm(&person, &enroller, app, LATER)).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enrolment_waits_for_a_while_and_until_the_next() {
    each_world(async |world| {
        let mut person = world.newcomer().await;
        let (first, app) = world.begin(&mut person, LATER).await;
        let over = LATER.plus(Duration::from_mins(10));
        world.assert_not_found(world.confirm(&person, &first, app, over)).await;

        let (second, next) = world.begin(&mut person, LATER).await;
        world.assert_not_found(world.confirm(&person, &first, app, LATER)).await;
        assert!(world.write(world.confirm(&person, &second, next, LATER)).await.is_ok());
        let sets = sql!("SELECT COUNT(*) FROM recovery_sets WHERE user_id = ?1");
        let sets = world.number(sets, &[person.account.id.as_bytes()]).await;
        assert_eq!(sets, 1, "the codes that were shown first are gone");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_wrong_codes_end_an_enrolment() {
    each_world(async |world| {
        for wrong in [STEP_TRIES - 1, STEP_TRIES] {
            let mut person = world.newcomer().await;
            let (enroller, app) = world.begin(&mut person, LATER).await;
            for _ in 0..wrong {
                let refused = world.write(world.misread(&person, &enroller, app)).await;
                assert_eq!(refused.unwrap_err(), Unconfirmed::Wrong);
            }
            let right = world.write(world.confirm(&person, &enroller, app, LATER)).await;
            assert_eq!(right.is_ok(), wrong < STEP_TRIES, "after {wrong}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_app_needs_a_name_of_its_own() {
    each_world(async |world| {
        let person = world.person().await;
        let [first] = person.apps.as_slice() else { panic!("one app") };
        for name in [None, Some(first.method.to_string())] {
            let mut begin = world.beginning(&person, world.id(), world.app(), None, LATER);
            begin.name = name;
            assert_eq!(world.write(begin).await, Begun::AlreadyEnabled);
        }
    })
    .await;
}
