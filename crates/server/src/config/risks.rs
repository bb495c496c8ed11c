//! Settings that are accepted and weaken something: whoever runs the server is reminded of them.

use std::{net::IpAddr, time::Duration};

use ipnet::IpNet;

use crate::config::{Config, Delivery, Http, Lifetimes, PublicUrl, Sessions};

/// A setting that weakens something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Risk {
    /// The key, as in the file.
    pub key: &'static str,
    /// What it means.
    pub risk: String,
    /// What would be better.
    pub next: &'static str,
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A fresh proof is no proof of presence after this long.
const FRESH: Duration = Duration::from_secs(15 * MINUTE);

/// What NIST SP 800-63B-4 asks of a password that is the only factor.
const LENGTH: usize = 15;

impl Config {
    /// The settings in effect that weaken something, in the order of the reference.
    #[must_use]
    pub fn risks(&self) -> Vec<Risk> {
        let mut risks = Vec::new();
        let mut note = |weak: bool, key: &'static str, risk: &str, next: &'static str| {
            if weak {
                risks.push(Risk { key, risk: risk.to_owned(), next });
            }
        };
        note(
            !self.public_url.is_https(),
            "public_url",
            "it is http: passwords and codes travel in clear, and only this machine is served",
            "use https, with a proxy in front of this server that ends TLS",
        );
        self.http.risks(&self.public_url, &mut note);
        note(
            self.per_address == 0,
            "limits.per_address",
            "it is 0: one address may ask as often as it likes",
            "remove it, for 600 requests a minute",
        );
        note(
            !self.accounts.verify_email,
            "accounts.verify_email",
            "it is off: whoever may register can do so under somebody else's address",
            "switch it on as soon as mail is delivered",
        );
        self.sessions.risks(&mut note);
        note(
            self.step_up_max_age > FRESH,
            "step_up.max_age",
            "what is sensitive is open for more than a quarter of an hour after a proof",
            "use 300",
        );
        note(
            self.passwords.min_length < LENGTH,
            "passwords.min_length",
            "a password that is the only factor may be shorter than NIST SP 800-63B-4 allows",
            "use 15; beside a second factor passwords.min_length_with_mfa holds",
        );
        note(
            self.delivery == Delivery::Off,
            "mail.delivery",
            "it is off: nobody is told of changes to their account, no address is verified, and a \
             first second factor asks for the password alone",
            "name a delivery as soon as there is one",
        );
        risks
    }
}

/// Takes whether something is weak, its key, what that means and what would be better.
type Note<'a> = &'a mut dyn FnMut(bool, &'static str, &str, &'static str);

impl Http {
    fn risks(&self, public_url: &PublicUrl, note: Note<'_>) {
        note(
            !self.listen.ip().is_loopback(),
            "http.listen",
            &format!("{} may be reached without TLS, beside the proxy that ends it", self.listen),
            "listen where only the proxy comes from, or let a firewall see to it",
        );
        note(
            !self.admin_listen.ip().is_loopback(),
            "http.admin_listen",
            &format!("{} tells health and metrics to whoever reaches it", self.admin_listen),
            "use 127.0.0.1, or let a firewall keep others out",
        );
        // This server ends no TLS itself.
        let behind = public_url.is_https();
        note(
            behind && self.trusted_proxies.is_empty(),
            "http.trusted_proxies",
            "it is empty although a proxy must be in front: everybody counts as one address, so that \
             one of them uses up the limits of all",
            "name the proxy's address, such as [\"127.0.0.1/32\"]",
        );
        let widest = self.trusted_proxies.iter().find(|net| is_wide(net));
        note(
            widest.is_some(),
            "http.trusted_proxies",
            &format!(
                "everybody in {} is believed to be a proxy, and may pretend any address",
                widest.map(ToString::to_string).unwrap_or_default()
            ),
            "name the addresses of your proxies alone",
        );
        let in_clear = |origin: &&String| {
            PublicUrl::parse(origin).is_some_and(|url| !url.is_https() && !url.is_loopback())
        };
        let origin = self.allowed_origins.iter().find(in_clear);
        note(
            origin.is_some(),
            "http.allowed_origins",
            &format!(
                "whoever is on the way can change the pages of {}, which may call with a token",
                origin.map_or("", String::as_str)
            ),
            "serve those pages by https",
        );
    }
}

impl Sessions {
    /// Longer than the limits of NIST SP 800-63B-4 for each level.
    fn risks(&self, note: Note<'_>) {
        let levels = [
            ("sessions.aal1", self.aal1, DAY * 30, DAY * 30),
            ("sessions.aal2", self.aal2, HOUR, DAY),
            ("sessions.aal3", self.aal3, 15 * MINUTE, 12 * HOUR),
        ];
        for (key, Lifetimes { idle, absolute }, idle_limit, limit) in levels {
            note(
                idle.as_secs() > idle_limit || absolute.as_secs() > limit,
                key,
                "sessions last longer than NIST SP 800-63B-4 advises for their level",
                "remove it, for what is advised",
            );
        }
    }
}

/// Whether a network has more addresses than anybody has proxies: a large one that is not private
/// from its first address to its last.
fn is_wide(net: &IpNet) -> bool {
    let is_private = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback(),
    };
    let least = match net {
        IpNet::V4(_) => 16,
        IpNet::V6(_) => 48,
    };
    net.prefix_len() < least && !(is_private(net.network()) && is_private(net.broadcast()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::env::Environment;

    /// The keys of the risks of these settings, besides those that all of them have.
    fn risks(settings: &[(&str, &str)]) -> Vec<&'static str> {
        let least = [
            ("public_url", "https://id.example.com"),
            ("database.url", "sqlite:a.db"),
            ("keys.ring", "a"),
            ("mail.delivery", "off"),
            ("accounts.verify_email", "false"),
            ("http.trusted_proxies", "127.0.0.1/32"),
        ];
        let variables = least.iter().chain(settings).map(|(key, value)| {
            let name = format!("NIGHTLATCH__{}", key.replace('.', "__").to_uppercase());
            (name, (*value).to_owned())
        });
        let config = Config::load(None, &Environment::new(variables)).unwrap();
        let mut keys: Vec<_> = config.risks().iter().map(|risk| risk.key).collect();
        keys.retain(|key| !["accounts.verify_email", "mail.delivery"].contains(key));
        keys
    }

    #[test]
    fn the_defaults_accept_no_risk_and_each_weak_setting_is_named() {
        assert_eq!(risks(&[]), [""; 0]);
        for (key, value) in [
            ("limits.per_address", "0"),
            ("step_up.max_age", "901"),
            ("passwords.min_length", "14"),
            ("http.listen", "0.0.0.0:8080"),
            ("http.admin_listen", "0.0.0.0:8081"),
            ("http.trusted_proxies", "93.184.0.0/15"),
            ("http.trusted_proxies", "10.0.0.0/7"),
            ("http.trusted_proxies", "172.16.0.0/11"),
            ("http.trusted_proxies", "192.168.0.0/13"),
            ("http.trusted_proxies", "fd00::/6"),
            ("http.trusted_proxies", "2001:db8::/32"),
            ("http.trusted_proxies", ""),
            ("http.allowed_origins", "http://app.example.com"),
        ] {
            assert_eq!(risks(&[(key, value)]), [key], "{value}");
        }
        for (level, idle, absolute) in
            [("aal1", 1, 2_592_001), ("aal2", 3601, 86_400), ("aal3", 900, 43_201)]
        {
            let key = format!("sessions.{level}");
            let idle = (format!("{key}.idle"), format!("{idle}"));
            let absolute = (format!("{key}.absolute"), format!("{absolute}"));
            assert_eq!(risks(&[(&idle.0, &idle.1), (&absolute.0, &absolute.1)]), [key]);
        }
        assert_eq!(
            risks(&[("http.listen", "10.0.0.5:8080"), ("http.trusted_proxies", "")]),
            ["http.listen", "http.trusted_proxies"]
        );
        assert_eq!(risks(&[("public_url", "http://localhost:8080")]), ["public_url"]);
    }

    #[test]
    fn what_is_usual_is_no_risk() {
        for (key, value) in [
            ("http.trusted_proxies", "10.0.0.0/8"),
            ("http.trusted_proxies", "192.168.7.0/24"),
            ("http.trusted_proxies", "172.16.0.0/12"),
            ("http.trusted_proxies", "127.0.0.0/8"),
            ("http.trusted_proxies", "fd00::/8"),
            ("http.trusted_proxies", "::1/128"),
            ("http.allowed_origins", "https://app.example.com"),
            ("http.allowed_origins", "http://localhost:3000"),
            ("accounts.registration", "open"),
            ("log.level", "debug"),
        ] {
            assert_eq!(risks(&[(key, value)]), [""; 0], "{key} = {value}");
        }
    }
}
