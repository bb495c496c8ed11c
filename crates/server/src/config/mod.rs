//! Settings: from a file and the environment in production, from nothing in development.
//!
//! Everything that is wrong is found at once, each [`Issue`] with its key and the next step, and a
//! [`Config`] that exists is safe to run. Durations are whole seconds.

pub mod env;
mod presets;
mod reader;
mod risks;
mod sections;
mod show;
#[cfg(test)]
mod tests;
mod urls;
mod webauthn;

use std::{
    fmt, fs,
    net::SocketAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use ipnet::IpNet;
use nightlatch_core::{SecretText, factors::webauthn::Aaguid};
use serde::Deserialize;

pub use self::{
    risks::Risk,
    urls::{DatabaseUrl, PublicUrl},
};
use crate::config::{env::Environment, reader::Reader};

/// What a process runs on.
#[derive(Debug)]
pub struct Config {
    /// Development or production.
    pub mode: Mode,
    /// Where people reach this server; links and the issuer of tokens are made of it.
    pub public_url: PublicUrl,
    /// Where it remembers things.
    pub database: DatabaseUrl,
    /// The two listeners.
    pub http: Http,
    /// Requests a minute for each address; 0 for no limit.
    pub per_address: u32,
    /// Who can register.
    pub accounts: Accounts,
    /// How long sessions last.
    pub sessions: Sessions,
    /// How old a proof may be where a fresh one is asked for.
    pub step_up_max_age: Duration,
    /// Authenticator apps.
    pub totp: Totp,
    /// Passkeys and security keys.
    pub webauthn: WebAuthn,
    /// Passwords and what they cost to check.
    pub passwords: Passwords,
    /// Access tokens.
    pub tokens: Tokens,
    /// Where the key ring comes from.
    pub keys: Keys,
    /// Where messages go.
    pub delivery: Delivery,
    /// What is logged, and how.
    pub log: Log,
}

/// Development or production.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `nightlatch dev`: everything on embedded defaults, on this machine only.
    Dev,
    /// `nightlatch serve`: nothing unsafe without saying so.
    Serve,
}

/// The two listeners.
#[derive(Debug)]
pub struct Http {
    /// Where the API and the pages are served.
    pub listen: SocketAddr,
    /// Where health and metrics are served.
    pub admin_listen: SocketAddr,
    /// `Host` values of the admin listener besides the names of this machine.
    pub admin_hosts: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins whose pages may call with a bearer token.
    pub allowed_origins: Vec<String>,
    /// How long requests are still served once the process is asked to stop.
    pub drain: Duration,
}

/// Who can register.
#[derive(Debug)]
pub struct Accounts {
    /// Whether registration is open.
    pub registration: Registration,
    /// Whether an address has to be verified before an account is made.
    pub verify_email: bool,
}

/// Whether registration is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// To everybody.
    Open,
    /// To whoever is invited.
    Invite,
    /// To nobody.
    Closed,
}

/// How long sessions last, by what was proved in them.
#[derive(Debug)]
pub struct Sessions {
    /// One factor.
    pub aal1: Lifetimes,
    /// Two factors.
    pub aal2: Lifetimes,
    /// A device-bound, phishing-resistant authenticator.
    pub aal3: Lifetimes,
}

/// When a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// After so long without a request.
    pub idle: Duration,
    /// After so long, whatever happens.
    pub absolute: Duration,
}

/// Authenticator apps (RFC 6238).
#[derive(Debug)]
pub struct Totp {
    /// The name shown in the app.
    pub issuer: String,
    /// Steps accepted on either side of the present one.
    pub window: u8,
    /// The hash of new secrets; enrolled ones keep theirs.
    pub algorithm: TotpAlgorithm,
    /// Digits of a code: 6 or 8.
    pub digits: u8,
    /// How long one code lives.
    pub period: Duration,
}

/// The hash of an authenticator app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TotpAlgorithm {
    /// What every app understands.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// Passkeys and security keys.
#[derive(Debug)]
pub struct WebAuthn {
    /// The domain that credentials are bound to.
    pub rp_id: String,
    /// The origins of pages and apps that may ask for them.
    pub origins: Vec<String>,
    /// The service's name, as authenticators show it.
    pub name: String,
    /// The origins of pages that may hold such a page in an iframe; empty for none.
    pub top_origins: Vec<String>,
    /// What is known of models of authenticators.
    pub metadata: Option<MetadataFile>,
    /// The models that may prove the highest level.
    pub highest: Vec<Aaguid>,
}

/// A file of the FIDO Metadata Service.
#[derive(Debug, Clone)]
pub struct MetadataFile {
    /// The file.
    pub path: PathBuf,
    /// The certificate that its signer leads to; `None` for the one of the FIDO Alliance.
    pub root: Option<PathBuf>,
}

/// Passwords and what they cost to check.
#[derive(Debug)]
pub struct Passwords {
    /// Characters a password needs on its own.
    pub min_length: usize,
    /// Characters a password needs beside a second factor.
    pub min_length_with_mfa: usize,
    /// The cost of one hash.
    pub argon2: Argon2,
    /// Hashes at the same time.
    pub permits: NonZeroUsize,
    /// Hashes that may wait; more are refused as busy.
    pub queue: usize,
}

/// The cost of one Argon2id hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2 {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
}

/// Access tokens.
#[derive(Debug)]
pub struct Tokens {
    /// Applications that tokens can be made for.
    pub audiences: Vec<String>,
    /// How long a token lives; at most 300 seconds.
    pub access_lifetime: Duration,
}

/// Where the key ring comes from.
#[derive(Debug)]
pub enum Keys {
    /// A file that only this user can read; in development it is made when it is missing.
    File(PathBuf),
    /// The settings themselves.
    Ring(SecretText),
}

/// Where messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Into the mailbox page of a development server.
    Mailbox,
    /// Nowhere, by name.
    Off,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// A level, or directives such as `info,nightlatch=debug`.
    pub level: String,
    /// The form of a line.
    pub format: LogFormat,
}

/// The form of a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For machines.
    Json,
    /// For people.
    Text,
}

/// What `nightlatch dev` is told on the command line.
#[derive(Debug)]
pub struct Dev {
    /// Where the API and the pages are served; its port is the one of the public URL.
    pub listen: SocketAddr,
    /// Where health and metrics are served.
    pub admin_listen: SocketAddr,
    /// Holds the database and the keys.
    pub data: PathBuf,
    /// Another database than the one in `data`.
    pub database: Option<String>,
}

impl Config {
    /// The settings of a development server. Bind `listen` first if its port is 0.
    pub fn dev(dev: &Dev) -> Result<Self, Issues> {
        presets::dev(dev)
    }

    /// The settings of a production server: `file`, overlaid by `environment`.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Self, Issues> {
        match presets::serve(read(file, environment)?) {
            (Some(config), Issues(issues)) if issues.is_empty() => Ok(config),
            (_, issues) => Err(issues),
        }
    }

    /// The same for whoever looks for what is wrong: what can be made of the settings in spite of it,
    /// which is nothing to serve with, and everything that is wrong.
    #[must_use]
    pub fn examine(file: &Path, environment: &Environment) -> (Option<Self>, Vec<Issue>) {
        let found = read(Some(file), environment).map(presets::serve);
        let (config, Issues(issues)) = found.unwrap_or_else(|issues| (None, issues));
        (config, issues)
    }
}

fn read(file: Option<&Path>, environment: &Environment) -> Result<Reader, Issues> {
    let text = match file {
        Some(file) => fs::read_to_string(file).map_err(|error| {
            let key = file.display().to_string();
            Issue::new(key, error.to_string(), "Check the path and its permissions.")
        })?,
        None => String::new(),
    };
    Reader::new(&text, environment)
}

/// One thing that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// The key, as in the file.
    pub key: String,
    /// What is wrong. Never holds a secret.
    pub problem: String,
    /// What to do about it.
    pub next: String,
}

impl Issue {
    fn new(key: impl Into<String>, problem: impl Into<String>, next: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into(), next: next.into() }
    }
}

/// Everything that is wrong with the settings, at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issues(pub Vec<Issue>);

impl From<Issue> for Issues {
    fn from(issue: Issue) -> Self {
        Self(vec![issue])
    }
}

impl fmt::Display for Issues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Issue { key, problem, next }) in self.0.iter().enumerate() {
            let gap = if index == 0 { "" } else { "\n" };
            write!(f, "{gap}{key}: {problem} {next}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Issues {}
