//! SQLite only: a database that has no more room.

use nightlatch_store::{Engine, Fault, Options, Store, Tx, Unit, args, sql};

use crate::{
    audit::verify,
    harness::{NOW, Place},
    probe::{Hold, Make, Told, ids},
};

/// Lets the database have no more than the pages that it has, or as many as it likes.
struct Bound(bool);

impl Unit for Bound {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        let bound = if self.0 {
            sql!("PRAGMA max_page_count = 1")
        } else {
            sql!("PRAGMA max_page_count = 1000000")
        };
        tx.put(bound, args![]).await
    }
}

/// Writes more than there is room for.
struct Huge;

impl Unit for Huge {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        tx.put(sql!("CREATE TABLE huge (content BLOB NOT NULL)"), args![]).await?;
        tx.put(sql!("INSERT INTO huge (content) VALUES (zeroblob(1000000))"), args![]).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_turned_away_and_the_rest_goes_on() {
    let place = Place::new(Engine::Sqlite).await;
    let options = Options { queue: 16, ..place.options() };
    let store = Store::open_and_migrate(options, NOW).await.unwrap();
    store.write(Make).await.unwrap();
    store.write(Told(0)).await.unwrap();
    store.write(Bound(true)).await.unwrap();
    let (hold, begun, release) = Hold::new();
    let (holder, first, huge, second, ()) = tokio::join!(
        biased;
        store.write(hold),
        store.write(Told(1)),
        store.write(Huge),
        store.write(Told(2)),
        async {
            begun.await.unwrap();
            drop(release);
        },
    );
    holder.and(first).and(second).unwrap();
    assert!(matches!(huge, Err(Fault::Unavailable(_))), "{huge:?}");
    store.write(Bound(false)).await.unwrap();
    store.write(Huge).await.unwrap();
    assert_eq!(ids(&store).await, [0, 1, 2]);
    assert_eq!(verify(&store).await.len(), 1);
    store.close(NOW).await;
}
