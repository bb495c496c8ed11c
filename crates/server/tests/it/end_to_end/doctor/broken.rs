//! What is broken, one thing after the other.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use nightlatch_store::Engine;
use tokio::{io::AsyncWriteExt, net::TcpListener};

use super::{CAREFUL, bytes, change, doctor, doctor_in, live, part};
use crate::end_to_end::{
    faults::{Postgres, READ_ONLY, World},
    installation::{Installation, each_engine},
    process::{finish, nightlatch},
};

/// All that an installation without usable keys leaves unknown, after what is said of the keys.
const NO_KEYS: [&str; 4] =
    ["keys failed", "plaintext not_checked", "audit not_checked", "server not_checked"];

/// All that needs the schema.
const NO_SCHEMA: [&str; 6] = [
    "schema failed",
    "keys not_checked",
    "plaintext not_checked",
    "audit not_checked",
    "delivery not_checked",
    "server not_checked",
];

/// All that needs the database.
const NO_DATABASE: [&str; 9] = [
    "database failed",
    "schema not_checked",
    "clock not_checked",
    "disk not_checked",
    "keys not_checked",
    "plaintext not_checked",
    "audit not_checked",
    "delivery not_checked",
    "server not_checked",
];

#[tokio::test]
async fn keys_that_are_missing_or_open_or_of_another_database() {
    each_engine(CAREFUL, async |installation| {
        part(installation);
        installation.migrate_and_serve().await.stop().await;
        let keys = installation.path("ring/keys");
        fs::set_permissions(&keys, Permissions::from_mode(0o640)).unwrap();
        doctor(installation).await.assert(&NO_KEYS, "others than its owner", "chmod 600");
        let away = installation.path("away");
        fs::rename(&keys, &away).unwrap();
        doctor(installation).await.assert(&NO_KEYS, "can't be read", "correct the path");
        finish(nightlatch(["keys", "new", "--out"]).arg(&keys)).await.succeeded();
        let next = "restore the key file";
        doctor(installation).await.assert(&NO_KEYS, "does not open this database", next);
        fs::remove_file(&keys).unwrap();
        fs::rename(&away, &keys).unwrap();
        fs::set_permissions(&keys, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(doctor(installation).await.bad(), ["server not_checked"]);
    })
    .await;
}

#[tokio::test]
async fn a_rotation_that_was_begun() {
    each_engine(CAREFUL, async |installation| {
        part(installation);
        installation.migrate_and_serve().await.stop().await;
        installation.command(["keys", "add"]).await.succeeded();
        let bad = ["keys warning", "server not_checked"];
        doctor(installation).await.assert(&bad, "does not seal yet", "nightlatch keys rotate");
    })
    .await;
}

#[tokio::test]
async fn servers_that_seal_with_a_newer_or_an_older_key() {
    const LATE: &str = "9999999999999";
    each_engine(CAREFUL, async |installation| {
        part(installation);
        installation.migrate_and_serve().await.stop().await;
        let [tag, north, south] =
            [&[1, 2, 3, 4][..], &[7; 16], &[8; 16]].map(|raw| bytes(installation, raw));
        let announce = format!(
            "INSERT INTO nodes SELECT {south}, 'south', tag, 1, {LATE} FROM ring_keys;\
             INSERT INTO nodes VALUES ({north}, 'north', {tag}, 1, {LATE});\
             INSERT INTO ring_keys (tag, known_at, sealed_from, sealed_at) VALUES ({tag}, 1, 1, 1)"
        );
        installation.tamper(&announce).await;
        let bad = ["keys failed", "server not_checked"];
        let lacks = "the server north lacks the key";
        doctor(installation).await.assert(&bad, lacks, "copy the key file to it");
        let newer = format!("UPDATE ring_keys SET sealed_from = {LATE} WHERE tag = {tag}");
        installation.tamper(&newer).await;
        let named = "the server north seals with the newer key 01020304, which is not here";
        doctor(installation).await.assert(&bad, named, "copy the key file of that server here");

        installation.tamper(&format!("DELETE FROM ring_keys WHERE tag = {tag}")).await;
        installation.command(["keys", "add"]).await.succeeded();
        let both = format!(
            "UPDATE nodes SET tags = (SELECT tag FROM ring_keys WHERE sealed_from IS NULL) \
             WHERE name = 'north';\
             UPDATE ring_keys SET sealed_from = {LATE}, sealed_at = {LATE} WHERE sealed_from IS NULL"
        );
        installation.tamper(&both).await;
        let bad = ["keys warning", "server not_checked"];
        let named = "the server north seals with the newer key";
        doctor(installation).await.assert(&bad, named, "copy the key file of that server here");
    })
    .await;
}

#[tokio::test]
async fn a_database_that_an_older_version_claimed_is_not_said_to_be_well() {
    each_engine(CAREFUL, async |installation| {
        part(installation);
        installation.migrate_and_serve().await.stop().await;
        for key in ["era", "lasting"] {
            installation.tamper(&format!("DELETE FROM meta WHERE key = '{key}'")).await;
            let found = doctor(installation).await;
            let bad = ["plaintext not_checked", "audit not_checked", "server not_checked"];
            found.assert(&bad, "of an older version", "null");
            assert!(found.of_check("audit").contains("of an older version"), "{:#?}", found.0);
        }
    })
    .await;
}

#[tokio::test]
async fn a_schema_that_is_older_or_newer_or_changed() {
    each_engine(CAREFUL, async |installation| {
        part(installation);
        installation.migrate_and_serve().await.stop().await;
        installation.tamper("CREATE TABLE kept AS SELECT * FROM migration").await;
        let newer = "INSERT INTO migration SELECT 9999, name, checksum, applied_at FROM kept \
                     WHERE number = 1";
        let changed = "UPDATE migration SET checksum = (SELECT checksum FROM kept \
                       WHERE number = 2) WHERE number = 1";
        for (tampered, named, next) in [
            ("DELETE FROM migration WHERE number = 3", "at step 2 of 3", "`nightlatch migrate`"),
            (newer, "made by a newer Nightlatch", "run the version that made it"),
            (changed, "is not the one that this Nightlatch has", "run the version that made it"),
        ] {
            installation.tamper(tampered).await;
            doctor(installation).await.assert(&NO_SCHEMA, named, next);
            installation.tamper("DELETE FROM migration").await;
            installation.tamper("INSERT INTO migration SELECT * FROM kept").await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_not_there() {
    let installation = Installation::new(Engine::Sqlite, CAREFUL).await;
    part(&installation);
    let next = "nightlatch migrate";
    doctor(&installation).await.assert(&NO_DATABASE, "there is no file", next);
    assert!(!installation.path("nightlatch.db").exists(), "none is made");
    fs::write(installation.path("nightlatch.db"), "no database").unwrap();
    let found = doctor(&installation).await;
    assert!(found.of_check("database").contains("file is not a database"), "{:#?}", found.0);

    let nowhere = "postgres://nightlatch:tell-nobody@127.0.0.1:1/nightlatch";
    change(&installation, &installation.database(), nowhere);
    let found = doctor(&installation).await;
    found.assert(&NO_DATABASE, "can't be opened", "see that PostgreSQL runs");
    assert!(found.0.iter().all(|found| !found.to_string().contains("tell-nobody")));
}

#[tokio::test]
async fn settings_that_are_wrong_hide_nothing_else_unless_nothing_can_be_made_of_them() {
    let installation = Installation::new(Engine::Sqlite, CAREFUL).await;
    part(&installation);
    installation.command(["migrate"]).await.succeeded();
    change(&installation, "log.level = \"debug\"", "totp.digits = 7");
    let bad = ["settings failed", "server not_checked"];
    doctor(&installation).await.assert(&bad, "totp.digits: It is not 6 or 8.", "Use 6.");
    change(&installation, "totp.digits = 7", "http.admin_listen = []");
    let found = doctor(&installation).await;
    assert_eq!(found.bad()[0], "settings failed", "a key that is there twice");
    assert!(found.bad()[1..].iter().all(|bad| bad.ends_with("not_checked")), "{:?}", found.bad());
}

#[tokio::test]
async fn a_proxy_that_is_not_named_and_listeners_that_anybody_reaches() {
    let installation = Installation::new(Engine::Sqlite, CAREFUL).await;
    part(&installation);
    installation.command(["migrate"]).await.succeeded();
    let bad = ["proxies warning", "server not_checked"];
    for (was, is, named) in [
        ("[\"127.0.0.1/32\"]", "[]", "everybody counts as one address"),
        ("proxies = []", "proxies = [\"8.0.0.0/8\"]", "8.0.0.0/8 is believed"),
        ("[\"8.0.0.0/8\"]", "[\"127.0.0.1/32\"]\nlimits.per_address = 600", ""),
        ("http.admin_listen = \"127", "http.admin_listen = \"0", "tells health and metrics"),
        ("http.admin_listen = \"0", "http.admin_listen = \"127", ""),
        ("http.listen = \"127", "http.listen = \"0", "may be reached without TLS"),
    ] {
        change(&installation, was, is);
        match named {
            "" => assert_eq!(doctor(&installation).await.bad(), ["server not_checked"]),
            named => doctor(&installation).await.assert(&bad, named, "->"),
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_off() {
    let installation = Installation::new(Engine::Postgres, CAREFUL).await;
    part(&installation);
    installation.command(["migrate"]).await.succeeded();
    let world = World::new(&installation.path(""), "world").await;
    for (seconds, bad) in [(3, "clock failed"), (-3, "clock failed"), (1, "clock warning")] {
        world.clock(seconds);
        let found = doctor_in(&world, &installation).await;
        found.assert(&[bad, "server not_checked"], "from the database's clock", "time servers");
    }
    installation.remove().await;
}

#[tokio::test]
async fn a_time_that_was_noted_far_ahead() {
    each_engine(CAREFUL, async |installation| {
        part(installation);
        installation.migrate_and_serve().await.stop().await;
        let bad = ["clock failed", "server not_checked"];
        for (noted, named, next) in [
            (&[0, 0, 0x70, 0, 0, 0, 0, 0][..], "a server has noted", "set the clock if"),
            (&[7], "meta.clock holds what no Nightlatch writes", "report it"),
        ] {
            let noted = bytes(installation, noted);
            let note = format!("UPDATE meta SET value = {noted} WHERE key = 'clock'");
            installation.tamper(&note).await;
            doctor(installation).await.assert(&bad, named, next);
        }
    })
    .await;
}

#[tokio::test]
async fn files_that_others_can_read_and_a_disk_without_writes() {
    let installation = Installation::new(Engine::Sqlite, CAREFUL).await;
    part(&installation);
    let server = installation.migrate_and_serve().await;
    let bad = |state: &str| [format!("disk {state}"), "server not_checked".to_owned()];
    let (warning, failed) = (bad("warning"), bad("failed"));
    let file = installation.path("nightlatch.db");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let found = doctor(&installation).await;
    found.assert(&warning.each_ref().map(String::as_str), "can read", "run chmod 600");
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();

    let world = World::new(&installation.path(""), "world").await;
    world.opens(READ_ONLY);
    let found = doctor_in(&world, &installation).await;
    let next = "let the server's user write";
    found.assert(&failed.each_ref().map(String::as_str), "can't be written to", next);
    server.stop().await;
}

#[tokio::test]
async fn a_file_that_is_damaged() {
    let installation = Installation::new(Engine::Sqlite, CAREFUL).await;
    part(&installation);
    let server = installation.migrate_and_serve().await;
    live(&server).await;
    server.stop().await;
    let file = installation.path("nightlatch.db");
    let mut bytes = fs::read(&file).unwrap();
    let audit = "SELECT rootpage FROM sqlite_schema WHERE name = 'audit'";
    let page = usize::try_from(installation.count(audit).await).unwrap() - 1;
    bytes[page * 4096..][..8].fill(0xff);
    fs::write(&file, bytes).unwrap();
    let found = doctor(&installation).await;
    assert!(found.bad().contains(&"disk failed".to_owned()), "{:#?}", found.0);
    let told = found.of_check("disk");
    assert!(told.contains("is damaged") && told.contains("last good backup"), "{told}");
}

#[tokio::test]
async fn a_postgresql_that_forgets() {
    let server = Postgres::start().await;
    let installation = Installation::on(Postgres::address(server.port()), CAREFUL).await;
    part(&installation);
    installation.command(["migrate"]).await.succeeded();
    let bad = ["disk failed", "server not_checked"];
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        installation.tamper(&format!("ALTER SYSTEM SET {setting} = off")).await;
        installation.tamper("SELECT pg_reload_conf()").await;
        let named = format!("PostgreSQL's {setting} is off");
        doctor(&installation).await.assert(&bad, &named, &format!("set {setting} = on"));
        installation.tamper(&format!("ALTER SYSTEM RESET {setting}")).await;
        installation.tamper("SELECT pg_reload_conf()").await;
    }
}

#[tokio::test]
async fn a_trail_that_is_not_signed_and_messages_that_nobody_sends() {
    each_engine(CAREFUL, async |installation| {
        part(installation);
        let server = installation.migrate_and_serve().await;
        live(&server).await;
        server.stop().await;
        // What a server that was killed had not signed, before another one signed.
        let chain = bytes(installation, &[0xff; 16]);
        let killed = format!(
            "INSERT INTO audit SELECT {chain}, 1, 1, user_id, body, hash FROM audit \
             WHERE seq = 1 LIMIT 1"
        );
        installation.tamper(&killed).await;
        let bad = ["audit warning", "server not_checked"];
        doctor(installation).await.assert(&bad, "; 1 event in no signature", "audit verify");
        installation.tamper("DELETE FROM audit WHERE seq > 1").await;
        let bad = ["audit failed", "server not_checked"];
        doctor(installation).await.assert(&bad, "events that were signed", "audit verify");
        installation.tamper("UPDATE checkpoints SET body = signature").await;
        doctor(installation).await.assert(&bad, "not signed by a key", "nightlatch audit verify");
        installation.tamper("DELETE FROM checkpoints").await;
        installation.tamper("UPDATE audit SET at = at - 120000").await;
        let bad = ["audit warning", "server not_checked"];
        doctor(installation).await.assert(&bad, "last signed never", "nightlatch audit verify");

        installation.tamper("DELETE FROM audit").await;
        installation.tamper("INSERT INTO outbox SELECT id, 0, 0, id FROM users").await;
        let found = doctor(installation).await;
        let bad = ["plaintext failed", "audit failed", "delivery warning", "server not_checked"];
        found.assert(&bad, "outbox.body: 1 cell does not open", "behind Nightlatch's back");
        assert!(found.of_check("audit").contains("the trail was erased"), "{:#?}", found.0);
        assert!(found.of_check("delivery").contains("1 message waits"), "{:#?}", found.0);
        for (tries, told) in [(1, "\"1 message waits\" -> null"), (2, "1 could not be sent so far")]
        {
            let tried = format!("UPDATE outbox SET due_at = 9999999999999, tries = {tries}");
            installation.tamper(&tried).await;
            let found = doctor(installation).await;
            assert!(found.of_check("delivery").contains(told), "{:#?}", found.0);
        }
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_ready_and_a_stranger_in_its_place() {
    let installation = Installation::new(Engine::Sqlite, CAREFUL).await;
    part(&installation);
    installation.command(["migrate"]).await.succeeded();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http.admin_listen = \"{}\"", listener.local_addr().unwrap());
    change(&installation, "http.admin_listen = \"127.0.0.1:0\"", &address);
    for (answer, bad, named) in [
        ("HTTP/1.1 503 Service Unavailable\r\n\r\n", "server failed", "is not ready"),
        ("220 mail.example.org ready\r\n", "server warning", "is no server of ours"),
    ] {
        let (found, ()) = tokio::join!(doctor(&installation), async {
            let (mut asked, _) = listener.accept().await.unwrap();
            asked.write_all(answer.as_bytes()).await.unwrap();
        });
        found.assert(&[bad], named, "->");
    }
}
