//! Whose address a request counts for.

use std::net::{IpAddr, Ipv6Addr};

use aide::OperationInput;
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use ipnet::IpNet;

use crate::api::problem::{Code, Problem};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of the client, as far as it can be believed; extract it in a handler.
///
/// It is the peer of the connection, or what a trusted proxy said of it. IPv4 addresses in IPv6
/// clothing are undressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// Finds the client of a connection from `peer`.
    ///
    /// `X-Forwarded-For` is read only when `peer` is in `trusted`, from its right end, up to the
    /// first address that is not itself a trusted proxy. An entry that is no address ends the
    /// search at the proxy that wrote it.
    #[must_use]
    pub fn find(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
        let mut client = peer.to_canonical();
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let entries = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        for entry in entries {
            if !is_trusted(&client) {
                break;
            }
            let Some(address) = std::str::from_utf8(entry).ok().and_then(parse) else { break };
            client = address;
        }
        Self(client)
    }

    /// What limits count by: the address itself, or the /64 network of an IPv6 address, since a
    /// customer gets a whole one.
    #[must_use]
    pub fn network(self) -> IpAddr {
        match self.0 {
            IpAddr::V4(_) => self.0,
            IpAddr::V6(address) => {
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
            }
        }
    }
}

/// One entry: an address, with or without a port.
fn parse(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    bare.parse::<IpAddr>()
        .or_else(|_| entry.parse().map(|socket: std::net::SocketAddr| socket.ip()))
        .ok()
        .map(|address| address.to_canonical())
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Absent only where a handler runs outside of the frame.
        parts.extensions.get::<Self>().copied().ok_or_else(|| Code::Internal.into())
    }
}

impl OperationInput for ClientAddress {}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(peer: &str, trusted: &[&str], forwarded: &[&str], client: &str) {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        let found = ClientAddress::find(peer.parse().unwrap(), &headers, &trusted);
        assert_eq!(found.0.to_string(), client, "{forwarded:?}");
    }

    #[test]
    fn strangers_are_not_believed() {
        check("192.0.2.1", &[], &["198.51.100.7"], "192.0.2.1");
        check("192.0.2.1", &["10.0.0.0/8"], &["198.51.100.7"], "192.0.2.1");
    }

    #[test]
    fn the_right_most_stranger_is_the_client() {
        let proxies = &["10.0.0.0/8", "fd00::/8"];
        check("10.0.0.1", proxies, &["198.51.100.7"], "198.51.100.7");
        check("10.0.0.1", proxies, &["127.0.0.1, 198.51.100.7"], "198.51.100.7");
        check("10.0.0.1", proxies, &["127.0.0.1", "198.51.100.7, 10.0.0.2"], "198.51.100.7");
        check("10.0.0.1", proxies, &["198.51.100.7:4711"], "198.51.100.7");
        check("fd00::1", proxies, &["[2001:db8::7]:4711, [fd00::2]"], "2001:db8::7");
        check("::ffff:10.0.0.1", proxies, &["::ffff:198.51.100.7"], "198.51.100.7");
    }

    #[test]
    fn what_is_no_address_ends_the_search_at_its_writer() {
        let proxies = &["10.0.0.0/8"];
        check("10.0.0.1", proxies, &[], "10.0.0.1");
        check("10.0.0.1", proxies, &[""], "10.0.0.1");
        check("10.0.0.1", proxies, &["198.51.100.7, unknown"], "10.0.0.1");
        check("10.0.0.1", proxies, &["unknown, 10.0.0.3"], "10.0.0.3");
    }

    #[test]
    fn limits_count_ipv6_by_network() {
        let network = |text: &str| ClientAddress(text.parse().unwrap()).network().to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("192.0.2.1"), "192.0.2.1");
    }
}
