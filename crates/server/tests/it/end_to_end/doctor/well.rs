//! What is well.

use std::fs;

use nightlatch_store::Engine;

use super::{CAREFUL, doctor, live, part};
use crate::end_to_end::{faults::Postgres, installation::Installation};

/// From now on no transaction on the database may write.
const FREEZE: &str = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET \
                      default_transaction_read_only = on', current_database()); END $$";

async fn is_well(installation: &Installation) {
    part(installation);
    let server = installation.migrate_and_serve().await;
    let seed = live(&server).await;
    let listener = format!("http.admin_listen = \"{}\"", server.operator.address());
    super::change(installation, "http.admin_listen = \"127.0.0.1:0\"", &listener);
    let found = doctor(installation).await;
    assert_eq!(found.bad(), [""; 0], "{:#?}", found.0);
    assert!(found.of_check("server").contains("running here and ready"), "{:#?}", found.0);
    assert!(found.of_check("keys").contains("1 server is running with it"), "{:#?}", found.0);
    assert!(found.of_check("plaintext").contains("1 seed"), "{:#?}", found.0);
    server.stop().await;

    let bytes = || {
        ["nightlatch.db", "nightlatch.db-wal"]
            .map(|name| fs::read(installation.path(name)).unwrap_or_default())
    };
    let before = bytes();
    if installation.engine() == Engine::Postgres {
        installation.tamper(FREEZE).await;
    }
    let found = doctor(installation).await;
    assert_eq!(found.bad(), [""; 0], "{:#?}", found.0);
    assert!(found.of_check("server").contains("none is running here"), "{:#?}", found.0);
    let text = installation.command(["doctor"]).await.succeeded();
    assert!(text.ends_with("\n\nNothing failed, 2 warnings.\n"), "{text}");
    assert!(!text.contains(&seed) && text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(before == bytes(), "the database was written to");
}

#[tokio::test]
async fn what_is_well_on_sqlite_is_said_to_be_and_not_a_byte_is_changed() {
    is_well(&Installation::new(Engine::Sqlite, CAREFUL).await).await;
}

#[tokio::test]
async fn what_is_well_on_postgresql_is_said_to_be_and_nothing_is_written() {
    let server = Postgres::start().await;
    is_well(&Installation::on(Postgres::address(server.port()), CAREFUL).await).await;
}

#[tokio::test]
async fn a_database_that_no_server_has_used_is_well_and_stays_unclaimed() {
    let installation = Installation::new(Engine::Sqlite, CAREFUL).await;
    part(&installation);
    installation.command(["migrate"]).await.succeeded();
    let found = doctor(&installation).await;
    assert_eq!(found.bad(), ["server not_checked"], "{:#?}", found.0);
    assert!(
        found.of_check("keys").contains("no server has used this database yet"),
        "{:#?}",
        found.0
    );
    assert_eq!(installation.count("SELECT COUNT(*) FROM meta").await, 0);
}
