//! Installations are opened, refused and run for real, on SQLite in a folder of their own.

use std::{fs, net::Ipv4Addr, os::unix::fs::PermissionsExt, path::Path};

use nightlatch_flows::{Env, admin::audit::verify};
use nightlatch_store::Store;
use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::{
    config::{Config, Dev, env::Environment},
    wiring::{
        installation::{open, open_beside, options},
        keys,
        server::{Listeners, run},
    },
};

fn dev(data: &Path) -> Config {
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    let dev = Dev { listen: any, admin_listen: any, data: data.to_owned(), database: None };
    Config::dev(&dev).unwrap()
}

fn serve(home: &Path, database: &str, keys: &str) -> Config {
    let path = |name: &str| home.join(name).display().to_string();
    let variables = [
        ("PUBLIC_URL", "https://id.example.org".to_owned()),
        ("DATABASE__URL", format!("sqlite:{}", path(database))),
        ("KEYS__FILE", path(keys)),
        ("MAIL__DELIVERY", "off".to_owned()),
        ("ACCOUNTS__VERIFY_EMAIL", "false".to_owned()),
    ];
    let variables = variables.map(|(name, value)| (format!("NIGHTLATCH__{name}"), value));
    Config::load(None, &Environment::new(variables)).unwrap()
}

async fn refused(config: &Config) -> String {
    match open(config).await {
        Ok(_) => panic!("it opened"),
        Err(error) => error.to_string(),
    }
}

async fn close(env: Env) {
    env.store.close(env.clock.now()).await;
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_development_server_makes_what_is_missing_for_its_owner_alone() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    assert!(open_beside(&dev(&data)).await.is_err(), "a command makes nothing");
    assert!(!data.exists());

    close(open(&dev(&data)).await.unwrap()).await;
    assert_eq!(mode(&data), 0o700);
    for name in ["keys", "nightlatch.db"] {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
    close(open(&dev(&data)).await.unwrap()).await;
    close(open_beside(&dev(&data)).await.unwrap()).await;
}

#[tokio::test]
async fn keys_that_are_gone_are_not_replaced() {
    let home = TempDir::new().unwrap();
    close(open(&dev(home.path())).await.unwrap()).await;
    let file = home.path().join("keys");
    fs::remove_file(&file).unwrap();
    assert!(refused(&dev(home.path())).await.ends_with("is gone"));
    assert!(!file.exists());

    keys::make(&file, &nightlatch_flows::env::OsEntropy).unwrap();
    assert!(refused(&dev(home.path())).await.starts_with("the key ring does not open"));
    let kept = fs::read(&file).unwrap();
    assert!(keys::make(&file, &nightlatch_flows::env::OsEntropy).is_err());
    assert_eq!(fs::read(&file).unwrap(), kept);
}

#[tokio::test]
async fn a_production_server_takes_a_current_database_of_its_own_only() {
    let home = TempDir::new().unwrap();
    close(open(&dev(home.path())).await.unwrap()).await;
    let of_dev = serve(home.path(), "nightlatch.db", "keys");
    assert!(refused(&of_dev).await.contains("made by `nightlatch dev`"));

    let own = serve(home.path(), "serve.db", "keys");
    assert!(refused(&own).await.starts_with("the database's schema is at step"));
    let now = nightlatch_core::Timestamp::from_seconds(1);
    Store::open_and_migrate(options(&own).unwrap(), now).await.unwrap().close(now).await;
    close(open(&own).await.unwrap()).await;
}

#[tokio::test]
async fn a_server_serves_sends_and_ends_with_a_signed_trail() {
    let home = TempDir::new().unwrap();
    let config = dev(home.path());
    let env = open(&config).await.unwrap();
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    let listeners = Listeners::bind(any, any).await.unwrap();
    let [public, operator] = [&listeners.public, &listeners.operator]
        .map(|listener| format!("http://{}", listener.local_addr().unwrap()));
    let (stop, mut stops) = mpsc::channel(1);

    let calls = async {
        let client = Client::new();
        let ready = client.get(format!("{operator}/readyz")).send().await.unwrap();
        assert_eq!(ready.status(), 204);
        for _ in 0..2 {
            let body = json!({ "email": "ada@example.org", "password": "violin mustard canyon" });
            let call = client.post(format!("{public}/auth/register")).json(&body);
            assert_eq!(call.send().await.unwrap().status(), 201);
        }
        let inbox = format!("{public}/dev/v1/messages?to=ada@example.org&wait=20");
        let inbox: Value = client.get(inbox).send().await.unwrap().json().await.unwrap();
        assert_eq!(inbox["messages"][0]["subject"], "You already have an account");
        stop.send(()).await.unwrap();
    };
    let asked = async || {
        let _ = stops.recv().await;
    };
    let (ended, ()) = tokio::join!(run(&config, env, listeners, asked), calls);
    ended.unwrap();

    let env = open_beside(&config).await.unwrap();
    let report = verify(&env).await.unwrap();
    assert_eq!((report.flaws.len(), report.chains), (0, 1));
    assert!(report.checkpoints >= 1);
    assert_eq!(report.unsigned_tail, 0, "the last checkpoint comes after the last event");
    close(env).await;
}
