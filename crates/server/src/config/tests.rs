//! What a production server accepts, refuses and shows.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use crate::config::{
    Config, Delivery, Dev, Issues, Keys, LogFormat, Mode, Registration, env::Environment,
};

const REFERENCE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/configuration.md"));

const GOOD: &str = r#"
    public_url = "https://id.example.com"
    database.url = "postgres://app:hunter2@db/nightlatch"
    keys.ring = "the-ring"
    mail.delivery = "off"
    accounts.verify_email = false
"#;

fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, Issues> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nightlatch.toml");
    fs::write(&file, text).unwrap();
    let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    Config::load(Some(&file), &Environment::new(variables))
}

/// The keys of the issues, in the order they are told.
#[track_caller]
fn wrong(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let issues = load(text, variables).unwrap_err();
    for issue in &issues.0 {
        assert!(issue.problem.ends_with('.') && !issue.next.is_empty(), "{issue:?}");
    }
    issues.0.into_iter().map(|issue| issue.key).collect()
}

#[test]
fn the_least_that_is_needed_gives_the_defaults_of_production() {
    let config = load(GOOD, &[]).unwrap();
    assert_eq!(config.mode, Mode::Serve);
    assert_eq!(config.per_address, 600);
    assert_eq!(config.http.drain, Duration::from_secs(5));
    assert_eq!(config.accounts.registration, Registration::Invite);
    assert_eq!(config.sessions.aal2.idle, Duration::from_hours(1));
    assert_eq!(config.sessions.aal3.absolute, Duration::from_hours(12));
    assert_eq!(config.passwords.argon2.memory_kib, 19_456);
    assert_eq!(config.log.format, LogFormat::Json);
    assert!(matches!(&config.keys, Keys::Ring(ring) if ring.expose() == "the-ring"));
}

#[test]
fn an_empty_file_is_told_everything_that_is_missing_at_once() {
    let missing = ["public_url", "database.url", "keys.file", "mail.delivery"];
    assert_eq!(wrong("", &[]), missing);
}

#[test]
fn the_environment_overlays_the_file() {
    let config = load(
        GOOD,
        &[
            ("NIGHTLATCH__HTTP__LISTEN", "0.0.0.0:80"),
            ("NIGHTLATCH__HTTP__TRUSTED_PROXIES", "10.0.0.0/8, fd00::/8"),
            ("NIGHTLATCH__LIMITS__PER_ADDRESS", "0"),
            ("NIGHTLATCH__SESSIONS__AAL1__IDLE", "60"),
            ("NIGHTLATCH__TOTP__ISSUER", "123"),
            ("NIGHTLATCH__PUBLIC_URL", "http://localhost:8080"),
            ("NIGHTLATCHED", "is not ours"),
        ],
    )
    .unwrap();
    assert_eq!(config.http.listen.port(), 80);
    assert_eq!(config.http.trusted_proxies.len(), 2);
    assert_eq!(config.per_address, 0);
    assert_eq!(config.sessions.aal1.idle, Duration::from_mins(1));
    assert_eq!(config.totp.issuer, "123");
    assert_eq!(config.public_url.origin(), "http://localhost:8080");
}

#[test]
fn a_secret_can_come_from_a_file_that_the_environment_names() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ring");
    fs::write(&file, "other-ring\n").unwrap();
    let path = file.to_str().unwrap();
    let without = GOOD.replace("keys.ring", "# keys.ring");
    let config = load(&without, &[("NIGHTLATCH__KEYS__RING_FILE", path)]).unwrap();
    assert!(matches!(&config.keys, Keys::Ring(ring) if ring.expose() == "other-ring"));
    assert_eq!(wrong(GOOD, &[("NIGHTLATCH__KEYS__RING_FILE", path)]), ["keys.ring"]);
    assert_eq!(wrong(&without, &[("NIGHTLATCH__KEYS__RING_FILE", "/no/such")])[0], "keys.ring");
}

#[test]
fn unknown_and_mistyped_keys_are_named() {
    let text =
        format!("{GOOD}\nhttp.lisen = \"127.0.0.1:1\"\nhttp.listen = 80\n[totp]\ncolour = 1");
    assert_eq!(
        wrong(&text, &[("NIGHTLATCH__SESSION__AAL1", "1")]),
        ["http.listen", "http.lisen", "session.aal1", "totp.colour"]
    );
    assert_eq!(wrong("a = 1\nb = [", &[]), ["line 2"]);
}

#[test]
fn unsafe_settings_are_refused() {
    for (change, key) in [
        (("https://id.example.com", "http://id.example.com"), "public_url"),
        (("https://id.example.com", "https://id.example.com/auth"), "public_url"),
        (("postgres://", "mysql://"), "database.url"),
        (("the-ring", ""), "keys.ring"),
        (("verify_email = false", "verify_email = true"), "accounts.verify_email"),
        (("\"off\"", "\"carrier pigeon\""), "mail.delivery"),
    ] {
        assert_eq!(wrong(&GOOD.replace(change.0, change.1), &[]), [key], "{change:?}");
    }
    for (line, key) in [
        ("tokens.audiences = [\"https://id.example.com/\"]", "tokens.audiences"),
        ("tokens.audiences = [\"\"]", "tokens.audiences"),
        ("tokens.access_lifetime = 301", "tokens.access_lifetime"),
        ("passwords.argon2.memory_kib = 19455", "passwords.argon2.memory_kib"),
        ("passwords.argon2.iterations = 1", "passwords.argon2.iterations"),
        ("passwords.argon2.parallelism = 0", "passwords.argon2.parallelism"),
        ("passwords.min_length = 7", "passwords.min_length"),
        ("passwords.permits = 0", "passwords.permits"),
        ("http.trusted_proxies = [\"0.0.0.0/0\"]", "http.trusted_proxies"),
        ("http.allowed_origins = [\"*\"]", "http.allowed_origins"),
        ("http.allowed_origins = [\"https://app.example.com/\"]", "http.allowed_origins"),
        ("http.admin_listen = \"127.0.0.1:8080\"", "http.admin_listen"),
        ("http.drain = 301", "http.drain"),
        ("sessions.aal2 = { idle = 100, absolute = 99 }", "sessions.aal2"),
        ("sessions.aal2 = { idle = \"1h\" }", "sessions.aal2.idle"),
        ("step_up.max_age = 3601", "step_up.max_age"),
        ("totp.window = 3", "totp.window"),
        ("totp.digits = 7", "totp.digits"),
        ("totp.period = 0", "totp.period"),
        ("totp.issuer = \"a:b\"", "totp.issuer"),
        ("webauthn.origins = []", "webauthn.origins"),
        ("webauthn.name = \"\"", "webauthn.name"),
        ("webauthn.name = \"a\\u0007b\"", "webauthn.name"),
        ("webauthn.metadata_root = \"root.pem\"", "webauthn.metadata_root"),
        ("webauthn.highest = [\"d8522d9f-575b-4866-88a9-ba99fa02f35b\"]", "webauthn.highest"),
        ("log.level = \"nightlatch=loud\"", "log.level"),
    ] {
        let found = wrong(&format!("{GOOD}\n{line}"), &[]);
        assert!(found.iter().any(|found| found == key), "{line}: {found:?}");
    }
}

#[test]
fn passkeys_are_bound_to_the_host_of_the_public_url_or_a_domain_above_it() {
    let rp_id = |host: &str, id: &str| {
        let text = GOOD.replace("id.example.com", host);
        load(&format!("{text}\nwebauthn.rp_id = {id:?}"), &[]).map(|config| config.webauthn.rp_id)
    };
    for (host, id) in [
        ("id.example.com", "id.example.com"),
        ("id.example.com", "example.com"),
        ("a.b.example.co.uk:8443", "example.co.uk"),
        ("me.github.io", "me.github.io"),
        ("intranet", "intranet"),
    ] {
        assert_eq!(rp_id(host, id).unwrap(), id, "{host}");
    }
    for (host, id) in [
        ("id.example.com", ""),
        ("id.example.com", "com"),
        ("id.example.com", "ample.com"),
        ("id.example.com", ".example.com"),
        ("id.example.com", "Example.com"),
        ("id.example.com", "www.id.example.com"),
        ("id.example.com", "https://id.example.com"),
        ("id.example.co.uk", "co.uk"),
        ("me.github.io", "github.io"),
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", "0.1"),
    ] {
        let Issues(issues) = rp_id(host, id).unwrap_err();
        assert!(
            issues.iter().all(|issue| issue.key == "webauthn.rp_id"),
            "{host} {id}: {issues:?}"
        );
    }
    let config = load(&GOOD.replace("id.example.com", "id.example.com:8443"), &[]).unwrap();
    assert_eq!(config.webauthn.rp_id, "id.example.com");
    assert_eq!(config.webauthn.origins, ["https://id.example.com:8443"]);
}

#[test]
fn passkeys_are_asked_for_from_exact_origins() {
    let app = format!("android:apk-key-hash:{}", "A".repeat(43));
    for (origin, page, asks) in [
        ("https://app.example.com", true, true),
        ("https://other.example:8443", true, true),
        ("http://localhost:3000", true, true),
        (&app, false, true),
        (&app[..app.len() - 1], false, false),
        ("http://app.example.com", false, false),
        ("http://127.0.0.1:3000", false, false),
        ("https://app.example.com/", false, false),
        ("https://app.example.com:443", false, false),
        ("https://*.example.com", false, false),
        ("https://App.example.com", false, false),
        ("*", false, false),
        ("null", false, false),
    ] {
        for (key, good) in [("webauthn.origins", asks), ("webauthn.top_origins", page)] {
            let text = format!("{GOOD}\n{key} = [\"https://id.example.com\", {origin:?}]");
            if good {
                load(&text, &[]).unwrap();
            } else {
                assert_eq!(wrong(&text, &[]), [key], "{origin}");
            }
        }
    }
}

#[test]
fn only_models_that_metadata_tell_of_may_prove_the_highest_level() {
    let model = "D8522D9F-575B-4866-88A9-BA99FA02F35B";
    let with = |models: &str| {
        format!("{GOOD}\nwebauthn = {{ metadata = \"mds.jwt\", highest = [{models}] }}")
    };
    let webauthn = load(&with(&format!("{model:?}")), &[]).unwrap().webauthn;
    assert_eq!(webauthn.highest[0].to_string(), model.to_lowercase());
    let file = webauthn.metadata.unwrap();
    assert_eq!((file.path.as_path(), file.root), (Path::new("mds.jwt"), None));
    let nobody = "00000000-0000-0000-0000-000000000000";
    let two = wrong(&with(&format!("{nobody:?}, \"a key\"")), &[]);
    assert_eq!(two, ["webauthn.highest", "webauthn.highest"]);
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    fs::write(&file, "ring").unwrap();
    let text = GOOD.replace("keys.ring = \"the-ring\"", &format!("keys.file = {file:?}"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(wrong(&text, &[]), ["keys.file"]);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(load(&text, &[]).is_ok());
    assert_eq!(wrong(&text.replace("/keys\"", "/no-keys\""), &[]), ["keys.file"]);
}

#[test]
fn nothing_secret_is_shown_or_complained_about() {
    let config = load(GOOD, &[]).unwrap();
    let shown = format!("{:?} {config:?}", config.show());
    let issues = load(&format!("{GOOD}\npublic_url ="), &[]).unwrap_err().to_string();
    let repeated = load(&GOOD.replace("\"the-ring\"", "\"the-ring"), &[]).unwrap_err().to_string();
    for secret in ["hunter2", "the-ring"] {
        for text in [&shown, &issues, &repeated] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    assert!(shown.contains("postgres://app:***@db/nightlatch"));
}

#[test]
fn every_setting_is_in_the_reference() {
    for (key, _) in load(GOOD, &[]).unwrap().show() {
        assert!(key == "mode" || REFERENCE.contains(&format!("| `{key}")), "{key}");
    }
    assert!(REFERENCE.contains("| `keys.file"));
}

fn dev(listen: &str, database: Option<&str>) -> Result<Config, Issues> {
    Config::dev(&Dev {
        listen: listen.parse().unwrap(),
        admin_listen: "127.0.0.1:8081".parse().unwrap(),
        data: Path::new("data").into(),
        database: database.map(Into::into),
    })
}

#[test]
fn development_needs_nothing() {
    let config = dev("127.0.0.1:4711", None).unwrap();
    assert_eq!(config.public_url.origin(), "http://localhost:4711");
    assert_eq!(config.database.expose(), "sqlite:data/nightlatch.db");
    assert_eq!(config.http.listen.port(), 4711);
    assert_eq!((config.per_address, config.delivery), (0, Delivery::Mailbox));
    assert_eq!(config.http.drain, Duration::ZERO);
    assert_eq!(config.accounts.registration, Registration::Open);
    assert!(!config.accounts.verify_email);
    assert_eq!(config.webauthn.rp_id, "localhost");
    assert_eq!(config.webauthn.origins, ["http://localhost:4711"]);
    assert!(config.webauthn.top_origins.is_empty() && config.webauthn.metadata.is_none());
}

#[test]
fn development_is_for_this_machine_only() {
    let issues = dev("0.0.0.0:8080", Some("mysql://")).unwrap_err();
    assert_eq!(issues.0.len(), 2);
    assert!(issues.to_string().starts_with("--listen: "));
}
