//! Secrets in clear: named by their column, and never shown.

use data_encoding::{BASE32_NOPAD, HEXLOWER};

use super::{ADA, CAREFUL, Found, bytes, live, part};
use crate::end_to_end::installation::{Installation, each_engine};

/// Insists on one finding, of `state`, which names `place`, and that `secret` is told nowhere.
async fn assert_leak(installation: &Installation, state: &str, place: &str, secret: &str) {
    let finished = installation.command(["doctor", "--json"]).await;
    let bad = format!("plaintext {state}");
    Found::of(&finished).assert(&[&bad, "server not_checked"], place, "->");
    let text = installation.command(["doctor"]).await;
    for told in [&finished.stdout, &text.stdout, &text.stderr] {
        assert!(!told.contains(secret), "{told}");
    }
}

#[tokio::test]
async fn a_secret_in_clear_is_named_by_its_place_and_never_shown() {
    each_engine(CAREFUL, async |installation| {
        part(installation);
        let server = installation.migrate_and_serve().await;
        let seed = live(&server).await;
        let token = server.public.login(ADA).await.expect(200).text_at("/temp_token");
        server.stop().await;
        let raw = BASE32_NOPAD.decode(seed.as_bytes()).unwrap();
        let hex = HEXLOWER.encode(&raw);
        let raw = bytes(installation, &raw);
        let lookup = bytes(installation, &[7; 32]);

        for (plant, undo, state, place, secret) in [
            (
                format!("UPDATE users SET name = 'my seed is {seed}'"),
                "UPDATE users SET name = NULL",
                "failed",
                "users.name: the seed of somebody's authenticator app in clear in 1 cell",
                &seed,
            ),
            (
                format!("UPDATE users SET locale = '{hex}'"),
                "UPDATE users SET locale = NULL",
                "failed",
                "users.locale: the seed",
                &hex,
            ),
            (
                format!("INSERT INTO removed_credentials VALUES ({lookup}, {raw}, 0)"),
                "DELETE FROM removed_credentials",
                "failed",
                "removed_credentials.public_key: the seed",
                &hex,
            ),
            (
                format!("UPDATE methods SET name = '{token}'"),
                "UPDATE methods SET name = 'Phone'",
                "warning",
                "methods.name: what reads like a token in 1 cell",
                &token,
            ),
            (
                format!("UPDATE audit SET body = '{token}' WHERE seq = 1"),
                "DELETE FROM audit",
                "failed",
                "audit.body: what reads like a token in clear",
                &token,
            ),
        ] {
            installation.tamper(&plant).await;
            assert_leak(installation, state, place, secret).await;
            installation.tamper(undo).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_should_be_sealed_or_hashed_and_is_not_is_named_by_its_place() {
    each_engine(CAREFUL, async |installation| {
        part(installation);
        let server = installation.migrate_and_serve().await;
        let seed = live(&server).await;
        server.stop().await;
        let raw = BASE32_NOPAD.decode(seed.as_bytes()).unwrap();
        let hex = HEXLOWER.encode(&raw);
        let raw = bytes(installation, &raw);
        let word = bytes(installation, b"violin");
        for (column, planted, named) in [
            ("totp.secret", raw.as_str(), "totp.secret: 1 cell does not open"),
            ("sessions.refresh", word.as_str(), "sessions.refresh: something else than a hash"),
            ("recovery_codes.hash", word.as_str(), "recovery_codes.hash: something else"),
            ("users.password", word.as_str(), "users.password: 1 cell does not open"),
        ] {
            let (table, name) = column.split_once('.').unwrap();
            installation.tamper(&format!("CREATE TABLE kept AS SELECT * FROM {table}")).await;
            installation.tamper(&format!("UPDATE {table} SET {name} = {planted}")).await;
            assert_leak(installation, "failed", named, &hex).await;
            let back = format!(
                "UPDATE {table} SET {name} = (SELECT k.{name} FROM kept k \
                 WHERE k.user_id = {table}.user_id LIMIT 1)"
            );
            let back = if table == "users" { back.replace("user_id", "id") } else { back };
            installation.tamper(&format!("{back}; DROP TABLE kept")).await;
        }
    })
    .await;
}
