//! What the program refuses to do, and how it says so: one line with what is wrong, one with what
//! to do, and never a secret.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use nightlatch_store::Engine;

use super::{
    installation::{Installation, each_engine},
    process::{Finished, finish, nightlatch},
};

/// A password in a database's address.
const HUSH: &str = "tell-nobody";

/// Insists on one problem with its next step, and nothing else.
#[track_caller]
fn assert_told(finished: &Finished, named: &str) {
    let Finished { status, stdout, stderr } = finished;
    assert_eq!(*status, Some(1), "{stdout}{stderr}");
    let lines: Vec<_> = stderr.lines().collect();
    let well_formed = matches!(
        lines.as_slice(),
        [error, next] if error.starts_with("error: ") && next.starts_with("next: ")
    );
    assert!(well_formed && stdout.is_empty(), "{stdout}{stderr}");
    assert!(stderr.contains(named), "no {named:?} in {stderr}");
    assert!(!stderr.contains(HUSH), "{stderr}");
}

/// Insists that `serve` is refused, and that the keys are not told.
async fn assert_refused(installation: &Installation, named: &str) {
    let finished = installation.command(["serve"]).await;
    assert_told(&finished, named);
    if let Ok(key) = fs::read_to_string(installation.path("keys"))
        && !key.is_empty()
    {
        assert!(!finished.stderr.contains(key.trim_end()), "{}", finished.stderr);
    }
}

#[tokio::test]
async fn serve_refuses_settings_that_are_wrong_or_unsafe() {
    let installation = Installation::new(Engine::Sqlite, "").await;
    let good = installation.settings();
    let database = installation.database();
    for (was, is, named) in [
        ("https://", "http://", "public_url: "),
        ("log.level", "log.levle", "log.levle: "),
        ("log.level = \"debug\"", "totp.digits = 7", "totp.digits: "),
        ("mail.delivery = \"off\"", "", "mail.delivery: "),
        ("verify_email = false", "verify_email = true", "accounts.verify_email: "),
        (database.as_str(), "mysql://db/tell-nobody", "database.url: "),
        ("public_url", "public_url = [", "line 1"),
    ] {
        assert!(good.contains(was));
        installation.configure(&good.replacen(was, is, 1));
        assert_refused(&installation, named).await;
        assert_told(&installation.command(["config", "check"]).await, named);
    }
    fs::remove_file(installation.path("nightlatch.toml")).unwrap();
    assert_refused(&installation, "nightlatch.toml").await;
}

#[tokio::test]
async fn serve_refuses_keys_that_are_missing_or_open_or_of_another_database() {
    each_engine("", async |installation| {
        let keys = installation.path("keys");
        installation.migrate_and_serve().await.stop().await;
        let rows = async || {
            let count = "SELECT (SELECT COUNT(*) FROM meta) + (SELECT COUNT(*) FROM ring_keys) \
                         + (SELECT COUNT(*) FROM audit) + (SELECT COUNT(*) FROM nodes)";
            installation.count(count).await
        };
        let before = rows().await;

        fs::set_permissions(&keys, Permissions::from_mode(0o644)).unwrap();
        assert_refused(installation, "chmod 600").await;
        fs::rename(&keys, installation.path("old")).unwrap();
        assert_refused(installation, "keys.file: ").await;
        assert!(!keys.exists(), "keys are never made silently");
        finish(nightlatch(["keys", "new", "--out"]).arg(&keys)).await.succeeded();
        assert_refused(installation, "key").await;
        for command in [["user", "list"], ["audit", "verify"]] {
            assert_told(&installation.command(command).await, "key");
        }
        let cut = fs::read_to_string(installation.path("old")).unwrap()[..40].to_owned();
        for (bad, named) in [("not a key\n", "line 1"), (cut.as_str(), "line 1"), ("", "no key")] {
            fs::write(&keys, bad).unwrap();
            assert_refused(installation, named).await;
        }
        assert_eq!(rows().await, before, "what was refused has changed nothing");

        fs::rename(installation.path("old"), &keys).unwrap();
        fs::set_permissions(&keys, Permissions::from_mode(0o600)).unwrap();
        installation.serve().await.stop().await;
    })
    .await;
}

#[tokio::test]
async fn serve_refuses_a_database_that_is_behind_or_away() {
    each_engine("", async |installation| {
        assert_refused(installation, "nightlatch migrate").await;
    })
    .await;
    let installation = Installation::new(Engine::Sqlite, "").await;
    let away = format!("postgres://nightlatch:{HUSH}@127.0.0.1:1/nightlatch");
    let settings = installation.settings().replace(&installation.database(), &away);
    installation.configure(&settings);
    assert_refused(&installation, "database").await;
    assert_told(&installation.command(["migrate"]).await, "database");
}

#[tokio::test]
async fn dev_and_serve_refuse_each_others_databases() {
    each_engine("", async |installation| {
        installation.dev().await.stop().await;
        let (data, keys) = (installation.path("data"), installation.path("keys"));
        fs::copy(data.join("keys"), &keys).unwrap();
        let database = format!("sqlite:{}", data.join("nightlatch.db").display());
        let made_by_dev = match installation.database() {
            ours if ours.starts_with("sqlite:") => {
                installation.settings().replace(&ours, &database)
            }
            _ => installation.settings(),
        };
        installation.configure(&made_by_dev);
        assert_refused(installation, "nightlatch dev").await;
    })
    .await;
    let installation = Installation::new(Engine::Sqlite, "").await;
    installation.migrate_and_serve().await.stop().await;
    let data = installation.path("data");
    fs::create_dir(&data).unwrap();
    fs::copy(installation.path("keys"), data.join("keys")).unwrap();
    let arguments = ["dev", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--data"];
    let mut command = nightlatch(arguments);
    command.arg(data).args(["--database", &installation.database()]);
    assert_told(&finish(&mut command).await, "nightlatch serve");
}

#[tokio::test]
async fn dev_refuses_to_listen_to_the_public() {
    let installation = Installation::new(Engine::Sqlite, "").await;
    let data = installation.path("data");
    for listen in ["--listen=0.0.0.0:0", "--listen=[::]:0", "--admin-listen=192.0.2.1:8081"] {
        let told = finish(nightlatch(["dev", listen, "--data"]).arg(&data)).await;
        assert_told(&told, "-listen: ");
        assert!(!data.exists(), "nothing is made");
    }
}

#[tokio::test]
async fn misuse_has_a_status_of_its_own() {
    let installation = Installation::new(Engine::Sqlite, "").await;
    installation.command(["migrate"]).await.succeeded();
    for arguments in [
        ["serve", "--port=1"].as_slice(),
        &["admin", "invite"],
        // Nobody would see the token.
        &["admin", "invite", "--email", "grace@example.org"],
        &["admin", "invite", "--email", "grace", "--print"],
        &["user", "list", "--limit=0"],
        &["user", "list", "--before=usr_x"],
        &["migrate", "--database=sqlite:x"],
        &["unlock"],
    ] {
        let finished = installation.command(arguments).await.with(2);
        assert!(finished.stderr.starts_with("error: "), "{}", finished.stderr);
    }
    let bare = finish(&mut nightlatch(["serve"])).await.with(2);
    assert!(bare.stderr.contains("--config"), "{}", bare.stderr);
    let help = finish(&mut nightlatch(["--help"])).await.succeeded();
    assert!(help.contains("nightlatch dev"), "{help}");
}
