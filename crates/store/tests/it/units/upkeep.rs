//! What is over is dropped and nothing else is; what a database says about itself does not change.

use std::time::Duration;

use nightlatch_core::{
    Timestamp,
    lockout::{Budget, FORGET_AFTER},
    token::Invite as Link,
};
use nightlatch_store::{
    Sql, sql,
    units::{
        admin::Invite,
        budget::{Reserve, Slot},
        mail_code::Send,
        meta::{Claim, Get, HighWater},
        upkeep::{KEEP, Purge},
    },
};

use super::{
    fixture::{LATER, LIFETIMES, World, each_world},
    race::{RUNNERS, rounds},
};

const MOMENT: Duration = Duration::from_millis(1);

impl World {
    /// The rows that a statement counts outlive every purge before `over`, and none thereafter.
    async fn assert_kept_until(&self, rows: &'static Sql, over: Timestamp) {
        let before = self.number(rows, &[]).await;
        assert!(before > 0, "{}", rows.sqlite());
        self.write(Purge { now: over.minus(MOMENT) }).await;
        assert_eq!(self.number(rows, &[]).await, before, "{}", rows.sqlite());
        self.write(Purge { now: over }).await;
        assert_eq!(self.number(rows, &[]).await, 0, "{}", rows.sqlite());
    }

    /// A mailed code and an invitation, over after these times.
    async fn send(&self, code: Duration, invite: Duration) {
        let person = self.person().await;
        let session = self.sign_in(&person, LATER).await;
        let budget = Slot::of(Budget::Mail, &self.ring, &person.lookup, b"code");
        let send = Send {
            ring: self.ring.clone(),
            account: person.account,
            session,
            id: self.id(),
            expires_at: LATER.plus(code),
            budget,
            envelope: self.envelope(LATER),
        };
        self.write(send).await;
        let link = Link::issue(self.id(), self.random());
        let (id, lookup, hash) = (link.id, [1; 32], link.hash());
        self.write(Invite { id, lookup, hash, expires_at: LATER.plus(invite), now: LATER }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_over_is_dropped() {
    each_world(async |world| {
        world.send(Duration::from_mins(5), Duration::from_hours(2)).await;
        let mut person = world.person().await;
        world.begin(&mut person, LATER).await;
        world.try_wrong(&person, world.step(&person, false), LATER).await.unwrap_err();
        let mut newcomer = world.newcomer().await;
        world.begin(&mut newcomer, LATER).await;
        // What was left over when they enrolled, an hour ago.
        world.write(Purge { now: LATER }).await;
        let slot = Slot::of(Budget::Network, &world.ring, &[1; 32], b"");
        world.write(Reserve { slots: vec![slot], now: LATER }).await;
        let lasting = sql!(
            "SELECT (SELECT COUNT(*) FROM users) + (SELECT COUNT(*) FROM methods) + \
             (SELECT COUNT(*) FROM totp) + (SELECT COUNT(*) FROM attempts) + \
             (SELECT COUNT(*) FROM recovery_sets WHERE active = 1) + \
             (SELECT COUNT(*) FROM outbox) + (SELECT COUNT(*) FROM audit)"
        );
        let before = world.number(lasting, &[]).await;

        for (rows, over) in [
            (sql!("SELECT COUNT(*) FROM mail_codes"), Duration::from_mins(5)),
            (sql!("SELECT COUNT(*) FROM recovery_sets WHERE active = 0"), Duration::from_mins(10)),
            (sql!("SELECT COUNT(*) FROM presented"), Duration::from_mins(5) + KEEP + MOMENT),
            (sql!("SELECT COUNT(*) FROM sessions"), LIFETIMES.aal2.idle),
            (sql!("SELECT COUNT(*) FROM invites"), Duration::from_hours(2)),
            (sql!("SELECT COUNT(*) FROM budgets"), FORGET_AFTER + MOMENT),
        ] {
            world.assert_kept_until(rows, LATER.plus(over)).await;
        }
        assert_eq!(world.number(sql!("SELECT COUNT(*) FROM pending_totp"), &[]).await, 0);
        assert_eq!(world.number(lasting, &[]).await, before);
        let now = LATER.plus(Duration::from_hours(240));
        world.write(Purge { now }).await;
        assert!(world.try_right(&person, world.step(&person, true), now).await.is_ok());
        let code = person.recovery_code(0);
        assert!(world.try_recovery(world.step(&person, true), &code, now).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mark_of_the_clock_never_falls() {
    each_world(async |world| {
        let at = Timestamp::from_millis;
        for (now, mark) in [(255, 255), (256, 256), (255, 256), (0, 256), (256, 256), (257, 257)] {
            assert_eq!(world.write(HighWater { now: at(now) }).await, at(mark));
        }
        for round in 1..=10 {
            let first = round * 1000;
            let marks = (0..64).map(|n| HighWater { now: at(first + n * 7 % 64) });
            let marks = world.race(marks).await;
            for (n, mark) in (0..).zip(marks) {
                assert!(mark >= at(first + n * 7 % 64), "nobody goes on below their own time");
            }
            assert_eq!(world.write(HighWater { now: at(0) }).await, at(first + 63));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_claim_stands() {
    each_world(async |world| {
        let key = "mode";
        for round in 0..rounds(&world.store) {
            if round > 0 {
                world.change(sql!("DELETE FROM meta WHERE key = 'mode'"), &[]).await;
            }
            let claims =
                (0..RUNNERS / 2).map(|n| Claim { key, value: vec![n.try_into().unwrap()] });
            let claimed = world.race(claims).await;
            let first = world.write(Get { key }).await.unwrap();
            assert!(claimed.iter().all(|value| *value == first), "{claimed:?}");
            let late = world.write(Claim { key, value: b"late".to_vec() }).await;
            assert_eq!(late, first);
        }
    })
    .await;
}
