//! The two ways to come by a [`Config`].

use std::time::Duration;

use crate::config::{
    Accounts, Config, DatabaseUrl, Delivery, Dev, Http, Issue, Issues, Keys, Log, LogFormat, Mode,
    PublicUrl, Registration, env::Environment, reader::Reader, sections, webauthn,
};

/// A development server: this machine only, and everything a newcomer needs switched on.
pub(super) fn dev(dev: &Dev) -> Result<Config, Issues> {
    let mut issues = Vec::new();
    for (key, address) in [("--listen", dev.listen), ("--admin-listen", dev.admin_listen)] {
        if !address.ip().is_loopback() {
            let next = "Use 127.0.0.1, or `nightlatch serve` for the public.";
            issues.push(Issue::new(key, "A development server is for this machine only.", next));
        }
    }
    let default = format!("sqlite:{}", dev.data.join("nightlatch.db").display());
    let database = DatabaseUrl::parse(dev.database.as_deref().unwrap_or(&default));
    if database.is_none() {
        let next = "Use sqlite:PATH or postgres://...";
        issues.push(Issue::new("--database", "This is no database address.", next));
    }
    let public_url = PublicUrl::parse(&format!("http://localhost:{}", dev.listen.port()));
    let (Some(database), Some(public_url), true) = (database, public_url, issues.is_empty()) else {
        return Err(Issues(issues));
    };
    let mut defaults = Reader::new("", &Environment::default())?;
    let r = &mut defaults;
    Ok(Config {
        mode: Mode::Dev,
        http: Http {
            listen: dev.listen,
            admin_listen: dev.admin_listen,
            // Nobody routes to it.
            drain: Duration::ZERO,
            ..sections::http(r)
        },
        per_address: 0,
        accounts: Accounts { registration: Registration::Open, verify_email: false },
        sessions: sections::sessions(r),
        step_up_max_age: sections::step_up_max_age(r),
        totp: sections::totp(r),
        webauthn: webauthn::section(r, Some(&public_url)),
        passwords: sections::passwords(r),
        tokens: sections::tokens(r, Some(&public_url)),
        keys: Keys::File(dev.data.join("keys")),
        delivery: Delivery::Mailbox,
        log: Log { level: "info".into(), format: LogFormat::Text },
        public_url,
        database,
    })
}

/// A production server: what is missing or unsafe is an issue, and all of them are told. With issues
/// there are settings to look at all the same, but none to serve with, unless what is wrong is one that
/// has no default.
pub(super) fn serve(mut reader: Reader) -> (Option<Config>, Issues) {
    let r = &mut reader;
    let public_url = sections::public_url(r);
    let database = sections::database(r);
    let keys = sections::keys(r);
    let delivery = sections::delivery(r);
    let http = sections::http(r);
    let per_address = sections::per_address(r);
    let accounts = sections::accounts(r, delivery);
    let sessions = sections::sessions(r);
    let step_up_max_age = sections::step_up_max_age(r);
    let totp = sections::totp(r);
    let webauthn = webauthn::section(r, public_url.as_ref());
    let passwords = sections::passwords(r);
    let tokens = sections::tokens(r, public_url.as_ref());
    let log = sections::log(r);
    let issues = reader.finish();
    let (Some(public_url), Some(database), Some(keys), Some(delivery)) =
        (public_url, database, keys, delivery)
    else {
        return (None, issues);
    };
    let config = Config {
        mode: Mode::Serve,
        public_url,
        database,
        http,
        per_address,
        accounts,
        sessions,
        step_up_max_age,
        totp,
        webauthn,
        passwords,
        tokens,
        keys,
        delivery,
        log,
    };
    (Some(config), issues)
}
