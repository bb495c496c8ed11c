//! A server that runs here, by what its second listener says.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use super::report::{Check, Report};
use crate::config::Config;

/// How long it may take to connect, and to answer.
const PATIENCE: Duration = Duration::from_secs(5);

const ASK: &[u8] = b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

pub(super) fn check(report: &mut Report, config: &Config) {
    let address = here(config.http.admin_listen);
    if address.port() == 0 {
        return report.skip(Check::Server, "the system chooses the port of http.admin_listen");
    }
    match ask(address).as_deref() {
        Ok("204") => report.ok(Check::Server, format!("one is running here and ready ({address})")),
        Ok("503") => report.fail(
            Check::Server,
            format!("the one that is running here is not ready ({address})"),
            "its log says why, in the last line \"Not ready\"",
        ),
        Ok(_) => report.warn(
            Check::Server,
            format!("what answers at {address} is no server of ours"),
            "stop it, or choose another http.admin_listen",
        ),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            report.ok(Check::Server, "none is running here");
        }
        Err(error) => report.fail(
            Check::Server,
            format!("what listens at {address} does not answer: {error}"),
            "see the server's log, and restart it",
        ),
    }
}

/// Where a listener is reached from this machine.
fn here(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    (ip, listen.port()).into()
}

/// The status that it answers with.
fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(ASK)?;
    // "HTTP/1.1 " and three digits.
    let mut line = [0; 12];
    stream.read_exact(&mut line)?;
    Ok(String::from_utf8_lossy(&line[9..]).into_owned())
}
