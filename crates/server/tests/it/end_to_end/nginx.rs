//! nginx with the sample of `deploy/`, as an operator installs it.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
};

use data_encoding::BASE64_MIME;
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;
use tokio::{net::TcpStream, process::Command, time::timeout};

use super::{
    process::{PATIENCE, Running, finish},
    server::HOST,
};

const SAMPLE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/nginx/nightlatch.conf"));

/// A port that was free just now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// `text` with each of these replaced, all of which it has.
#[track_caller]
fn with(mut text: String, replaced: &[(&str, &str)]) -> String {
    for (from, to) in replaced {
        assert!(text.contains(from), "the sample has no {from:?}");
        text = text.replace(from, to);
    }
    text
}

/// A folder with `sample` and what nginx has around it.
struct Home(TempDir);

impl Home {
    /// `sample` with this machine's ports and paths.
    fn new(sample: String) -> Self {
        let home = TempDir::new().unwrap();
        let path = |name: &str| home.path().join(name).display().to_string();
        let around = format!(
            "daemon off;\nmaster_process off;\npid {pid};\nerror_log stderr notice;\n\
             events {{}}\nhttp {{\n\
             client_body_temp_path {temp};\nproxy_temp_path {temp};\nfastcgi_temp_path {temp};\n\
             uwsgi_temp_path {temp};\nscgi_temp_path {temp};\ninclude {sample};\n}}\n",
            pid = path("pid"),
            temp = path("temp"),
            sample = path("nightlatch.conf"),
        );
        let sample = with(sample, &[("/var/log/nginx/nightlatch.log", &path("access.log"))]);
        fs::write(home.path().join("nightlatch.conf"), sample).unwrap();
        fs::write(home.path().join("nginx.conf"), around).unwrap();
        Self(home)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("nginx");
        // Debian keeps it where only root's path leads to.
        command.env("PATH", "/usr/sbin:/usr/local/sbin:/usr/bin:/bin");
        command.arg("-c").arg(self.path("nginx.conf")).arg("-p").arg(self.0.path());
        command
    }
}

/// A running nginx before two nodes.
pub(crate) struct Nginx {
    /// Where it is.
    pub(crate) port: u16,
    home: Home,
    running: Running,
}

impl Nginx {
    /// Starts it, without TLS, before these nodes.
    pub(crate) async fn start(nodes: [SocketAddr; 2]) -> Self {
        let (port, other) = (free_port(), free_port());
        let [one, two] = nodes.map(|node| node.to_string());
        let sample = with(
            SAMPLE.to_owned(),
            &[
                ("192.0.2.11:8080", &one),
                ("192.0.2.12:8080", &two),
                ("listen 80;", &format!("listen 127.0.0.1:{other};")),
                ("listen 443 ssl http2;", &format!("listen 127.0.0.1:{port};")),
                ("    ssl_", "    # ssl_"),
            ],
        );
        let home = Home::new(sample);
        let running = Running::start(&mut home.command());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listening = async { while TcpStream::connect(address).await.is_err() {} };
        timeout(PATIENCE, listening).await.expect("nginx listens: run cargo xtask test");
        Self { port, home, running }
    }

    /// What it logged of requests.
    pub(crate) fn access_log(&self) -> String {
        fs::read_to_string(self.home.path("access.log")).unwrap()
    }

    /// Ends it; what it complained of.
    pub(crate) async fn stop(self) -> String {
        self.running.terminate().await;
        self.running.ended().await.stderr
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}-----END {label}-----\n", BASE64_MIME.encode(der))
}

#[tokio::test]
async fn the_sample_is_what_nginx_takes() {
    let home = TempDir::new().unwrap();
    let path = |name: &str| home.path().join(name).display().to_string();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([HOST.to_owned()]).unwrap().self_signed(&key).unwrap();
    fs::write(path("fullchain.pem"), pem("CERTIFICATE", certificate.der())).unwrap();
    fs::write(path("key.pem"), pem("PRIVATE KEY", &key.serialize_der())).unwrap();
    let folder = home.path().display().to_string();
    // It opens the ports in passing, and low ones are root's.
    let sample = with(
        SAMPLE.to_owned(),
        &[
            ("/etc/ssl/nightlatch", &folder),
            ("listen 80;", &format!("listen 127.0.0.1:{};", free_port())),
            ("listen 443 ", &format!("listen 127.0.0.1:{} ", free_port())),
        ],
    );
    let nginx = Home::new(sample);
    let checked = finish(nginx.command().arg("-t")).await;
    assert!(checked.with(0).stderr.contains("syntax is ok"));
}
