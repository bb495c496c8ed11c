//! Each section of the settings: its keys, their defaults in production, and what they may be.

use std::{
    fs, net::SocketAddr, num::NonZeroUsize, os::unix::fs::PermissionsExt, path::PathBuf,
    thread::available_parallelism, time::Duration,
};

use ipnet::IpNet;
use nightlatch_core::{SecretText, factors::password::Cost};
use serde::Deserialize;

use crate::{
    config::{
        Accounts, Argon2, DatabaseUrl, Delivery, Http, Keys, Lifetimes, Log, LogFormat, Passwords,
        PublicUrl, Registration, Sessions, Tokens, Totp, TotpAlgorithm,
        reader::Reader,
        urls::{is_host, is_origin},
    },
    telemetry::logs,
};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const SECONDS: &str = "Write whole seconds, such as 900.";
const NUMBER: &str = "Write a whole number.";
const SWITCH: &str = "Write true or false.";
const ADDRESS: &str = "Write an address and a port, such as \"127.0.0.1:8080\".";

/// The weakest Argon2id cost that is accepted (OWASP's second choice, 19 MiB).
const ARGON2_FLOOR: Argon2 = Argon2 { memory_kib: 19_456, iterations: 2, parallelism: 1 };

/// The longest an access token may live, in seconds: how long a revoked session may linger.
const LONGEST_ACCESS: u64 = 300;

/// Whoever routes to a server that is not ready for so long does not look.
const LONGEST_DRAIN: Duration = Duration::from_mins(5);

pub(super) fn public_url(r: &mut Reader) -> Option<PublicUrl> {
    const KEY: &str = "public_url";
    const NEXT: &str =
        "Set it to the address that people open, such as \"https://id.example.com\".";
    let Some(text) = r.take::<String>(KEY, NEXT) else {
        r.missing(KEY, NEXT);
        return None;
    };
    let url = PublicUrl::parse(&text);
    r.require(url.is_some(), KEY, "It is not scheme, host and port alone.", NEXT);
    let url = url?;
    let secure = url.is_https() || url.is_loopback();
    let next = "Use https, with a proxy in front of this server that ends TLS.";
    r.require(secure, KEY, "Passwords and codes would travel in clear.", next);
    Some(url)
}

pub(super) fn database(r: &mut Reader) -> Option<DatabaseUrl> {
    const KEY: &str = "database.url";
    const NEXT: &str = "Set it to \"sqlite:PATH\" or \"postgres://user@host/name\".";
    let Some(text) = r.take_secret(KEY, NEXT) else {
        r.missing(KEY, NEXT);
        return None;
    };
    let url = DatabaseUrl::parse(&text);
    r.require(url.is_some(), KEY, "It is no database address.", NEXT);
    url
}

pub(super) fn keys(r: &mut Reader) -> Option<Keys> {
    const FILE: &str = "keys.file";
    const RING: &str = "keys.ring";
    const NEXT: &str = "Set keys.file to a file made with `nightlatch keys`, or keys.ring.";
    let file: Option<PathBuf> = r.take(FILE, "Write a path.");
    let ring = r.take_secret(RING, NEXT);
    match (file, ring) {
        (Some(_), Some(_)) => {
            r.complain(RING, "There is keys.file as well.", "Keep one of them.");
            None
        }
        (Some(file), None) => {
            check_key_file(r, FILE, &file);
            Some(Keys::File(file))
        }
        (None, Some(ring)) => {
            r.require(!ring.is_empty(), RING, "It is empty.", NEXT);
            Some(Keys::Ring(SecretText::new(ring)))
        }
        (None, None) => {
            r.missing(FILE, NEXT);
            None
        }
    }
}

fn check_key_file(r: &mut Reader, key: &str, file: &std::path::Path) {
    match fs::metadata(file) {
        Err(error) => {
            let problem = format!("It can't be read ({}).", error.kind());
            r.complain(key, &problem, "Correct the path, or make it with `nightlatch keys`.");
        }
        Ok(data) => {
            let open = data.permissions().mode() & 0o077 != 0;
            let next = format!("Run chmod 600 {}.", file.display());
            r.require(!open, key, "Others than its owner can read it.", &next);
        }
    }
}

pub(super) fn delivery(r: &mut Reader) -> Option<Delivery> {
    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Named {
        Off,
    }
    const KEY: &str = "mail.delivery";
    const NEXT: &str = "Set it to \"off\" if nobody is to get mail from this server.";
    let named = r.take::<Named>(KEY, NEXT);
    if named.is_none() {
        r.missing(KEY, NEXT);
    }
    named.map(|Named::Off| Delivery::Off)
}

pub(super) fn http(r: &mut Reader) -> Http {
    let listen = r.take("http.listen", ADDRESS);
    let admin_listen = r.take("http.admin_listen", ADDRESS);
    let http = Http {
        listen: listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))),
        admin_listen: admin_listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8081))),
        admin_hosts: r
            .take("http.admin_hosts", "Write a list such as [\"metrics.internal:8081\"].")
            .unwrap_or_default(),
        trusted_proxies: r
            .take("http.trusted_proxies", "Write a list of networks such as [\"10.0.0.0/8\"].")
            .unwrap_or_default(),
        allowed_origins: r
            .take("http.allowed_origins", "Write a list such as [\"https://app.example.com\"].")
            .unwrap_or_default(),
        drain: Duration::from_secs(r.take("http.drain", SECONDS).unwrap_or(5)),
    };
    let short = http.drain <= LONGEST_DRAIN;
    r.require(short, "http.drain", "It is more than five minutes.", SECONDS);
    let next = "Give the two listeners different ports.";
    let apart = http.listen != http.admin_listen || http.listen.port() == 0;
    r.require(apart, "http.admin_listen", "It is the same as http.listen.", next);
    let everybody = |net: &IpNet| net.prefix_len() == 0;
    let next = "Name the addresses of your proxies.";
    let problem = "It trusts everybody's X-Forwarded-For.";
    let some = !http.trusted_proxies.iter().any(everybody);
    r.require(some, "http.trusted_proxies", problem, next);
    let next = "Write scheme, host and port as browsers do: lower case, no slash at the end.";
    for origin in http.allowed_origins.iter().filter(|origin| !is_origin(origin)) {
        r.complain("http.allowed_origins", &format!("{origin:?} is no origin."), next);
    }
    for host in http.admin_hosts.iter().filter(|host| !is_host(host)) {
        let next = "Write a host, with its port if it has one.";
        r.complain("http.admin_hosts", &format!("{host:?} is no host."), next);
    }
    http
}

pub(super) fn per_address(r: &mut Reader) -> u32 {
    r.take("limits.per_address", NUMBER).unwrap_or(600)
}

pub(super) fn accounts(r: &mut Reader, delivery: Option<Delivery>) -> Accounts {
    const VERIFY: &str = "accounts.verify_email";
    let accounts = Accounts {
        registration: r
            .take("accounts.registration", "Write \"open\", \"invite\" or \"closed\".")
            .unwrap_or(Registration::Invite),
        verify_email: r.take(VERIFY, SWITCH).unwrap_or(true),
    };
    let possible = !accounts.verify_email || delivery != Some(Delivery::Off);
    let next = "Name a delivery in mail.delivery, or set accounts.verify_email = false.";
    r.require(possible, VERIFY, "It needs mail, and mail.delivery is off.", next);
    accounts
}

pub(super) fn sessions(r: &mut Reader) -> Sessions {
    Sessions {
        aal1: lifetimes(r, "sessions.aal1", 7 * DAY, 30 * DAY),
        aal2: lifetimes(r, "sessions.aal2", HOUR, DAY),
        aal3: lifetimes(r, "sessions.aal3", 15 * MINUTE, 12 * HOUR),
    }
}

fn lifetimes(r: &mut Reader, key: &str, idle: u64, absolute: u64) -> Lifetimes {
    let idle = r.take(&format!("{key}.idle"), SECONDS).unwrap_or(idle);
    let absolute = r.take(&format!("{key}.absolute"), SECONDS).unwrap_or(absolute);
    let problem = "Idle has to be more than 0 and at most absolute, absolute at most a year.";
    let good = 0 < idle && idle <= absolute && absolute <= 365 * DAY;
    r.require(good, key, problem, SECONDS);
    Lifetimes { idle: Duration::from_secs(idle), absolute: Duration::from_secs(absolute) }
}

pub(super) fn step_up_max_age(r: &mut Reader) -> Duration {
    const KEY: &str = "step_up.max_age";
    let seconds = r.take(KEY, SECONDS).unwrap_or(5 * MINUTE);
    let good = (MINUTE..=HOUR).contains(&seconds);
    r.require(good, KEY, "It is not between a minute and an hour.", SECONDS);
    Duration::from_secs(seconds)
}

pub(super) fn totp(r: &mut Reader) -> Totp {
    let totp = Totp {
        issuer: r
            .take("totp.issuer", "Write the name that apps show.")
            .unwrap_or_else(|| "Nightlatch".into()),
        window: r.take("totp.window", NUMBER).unwrap_or(1),
        algorithm: r
            .take("totp.algorithm", "Write \"SHA1\", \"SHA256\" or \"SHA512\".")
            .unwrap_or(TotpAlgorithm::Sha1),
        digits: r.take("totp.digits", NUMBER).unwrap_or(6),
        period: Duration::from_secs(r.take("totp.period", SECONDS).unwrap_or(30)),
    };
    let plain = |name: &str| !name.contains(':') && !name.chars().any(char::is_control);
    let named = (1..=64).contains(&totp.issuer.trim().len()) && plain(&totp.issuer);
    let next = "Write a short name without a colon.";
    r.require(named, "totp.issuer", "Apps would not show it well.", next);
    let next = "Use 1, or 0 to accept the present step only.";
    r.require(totp.window <= 1, "totp.window", "More than 1 step helps guessing.", next);
    r.require(matches!(totp.digits, 6 | 8), "totp.digits", "It is not 6 or 8.", "Use 6.");
    let good = (15..=60).contains(&totp.period.as_secs());
    r.require(good, "totp.period", "It is not between 15 and 60.", "Use 30.");
    totp
}

pub(super) fn passwords(r: &mut Reader) -> Passwords {
    let cores = available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let passwords = Passwords {
        min_length: r.take("passwords.min_length", NUMBER).unwrap_or(15),
        min_length_with_mfa: r.take("passwords.min_length_with_mfa", NUMBER).unwrap_or(8),
        argon2: argon2(r),
        permits: r.take("passwords.permits", "Write a number above 0.").unwrap_or(cores),
        queue: r.take("passwords.queue", NUMBER).unwrap_or(64),
    };
    let lengths = 8..=64;
    let good = lengths.contains(&passwords.min_length);
    r.require(good, "passwords.min_length", "It is not between 8 and 64.", "Use 15.");
    let good = (8..=passwords.min_length).contains(&passwords.min_length_with_mfa);
    let problem = "It is not between 8 and passwords.min_length.";
    r.require(good, "passwords.min_length_with_mfa", problem, "Use 8.");
    passwords
}

fn argon2(r: &mut Reader) -> Argon2 {
    let (floor, most) = (ARGON2_FLOOR, Cost::CEILING);
    let mut take = |name: &str, floor: u32, most: u32| {
        let key = format!("passwords.argon2.{name}");
        let cost = r.take(&key, NUMBER).unwrap_or(floor);
        let problem = format!("It is not between {floor} and {most}.");
        r.require((floor..=most).contains(&cost), &key, &problem, &format!("Use {floor}."));
        cost
    };
    Argon2 {
        memory_kib: take("memory_kib", floor.memory_kib, most.memory_kib),
        iterations: take("iterations", floor.iterations, most.iterations),
        parallelism: take("parallelism", floor.parallelism, most.parallelism),
    }
}

pub(super) fn tokens(r: &mut Reader, issuer: Option<&PublicUrl>) -> Tokens {
    const AUDIENCES: &str = "tokens.audiences";
    const LIFETIME: &str = "tokens.access_lifetime";
    let audiences: Vec<String> = r
        .take(AUDIENCES, "Write a list such as [\"https://api.example.com\"].")
        .unwrap_or_default();
    let seconds = r.take(LIFETIME, SECONDS).unwrap_or(LONGEST_ACCESS);
    let good = (30..=LONGEST_ACCESS).contains(&seconds);
    r.require(good, LIFETIME, "It is not between 30 and 300.", SECONDS);
    let named = audiences.iter().all(|audience| !audience.trim().is_empty());
    r.require(named, AUDIENCES, "One of them is empty.", "Remove it.");
    let ours = |audience: &String| {
        issuer.is_some_and(|issuer| audience.trim_end_matches('/') == issuer.origin())
    };
    let problem = "One of them is public_url, so its tokens would open the account API.";
    let next = "Name the applications instead.";
    r.require(!audiences.iter().any(ours), AUDIENCES, problem, next);
    Tokens { audiences, access_lifetime: Duration::from_secs(seconds) }
}

pub(super) fn log(r: &mut Reader) -> Log {
    const LEVEL: &str = "log.level";
    let log = Log {
        level: r.take(LEVEL, "Write a level such as \"info\".").unwrap_or_else(|| "info".into()),
        format: r.take("log.format", "Write \"json\" or \"text\".").unwrap_or(LogFormat::Json),
    };
    let good = logs::filter(&log.level).is_ok();
    let next = "Write error, warn, info or debug.";
    r.require(good, LEVEL, "It is no level.", next);
    log
}
