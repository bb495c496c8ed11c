//! The host names that are served here; everything else is misdirected (421).
//!
//! A fixed list keeps DNS rebinding and poisoned links out: whoever makes a browser talk to this
//! server under another name gets nothing.

use axum::http::{HeaderMap, Uri, header, uri::Authority};

/// The names that stand for this machine.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Which `Host` values are served.
#[derive(Debug, Clone)]
pub struct Hosts {
    exact: Vec<String>,
    loopback: bool,
}

impl Hosts {
    /// Serves these `host[:port]` values, and nothing else.
    #[must_use]
    pub fn exactly(hosts: impl IntoIterator<Item = String>) -> Self {
        let exact = hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect();
        Self { exact, loopback: false }
    }

    /// Serves the names of this machine as well, on whatever port.
    #[must_use]
    pub fn and_loopback(self) -> Self {
        Self { loopback: true, ..self }
    }

    /// Whether a request for `uri` with `headers` is for one of these hosts.
    ///
    /// It must name exactly one: by `Host`, by the authority of its target (as HTTP/2 does), or
    /// the same by both.
    #[must_use]
    pub fn serve(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let mut named = headers.get_all(header::HOST).iter();
        let (first, more) = (named.next(), named.next().is_some());
        let target = uri.authority().map(Authority::as_str);
        let host = match (first.map(|host| host.to_str()), target) {
            _ if more => return false,
            (Some(Err(_)), _) | (None, None) => return false,
            (Some(Ok(host)), Some(target)) if !host.eq_ignore_ascii_case(target) => return false,
            (Some(Ok(host)), _) | (None, Some(host)) => host,
        };
        self.exact.iter().any(|exact| exact.eq_ignore_ascii_case(host))
            || (self.loopback && is_loopback(host))
    }
}

/// Whether `host` is a name of this machine with a port or none.
fn is_loopback(host: &str) -> bool {
    LOOPBACK.iter().any(|name| {
        let Some((head, port)) = host.split_at_checked(name.len()) else { return false };
        head.eq_ignore_ascii_case(name)
            && (port.is_empty()
                || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok()))
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn serves(hosts: &Hosts, named: &[&str], target: &str) -> bool {
        let mut headers = HeaderMap::new();
        for host in named {
            headers.append(header::HOST, HeaderValue::from_bytes(host.as_bytes()).unwrap());
        }
        hosts.serve(&target.parse().unwrap(), &headers)
    }

    #[test]
    fn only_the_listed_hosts_are_served() {
        let hosts = Hosts::exactly(["id.example.com".into(), "id.example.com:443".into()]);
        assert!(serves(&hosts, &["id.example.com"], "/"));
        assert!(serves(&hosts, &["ID.example.com:443"], "/"));
        for other in [
            "example.com",
            "id.example.com.",
            "id.example.com:8080",
            "id.example.com.evil.test",
            "a@id.example.com",
            "localhost",
            "",
            "\u{e9}",
        ] {
            assert!(!serves(&hosts, &[other], "/"), "{other}");
        }
    }

    #[test]
    fn exactly_one_host_must_be_named() {
        let hosts = Hosts::exactly(["a.test".into()]);
        assert!(!serves(&hosts, &[], "/"));
        assert!(!serves(&hosts, &["a.test", "a.test"], "/"));
        assert!(!serves(&hosts, &["a.test, a.test"], "/"));
        assert!(serves(&hosts, &[], "http://a.test/"));
        assert!(serves(&hosts, &["A.test"], "http://a.test/"));
        assert!(!serves(&hosts, &["a.test"], "http://b.test/"));
        assert!(!serves(&hosts, &["b.test"], "http://a.test/"));
    }

    #[test]
    fn the_names_of_this_machine_have_any_port() {
        let hosts = Hosts::exactly([]).and_loopback();
        for good in ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]", "[::1]:65535"] {
            assert!(serves(&hosts, &[good], "/"), "{good}");
        }
        for bad in
            ["localhost.", "localhost:", "localhost:x", "localhost:65536", "127.0.0.1.nip.io"]
        {
            assert!(!serves(&hosts, &[bad], "/"), "{bad}");
        }
    }
}
