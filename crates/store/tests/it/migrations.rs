//! The schema: brought up to date once, and a database that is not ours is left alone.

use nightlatch_store::{
    BadDatabase, Database, Engine, Fault, OpenError, Store, Tx, Unit, args, sql,
};

use crate::{
    harness::{NOW, Place, each_place},
    probe::{Insert, Make},
};

/// Writes into the table of migrations.
struct Tamper(Way);

#[derive(Clone, Copy)]
enum Way {
    Newer,
    Changed,
    Behind,
}

impl Unit for Tamper {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        let statement = match self.0 {
            Way::Newer => sql!(
                "INSERT INTO migration (number, name, checksum, applied_at) \
                 SELECT 9999, name, checksum, applied_at FROM migration WHERE number = 1"
            ),
            Way::Changed => sql!(
                "UPDATE migration SET checksum = x'00' WHERE number = 1",
                pg: "UPDATE migration SET checksum = '\\x00' WHERE number = 1"
            ),
            Way::Behind => sql!("DELETE FROM migration"),
        };
        tx.put(statement, args![]).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn migrating_twice_changes_nothing() {
    each_place(async |place| {
        let store = place.open().await;
        store.write(Make).await.unwrap();
        store.write(Insert(1)).await.unwrap();
        store.close(NOW).await;

        let store = place.open().await;
        assert_eq!(store.write(Insert(2)).await.unwrap(), 2);
        store.close(NOW).await;

        let store = Store::open(place.options()).await.unwrap();
        assert_eq!(store.write(Insert(3)).await.unwrap(), 3);
        store.close(NOW).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_schema_is_refused() {
    each_place(async |place| {
        for way in [Way::Behind, Way::Changed, Way::Newer] {
            let fresh = Place::new(place.engine()).await;
            let store = fresh.open().await;
            store.write(Tamper(way)).await.unwrap();
            store.close(NOW).await;
            let opened = Store::open(fresh.options()).await.unwrap_err();
            match way {
                Way::Behind => {
                    assert!(matches!(opened, OpenError::Behind { found: 0, .. }), "{opened:?}");
                    assert!(opened.to_string().starts_with("the database's schema is at step"));
                }
                Way::Changed => {
                    assert!(matches!(opened, OpenError::Changed { number: 1 }), "{opened:?}");
                    let migrated = Store::open_and_migrate(fresh.options(), NOW).await;
                    assert!(matches!(migrated, Err(OpenError::Changed { number: 1 })));
                }
                Way::Newer => {
                    assert!(matches!(opened, OpenError::Newer { number: 9_999 }), "{opened:?}");
                    let migrated = Store::open_and_migrate(fresh.options(), NOW).await;
                    assert!(matches!(migrated, Err(OpenError::Newer { number: 9_999 })));
                }
            }
            fresh.remove().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn many_migrate_at_the_same_time() {
    for (engine, rounds) in [(Engine::Sqlite, 50), (Engine::Postgres, 2)] {
        for _ in 0..rounds {
            let place = Place::new(engine).await;
            let openings: Vec<_> = (0..8)
                .map(|_| tokio::spawn(Store::open_and_migrate(place.options(), NOW)))
                .collect();
            for opening in openings {
                opening.await.unwrap().unwrap().close(NOW).await;
            }
            place.remove().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_is_not_opened_without_migrating() {
    each_place(async |place| {
        let opened = Store::open(place.options()).await;
        assert!(matches!(opened, Err(OpenError::Behind { found: 0, .. })), "{opened:?}");
        assert!(!place.file().exists());
    })
    .await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new(Engine::Sqlite).await;
    let store = place.open().await;
    store.write(Make).await.unwrap();
    for file in std::fs::read_dir(place.file().parent().unwrap()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
    }
    store.close(NOW).await;
}

#[test]
fn an_address_is_not_repeated_in_its_error() {
    let refused = Database::parse("postgre://nightlatch:hush@db/nightlatch").unwrap_err();
    assert_eq!(refused, BadDatabase::Scheme);
    assert!(!format!("{refused} {refused:?}").contains("hush"));
}
