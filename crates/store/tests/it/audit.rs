//! The audit chains: gapless, whatever is rolled back between events, and a new one per start.

use std::collections::BTreeMap;

use nightlatch_core::{
    Timestamp,
    audit::{Event, Head, Kind, Reason},
};
use nightlatch_store::{Fault, Store, Tx, Unit, args, sql};

use crate::{
    harness::{NOW, each_engine, each_place},
    probe::{How, Make, Told, Wrong},
};

/// All events.
struct Trail;

type Record = ([u8; 16], i64, Timestamp, String, [u8; 32]);

impl Unit for Trail {
    type Out = Vec<Record>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Record>, Fault> {
        let all = sql!("SELECT chain, seq, at, body, hash FROM audit ORDER BY chain, seq");
        tx.rows(all, args![]).await
    }
}

/// Follows every chain from its first event to its last; the kinds of event, chain by chain.
pub(crate) async fn verify(store: &Store) -> Vec<Vec<String>> {
    let mut chains = BTreeMap::new();
    for (chain, seq, at, body, hash) in store.read_slow(Trail).await.unwrap() {
        let (head, kinds) = chains.entry(chain).or_insert((Head::empty(chain), Vec::new()));
        *head = head.next(at, &body);
        assert_eq!((head.seq, head.hash), (seq, hash), "{body}");
        let event: serde_json::Value = serde_json::from_str(&body).unwrap();
        kinds.push(event["kind"].as_str().unwrap().to_owned());
    }
    for head in store.heads() {
        assert_eq!(chains.get(&head.chain).map(|(last, _)| *last), Some(head));
    }
    chains.into_values().map(|(_, kinds)| kinds).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolled_back_event_leaves_no_gap() {
    each_engine(async |store| {
        store.write(Make).await.unwrap();
        assert!(store.heads().is_empty(), "nothing was told yet");
        for id in (0..30).step_by(3) {
            let (good, bad, good_too) = tokio::join!(
                store.write(Told(id)),
                store.write(Wrong(id + 1, How::Duplicate)),
                store.write(Told(id + 2)),
            );
            good.and(good_too).unwrap();
            bad.unwrap_err();
        }
        let chains = verify(&store).await;
        assert_eq!(chains.iter().flatten().filter(|kind| *kind == "sign_in").count(), 20);
        assert!(chains.iter().all(|kinds| kinds[0] == "audit_opened"));
        assert_eq!(store.heads().len(), chains.len());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_closes_the_chains_and_a_start_opens_others() {
    each_place(async |place| {
        let store = place.open().await;
        store.write(Make).await.unwrap();
        store.write(Told(1)).await.unwrap();
        store.close(NOW).await;
        assert_eq!(store.heads().len(), 1);

        let store = place.open().await;
        store.write(Told(2)).await.unwrap();
        let expected =
            [vec!["audit_opened", "sign_in", "audit_closed"], vec!["audit_opened", "sign_in"]];
        assert_eq!(verify(&store).await, expected);
        store.close(NOW).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_without_events_is_not_closed_either() {
    each_place(async |place| {
        let store = place.open().await;
        store.write(Make).await.unwrap();
        store.close(NOW).await;
        assert!(store.heads().is_empty());

        let store = place.open().await;
        assert!(verify(&store).await.is_empty());
        store.close(NOW).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decoy_costs_the_same_and_is_not_in_the_trail() {
    /// Audits the refusal of somebody, or of nobody.
    struct Refused(bool);

    impl Unit for Refused {
        type Out = ();

        async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
            let event = Event::failure(Kind::SignIn, NOW, Reason::WrongPassword);
            if self.0 { tx.audit(&event).await } else { tx.audit_decoy(&event).await }
        }
    }

    each_engine(async |store| {
        let before = store.statements();
        store.write(Refused(false)).await.unwrap();
        assert_eq!(store.statements() - before, 1);
        assert!(verify(&store).await.is_empty());

        let before = store.statements();
        store.write(Refused(true)).await.unwrap();
        assert_eq!(store.statements() - before, 1);
        assert_eq!(verify(&store).await, [["audit_opened", "sign_in"]]);
    })
    .await;
}
