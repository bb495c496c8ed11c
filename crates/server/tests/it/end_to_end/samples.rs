//! The files in `deploy/` say what the program takes, and systemd takes them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tokio::process::Command;

use super::process::{Finished, finish, nightlatch};

const SETTINGS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/nightlatch.toml"));
const UNIT: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/systemd/nightlatch.service"));
const SYSUSERS: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../deploy/systemd/nightlatch.sysusers.conf"
));
const IMAGE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/docker/Dockerfile"));
const CONTAINER_SETTINGS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/docker/nightlatch.toml"));
const COMPOSE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/docker/compose.yaml"));

/// What an exposure of the unit may be at most, in tenths: systemd calls up to 20 safe.
const EXPOSURE: &str = "15";

/// Seconds that the end of a process takes at most after its drain: requests, upkeep, the store.
const END: u64 = 20 + 5 + 10;

/// The sample settings beside a key file, after `change`.
async fn settings(change: impl Fn(&str) -> String) -> (TempDir, PathBuf) {
    let home = TempDir::new().unwrap();
    let keys = home.path().join("keys");
    finish(nightlatch(["keys", "new", "--out"]).arg(&keys)).await.succeeded();
    let text = change(SETTINGS).replace("/etc/nightlatch/keys", &keys.display().to_string());
    let file = home.path().join("nightlatch.toml");
    fs::write(&file, text).unwrap();
    (home, file)
}

async fn check(file: &Path) {
    finish(nightlatch(["config", "check", "--config"]).arg(file)).await.succeeded();
}

/// Runs a command line of a sample with its settings in an empty folder: it has to fail for want of them
/// alone.
async fn understood(line: &str) {
    let home = TempDir::new().unwrap();
    let settings = home.path().join("nightlatch.toml").display().to_string();
    let words = line.split(' ').map(|word| match word {
        "/etc/nightlatch/nightlatch.toml" => &settings,
        other => other,
    });
    assert!(words.clone().any(|word| word == settings), "{line}");
    let Finished { status, stderr, .. } = finish(&mut nightlatch(words)).await;
    assert_eq!(status, Some(1), "{line}: {stderr}");
    assert!(stderr.starts_with(&format!("error: {settings}: ")), "{line}: {stderr}");
}

/// What follows `key` on the lines that begin with it.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.trim().strip_prefix(key)).map(str::trim).collect()
}

#[tokio::test]
async fn the_settings_are_good_to_serve_with_on_either_engine() {
    let (_home, file) = settings(str::to_owned).await;
    check(&file).await;
    let sqlite = |text: &str| {
        let commented = text.replace("database.url = \"postgres", "# database.url = \"postgres");
        commented.replace("# database.url = \"sqlite", "database.url = \"sqlite")
    };
    let (_home, file) = settings(sqlite).await;
    check(&file).await;
    let shown = finish(nightlatch(["config", "show", "--config"]).arg(&file)).await.succeeded();
    assert!(shown.contains("sqlite:/var/lib/nightlatch/nightlatch.db"), "{shown}");
}

#[tokio::test]
async fn the_unit_is_what_systemd_takes_and_holds_the_server_tight() {
    let home = TempDir::new().unwrap();
    let file = home.path().join("nightlatch.service");
    let program = "/usr/local/bin/nightlatch";
    fs::write(&file, UNIT.replace(program, env!("CARGO_BIN_EXE_nightlatch"))).unwrap();
    let analyze = async |arguments: &[&str]| {
        finish(Command::new("systemd-analyze").args(arguments).arg(&file)).await
    };
    let verified = analyze(&["verify", "--man=no"]).await.with(0);
    assert_eq!(verified.stderr, "");
    analyze(&["security", "--offline=yes", &format!("--threshold={EXPOSURE}")]).await.with(0);

    assert!(SYSUSERS.starts_with(&format!("u {} ", values(UNIT, "User=")[0])));
    let [line] = values(UNIT, "ExecStart=")[..] else { panic!("one line starts it") };
    understood(line.strip_prefix(program).unwrap().trim()).await;
    let [patience] = values(UNIT, "TimeoutStopSec=")[..] else { panic!("one line ends it") };
    assert!(patience.trim_end_matches('s').parse::<u64>().unwrap() > drain() + END);
}

/// The seconds of the sample's drain.
fn drain() -> u64 {
    values(SETTINGS, "drain =")[0].parse().unwrap()
}

#[tokio::test]
async fn the_image_runs_the_program_as_nobody_special() {
    let [command] = values(IMAGE, "CMD")[..] else { panic!("one command") };
    let words: Vec<String> = serde_json::from_str(command).unwrap();
    understood(&words.join(" ")).await;
    assert_eq!(values(IMAGE, "ENTRYPOINT"), ["[\"nightlatch\"]"]);
    assert_eq!(values(IMAGE, "STOPSIGNAL"), ["SIGTERM"]);
    let user = values(IMAGE, "USER")[0].split(':').next().unwrap();
    assert!(user.parse::<u32>().is_ok_and(|user| user > 0), "{user}");

    let toolchain: toml::Table = toml::from_str(include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../rust-toolchain.toml"
    )))
    .unwrap();
    let version = toolchain["toolchain"]["channel"].as_str().unwrap();
    assert!(values(IMAGE, "FROM rust:")[0].starts_with(&format!("{version}-")), "{version}");
    let ports: Vec<_> = ["listen = ", "admin_listen = "]
        .map(|key| values(SETTINGS, key)[0].trim_matches('"').rsplit_once(':').unwrap().1)
        .into();
    assert_eq!(values(IMAGE, "EXPOSE"), [ports.join(" ")]);
}

#[tokio::test]
async fn the_composition_has_settings_to_serve_with_and_gives_nodes_time_to_end() {
    let home = TempDir::new().unwrap();
    let path = |name: &str| home.path().join(name).display().to_string();
    finish(&mut nightlatch(["keys", "new", "--out", &path("keys")])).await.succeeded();
    fs::write(path("database-url"), "postgres://nightlatch:hush@db/nightlatch?sslmode=disable\n")
        .unwrap();
    let text = CONTAINER_SETTINGS.replace("/run/nightlatch/keys", &path("keys"));
    fs::write(path("nightlatch.toml"), text).unwrap();
    let names = COMPOSE.lines().filter_map(|line| line.trim().split_once(": "));
    let names = names.filter(|(name, _)| name.starts_with("NIGHTLATCH__"));
    let variables: Vec<_> = names.map(|(name, _)| (name, path("database-url"))).collect();
    let mut command = nightlatch(["config", "check", "--config", &path("nightlatch.toml")]);
    finish(command.envs(variables)).await.succeeded();

    for command in values(COMPOSE, "command:") {
        understood(&command.trim_matches(['[', ']']).replace(", ", " ")).await;
    }
    let patience = values(COMPOSE, "stop_grace_period:")[0].trim_end_matches('s');
    assert!(patience.parse::<u64>().unwrap() > drain() + END);
}
