//! Addresses in the settings.

use std::{fmt, net::IpAddr};

use axum::http::{Uri, uri::Authority};

/// Where people reach this server: scheme, host and port, and nothing after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    host: String,
    port: Option<u16>,
    https: bool,
}

impl PublicUrl {
    /// Reads an origin such as `https://id.example.com` or `http://localhost:8080`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let uri: Uri = text.parse().ok()?;
        let https = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        let host = authority.host().to_ascii_lowercase();
        let port = match authority.as_str().get(host.len()..)? {
            "" => None,
            port => Some(port.strip_prefix(':')?.parse().ok()?),
        };
        let port = port.filter(|port| *port != default_port(https));
        let scheme = if https { "https" } else { "http" };
        let origin = match port {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        };
        // Whatever else the text holds (a path, a query, user names) is not part of an origin.
        let rest = text.get(scheme.len() + 3..)?;
        (!host.is_empty() && rest == authority.as_str()).then_some(Self {
            origin,
            host,
            port,
            https,
        })
    }

    /// Scheme, host and port as browsers write an origin, without a slash at the end.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The host without its port.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether browsers reach it by https.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// Whether it is on this machine, where browsers treat http as secure.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        self.host == "localhost" || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }

    /// The `Host` values that mean it: with its port, and without if it is the scheme's own.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        match self.port {
            Some(port) => vec![format!("{}:{port}", self.host)],
            None => vec![self.host.clone(), format!("{}:{}", self.host, default_port(self.https))],
        }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

const fn default_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

/// Where the database is: `sqlite:PATH` or `postgres://...`. Shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Reads an address of one of the two engines.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let path = text.strip_prefix("sqlite:");
        let postgres = ["postgres://", "postgresql://"].iter().any(|kind| text.starts_with(kind));
        (postgres || path.is_some_and(|path| !path.is_empty())).then(|| Self(text.to_owned()))
    }

    /// The address with its password. Every call is a place to review.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((scheme, rest)) = self.0.split_once("://") else { return f.write_str(&self.0) };
        // A password may also stand in the query, so nothing of the query is shown.
        let rest = rest.split_once('?').map_or(rest, |(address, _)| address);
        match rest.rsplit_once('@') {
            Some((user, host)) => {
                let user = user.split_once(':').map_or(user, |(user, _)| user);
                write!(f, "{scheme}://{user}:***@{host}")
            }
            None => write!(f, "{scheme}://{rest}"),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether `text` is an origin exactly as browsers send it.
pub(super) fn is_origin(text: &str) -> bool {
    PublicUrl::parse(text).is_some_and(|url| url.origin == text)
}

/// Whether `text` is a `Host` value.
pub(super) fn is_host(text: &str) -> bool {
    text.parse::<Authority>().is_ok_and(|authority| !authority.as_str().contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_an_origin() {
        for (text, origin, hosts) in [
            (
                "https://id.example.com",
                "https://id.example.com",
                "id.example.com,id.example.com:443",
            ),
            (
                "https://ID.example.com:443/",
                "https://id.example.com",
                "id.example.com,id.example.com:443",
            ),
            ("http://localhost:8080", "http://localhost:8080", "localhost:8080"),
            ("http://[::1]:80", "http://[::1]", "[::1],[::1]:80"),
        ] {
            let url = PublicUrl::parse(text).unwrap();
            assert_eq!(url.origin(), origin);
            assert_eq!(url.hosts().join(","), hosts);
        }
        for bad in [
            "",
            "id.example.com",
            "ftp://id.example.com",
            "https://id.example.com/auth",
            "https://id.example.com?x",
            "https://user@id.example.com",
            "https://id.example.com:99999",
            "https://id.example.com:",
            "https://",
        ] {
            assert_eq!(PublicUrl::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn loopback_is_known_by_name_and_address() {
        let loopback = |text: &str| PublicUrl::parse(text).unwrap().is_loopback();
        assert!(loopback("http://localhost:8080") && loopback("http://127.0.0.2"));
        assert!(loopback("http://[::1]:1"));
        assert!(!loopback("http://localhost.example.com") && !loopback("http://10.0.0.1"));
    }

    #[test]
    fn a_database_is_shown_without_its_password() {
        for (text, shown) in [
            ("postgres://app:s3c@ret@db/x", "postgres://app:***@db/x"),
            ("postgres://db/x?user=app&password=s3cret", "postgres://db/x"),
            ("sqlite:/var/lib/nightlatch.db", "sqlite:/var/lib/nightlatch.db"),
        ] {
            let url = DatabaseUrl::parse(text).unwrap();
            assert_eq!((url.to_string().as_str(), url.expose()), (shown, text));
            assert!(!format!("{url:?}").contains("s3c"));
        }
        assert!(
            DatabaseUrl::parse("mysql://db").is_none() && DatabaseUrl::parse("sqlite:").is_none()
        );
    }
}
