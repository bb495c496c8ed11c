//! A backup beside a running server, and its restore elsewhere.

use std::{fs, os::unix::fs::PermissionsExt};

use super::installation::{Installation, OPEN, each_engine};

const ADA: &str = "ada@example.org";

async fn restore(to: &Installation, file: &str, status: i32) -> String {
    let done = to.command(["restore", "--from", file]).await.with(status);
    assert_eq!(status == 1, done.stderr.contains("\nnext: "), "{}", done.stderr);
    format!("{}{}", done.stdout, done.stderr)
}

#[tokio::test]
async fn a_backup_of_a_running_server_is_restored_elsewhere() {
    each_engine(OPEN, async |installation| {
        let server = installation.migrate_and_serve().await;
        server.public.register(ADA).await;
        let enrolled = server.public.enrol(&server.public.sign_in(ADA).await).await;
        let access = enrolled.confirmed.text_at("/tokens/access_token");
        let file = installation.path("backup").display().to_string();
        let taken = installation.command(["backup", "--json", "--out", &file]).await.with(0).json();
        assert_eq!(taken["keys"].as_array().map(Vec::len), Some(1));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let again = installation.command(["backup", "--out", &file]).await.with(1);
        assert!(again.stderr.contains("is there already"), "{}", again.stderr);
        restore(installation, &file, 1).await;
        server.public.get("/auth/session", Some(&access)).await.expect(200);
        server.stop().await;

        let other = Installation::new(installation.engine(), OPEN).await;
        let told = restore(&other, &file, 1).await;
        assert!(told.contains("does not open this database"), "{told}");
        fs::copy(installation.path("keys"), other.path("keys")).unwrap();
        let whole = fs::read(&file).unwrap();
        let cut = other.path("cut").display().to_string();
        fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
        let told = restore(&other, &cut, 1).await;
        assert!(told.contains("is no whole backup"), "{told}");
        let told = restore(&other, &file, 0).await;
        assert!(told.contains("recovery codes of 1 accounts"), "{told}");
        restore(&other, &file, 1).await;

        other.command(["audit", "verify"]).await.succeeded();
        let server = other.serve().await;
        server.public.get("/auth/session", Some(&access)).await.refused(401, "unauthenticated");
        server.public.challenge(ADA).await;
        server.stop().await;
        other.remove().await;
    })
    .await;
}
