//! The outbox hands each message to one sender at a time.

use std::time::Duration;

use nightlatch_core::{
    Timestamp,
    message::{Message, Template},
};
use nightlatch_store::units::outbox::{Claim, Claimed, Enqueue, Postpone, Settle};

use super::{
    fixture::{LATER, World, each_world},
    race::{RUNNERS, rounds},
};
use crate::harness::NOW;

const RETRY_AT: Timestamp = Timestamp::from_millis(LATER.millis() + 120_000);

impl World {
    async fn enqueue(&self) -> [u8; 16] {
        let envelope = self.envelope(NOW);
        let to = "ada@example.org".to_owned();
        let message = Message { to, locale: None, template: Template::PasswordChanged };
        self.write(Enqueue { ring: self.ring.clone(), envelope, message }).await;
        envelope.id
    }

    async fn claim(&self, now: Timestamp) -> Option<Claimed> {
        self.write(Claim { now, retry_at: RETRY_AT }).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_goes_to_one_of_many_claimers() {
    each_world(async |world| {
        for _ in 0..rounds(&world.store) / 5 {
            let mut sent = Vec::new();
            for _ in 0..RUNNERS {
                sent.push(world.enqueue().await);
            }
            let claims = (0..RUNNERS).map(|_| Claim { now: LATER, retry_at: RETRY_AT });
            let claimed = world.race(claims).await;
            let mut taken: Vec<[u8; 16]> = claimed.iter().flatten().map(|one| one.id).collect();
            taken.sort_unstable();
            assert_eq!(taken.len(), RUNNERS, "nobody went away while a message was left");
            assert_eq!(taken, sent, "each once");
            assert!(claimed.iter().flatten().all(|one| one.tries == 1));
            for id in taken {
                world.write(Settle { id }).await;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claimed_message_is_due_again_until_it_is_settled() {
    each_world(async |world| {
        assert!(world.claim(LATER).await.is_none());
        let id = world.enqueue().await;
        assert!(world.claim(NOW.minus(Duration::from_millis(1))).await.is_none(), "not due yet");
        assert_eq!(world.claim(LATER).await.unwrap().id, id);
        assert!(world.claim(RETRY_AT.minus(Duration::from_millis(1))).await.is_none());

        assert_eq!(world.claim(RETRY_AT).await.unwrap().tries, 2);
        let due_at = RETRY_AT.plus(Duration::from_mins(1));
        world.write(Postpone { id, due_at }).await;
        assert!(world.claim(due_at.minus(Duration::from_millis(1))).await.is_none());
        let claimed = world.claim(due_at).await.unwrap();
        assert_eq!(claimed.tries, 3);
        let message = Message::open(&world.ring, &claimed.body, id).unwrap();
        assert_eq!(message.to, "ada@example.org");

        world.write(Settle { id }).await;
        assert!(world.claim(Timestamp::from_millis(i64::MAX)).await.is_none());
    })
    .await;
}
