//! How a PostgreSQL server is reached: in plain text on this machine, else with TLS.

use std::{future::poll_fn, net::IpAddr, sync::Arc};

use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use tokio::task::JoinHandle;
use tokio_postgres::{
    AsyncMessage, Client, Config, Error, NoTls, Notification, Socket,
    config::{Host, SslMode},
    tls::MakeTlsConnect,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::Fault;

/// A server, and what is needed to trust it.
#[derive(Clone)]
pub(crate) struct Server {
    config: Config,
    /// `None` for plain text.
    tls: Option<MakeRustlsConnect>,
}

impl Server {
    /// The server that `config` names. Unless the address says `sslmode=disable`, a server that is
    /// not on this machine has to show a certificate for its name by an authority of the system.
    pub(crate) fn new(config: &Config) -> Result<Self, Fault> {
        let mut config = config.clone();
        if !needs_tls(&config) {
            return Ok(Self { config, tls: None });
        }
        config.ssl_mode(SslMode::Require);
        Ok(Self { config, tls: Some(connector()?) })
    }

    /// Whether the way to a server that `config` names leads over a network, in plain text.
    pub(crate) fn is_elsewhere_in_clear(config: &Config) -> bool {
        !needs_tls(config) && !config.get_hosts().iter().all(is_here)
    }

    /// A client, and the task that moves its bytes until either side ends the connection; `hear` gets
    /// the notifications, in their order.
    pub(crate) async fn dial(
        &self,
        hear: impl FnMut(Notification) + Send + 'static,
    ) -> Result<(Client, JoinHandle<()>), Fault> {
        let dialled = match &self.tls {
            Some(tls) => dial(&self.config, tls.clone(), hear).await,
            None => dial(&self.config, NoTls, hear).await,
        };
        // Whatever is in the way, an operator may take it out of the way; nothing that the server
        // says here holds a password or a row.
        dialled.map_err(Fault::unavailable)
    }
}

/// `prefer` is what an address without a word about TLS means to the driver, so it can't be told
/// from one that says so: for a server elsewhere both mean `require`, because a preference is what
/// somebody in the middle strips away.
fn needs_tls(config: &Config) -> bool {
    match config.get_ssl_mode() {
        SslMode::Disable => false,
        SslMode::Require => true,
        _ => !config.get_hosts().iter().all(is_here),
    }
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

fn connector() -> Result<MakeRustlsConnect, Fault> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(Fault::unavailable("this system has no certificate authorities to trust"));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(Fault::broken)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

async fn dial<T>(
    config: &Config,
    tls: T,
    mut hear: impl FnMut(Notification) + Send + 'static,
) -> Result<(Client, JoinHandle<()>), Error>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, mut connection) = config.connect(tls).await?;
    let driver = tokio::spawn(async move {
        // How the connection ended is told to whoever uses it next.
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notification) = message {
                hear(notification);
            }
        }
    });
    Ok((client, driver))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_elsewhere_is_reached_with_tls_unless_the_address_says_otherwise() {
        for (address, expected) in [
            ("postgres:///nightlatch?host=/run/postgresql", false),
            ("postgres://localhost/nightlatch", false),
            ("postgres://127.0.0.1/nightlatch", false),
            ("postgres://[::1]/nightlatch", false),
            ("postgres://localhost/nightlatch?sslmode=require", true),
            ("postgres://db.example.org/nightlatch", true),
            ("postgres://db.example.org/nightlatch?sslmode=prefer", true),
            ("postgres://localhost,db.example.org/nightlatch", true),
            ("postgres://db.example.org/nightlatch?sslmode=disable", false),
            ("postgres://localhost.example.org/nightlatch", true),
        ] {
            assert_eq!(needs_tls(&address.parse().unwrap()), expected, "{address}");
        }
    }
}
