//! The settings in effect, without secrets.

use std::time::Duration;

use serde_json::{Value, json};

use crate::config::{
    Config, Delivery, Keys, Lifetimes, LogFormat, Mode, Registration, TotpAlgorithm,
};

impl Config {
    /// Every setting in effect as `(key, value)`, in the order of the reference. What is secret
    /// shows as `***`; `mode` is no setting, but what the defaults came from.
    #[must_use]
    pub fn show(&self) -> Vec<(&'static str, Value)> {
        let mut shown = vec![
            ("mode", mode(self.mode).into()),
            ("public_url", self.public_url.origin().into()),
            ("database.url", self.database.to_string().into()),
        ];
        shown.extend(self.show_network());
        shown.extend(self.show_accounts());
        shown.extend(self.show_factors());
        shown.extend(self.show_webauthn());
        shown.extend([
            ("tokens.audiences", json!(self.tokens.audiences)),
            ("tokens.access_lifetime", seconds(self.tokens.access_lifetime)),
            keys(&self.keys),
            ("mail.delivery", delivery(self.delivery).into()),
            ("log.level", json!(self.log.level)),
            ("log.format", log_format(self.log.format).into()),
        ]);
        shown
    }

    fn show_network(&self) -> [(&'static str, Value); 7] {
        let proxies: Vec<_> = self.http.trusted_proxies.iter().map(ToString::to_string).collect();
        [
            ("http.listen", self.http.listen.to_string().into()),
            ("http.admin_listen", self.http.admin_listen.to_string().into()),
            ("http.admin_hosts", json!(self.http.admin_hosts)),
            ("http.trusted_proxies", json!(proxies)),
            ("http.allowed_origins", json!(self.http.allowed_origins)),
            ("http.drain", seconds(self.http.drain)),
            ("limits.per_address", self.per_address.into()),
        ]
    }

    fn show_accounts(&self) -> [(&'static str, Value); 6] {
        [
            ("accounts.registration", registration(self.accounts.registration).into()),
            ("accounts.verify_email", self.accounts.verify_email.into()),
            ("sessions.aal1", lifetimes(self.sessions.aal1)),
            ("sessions.aal2", lifetimes(self.sessions.aal2)),
            ("sessions.aal3", lifetimes(self.sessions.aal3)),
            ("step_up.max_age", seconds(self.step_up_max_age)),
        ]
    }

    fn show_factors(&self) -> [(&'static str, Value); 12] {
        let (totp, passwords) = (&self.totp, &self.passwords);
        [
            ("totp.issuer", json!(totp.issuer)),
            ("totp.window", totp.window.into()),
            ("totp.algorithm", algorithm(totp.algorithm).into()),
            ("totp.digits", totp.digits.into()),
            ("totp.period", seconds(totp.period)),
            ("passwords.min_length", passwords.min_length.into()),
            ("passwords.min_length_with_mfa", passwords.min_length_with_mfa.into()),
            ("passwords.argon2.memory_kib", passwords.argon2.memory_kib.into()),
            ("passwords.argon2.iterations", passwords.argon2.iterations.into()),
            ("passwords.argon2.parallelism", passwords.argon2.parallelism.into()),
            ("passwords.permits", passwords.permits.get().into()),
            ("passwords.queue", passwords.queue.into()),
        ]
    }

    fn show_webauthn(&self) -> [(&'static str, Value); 7] {
        let webauthn = &self.webauthn;
        let file = webauthn.metadata.as_ref();
        let root = file.and_then(|file| file.root.as_ref());
        let highest: Vec<_> = webauthn.highest.iter().map(ToString::to_string).collect();
        [
            ("webauthn.rp_id", json!(webauthn.rp_id)),
            ("webauthn.origins", json!(webauthn.origins)),
            ("webauthn.name", json!(webauthn.name)),
            ("webauthn.top_origins", json!(webauthn.top_origins)),
            ("webauthn.metadata", file.map(|file| file.path.display().to_string()).into()),
            ("webauthn.metadata_root", root.map(|root| root.display().to_string()).into()),
            ("webauthn.highest", json!(highest)),
        ]
    }
}

fn seconds(span: Duration) -> Value {
    span.as_secs().into()
}

fn lifetimes(Lifetimes { idle, absolute }: Lifetimes) -> Value {
    json!({ "idle": idle.as_secs(), "absolute": absolute.as_secs() })
}

fn keys(keys: &Keys) -> (&'static str, Value) {
    match keys {
        Keys::File(path) => ("keys.file", path.display().to_string().into()),
        Keys::Ring(_) => ("keys.ring", "***".into()),
    }
}

const fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Dev => "dev",
        Mode::Serve => "serve",
    }
}

const fn registration(registration: Registration) -> &'static str {
    match registration {
        Registration::Open => "open",
        Registration::Invite => "invite",
        Registration::Closed => "closed",
    }
}

const fn algorithm(algorithm: TotpAlgorithm) -> &'static str {
    match algorithm {
        TotpAlgorithm::Sha1 => "SHA1",
        TotpAlgorithm::Sha256 => "SHA256",
        TotpAlgorithm::Sha512 => "SHA512",
    }
}

const fn delivery(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::Mailbox => "mailbox",
        Delivery::Off => "off",
    }
}

const fn log_format(format: LogFormat) -> &'static str {
    match format {
        LogFormat::Json => "json",
        LogFormat::Text => "text",
    }
}
