//! nginx with the sample of `deploy/`, as an operator installs it.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process,
    sync::atomic::{AtomicUsize, Ordering},
};

use data_encoding::BASE64_MIME;
use rcgen::{CertificateParams, KeyPair};
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::mpsc,
    time::timeout,
};

use super::{
    caller::Caller,
    process::{PATIENCE, Running, finish},
    server::HOST,
};

const SAMPLE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/nginx/nightlatch.conf"));

/// A port that was free just now, and that the system gives to no connection: it can be bound again
/// after a restart.
pub(crate) fn free_port() -> u16 {
    const LOWEST: u16 = 10_000;
    /// No two callers are given the same.
    static GIVEN: AtomicUsize = AtomicUsize::new(0);
    let given_by_system = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let end = given_by_system.split_whitespace().next().unwrap().parse().unwrap();
    let ports: Vec<u16> = (LOWEST..end).collect();
    assert!(!ports.is_empty(), "the system gives all ports from {end} on to connections");
    // Tests that run beside these begin elsewhere.
    let start = usize::try_from(process::id()).unwrap() * 97;
    let free = ports.iter().find_map(|_| {
        let port = ports[(start + GIVEN.fetch_add(1, Ordering::Relaxed)) % ports.len()];
        std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok().then_some(port)
    });
    free.expect("a port that is free")
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
    /// Where it sends people who come without TLS.
    redirecting: u16,
    home: Home,
    running: Running,
}

impl Nginx {
    /// Starts it, without TLS, before these nodes.
    pub(crate) async fn start(nodes: [SocketAddr; 2]) -> Self {
        Self::start_with(SAMPLE.to_owned(), nodes).await
    }

    async fn start_with(sample: String, nodes: [SocketAddr; 2]) -> Self {
        let (port, redirecting) = (free_port(), free_port());
        let [one, two] = nodes.map(|node| node.to_string());
        let sample = with(
            sample,
            &[
                ("192.0.2.11:8080", &one),
                ("192.0.2.12:8080", &two),
                ("listen 80;", &format!("listen 127.0.0.1:{redirecting};")),
                ("listen 443 ssl http2;", &format!("listen 127.0.0.1:{port};")),
                ("    ssl_", "    # ssl_"),
            ],
        );
        let home = Home::new(sample);
        let running = Running::start(&mut home.command());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listening = async { while TcpStream::connect(address).await.is_err() {} };
        timeout(PATIENCE, listening).await.expect("nginx listens: run cargo xtask test");
        Self { port, redirecting, home, running }
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

#[tokio::test]
async fn a_redirect_repeats_what_was_asked_for_as_it_was_written() {
    let nobody = || SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let nginx = Nginx::start([nobody(), nobody()]).await;
    for target in ["/", "/a%2fb?c=%C3%A9", "/%0d%0aset-cookie:%20a=b", "/?%0D%0A%0D%0Abody"] {
        let mut connection =
            TcpStream::connect((Ipv4Addr::LOCALHOST, nginx.redirecting)).await.unwrap();
        let request = format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 308 "), "{answer}");
        let (head, _) = answer.split_once("\r\n\r\n").unwrap();
        let mut names: Vec<_> = head.lines().skip(1).map(|line| line.split(':').next()).collect();
        names.sort_unstable();
        let expected =
            ["Connection", "Content-Length", "Content-Type", "Date", "Location", "Server"];
        assert_eq!(names, expected.map(Some), "{answer}");
        let location = format!("Location: https://{HOST}{target}");
        assert!(head.lines().any(|line| line == location), "{answer}");
    }
    nginx.stop().await;
}

/// A node that takes requests and ends each connection in place of an answer; `asked` learns of each.
async fn answer_nothing(node: TcpListener, asked: mpsc::UnboundedSender<String>) {
    loop {
        let (connection, _) = node.accept().await.unwrap();
        let (mut connection, mut line) = (BufReader::new(connection), String::new());
        connection.read_line(&mut line).await.unwrap();
        // It is told of before it is over.
        asked.send(line).unwrap();
    }
}

#[tokio::test]
async fn what_reached_a_node_reaches_another_only_if_it_may_come_twice() {
    let (asked, mut requests) = mpsc::unbounded_channel();
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let node = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        nodes.push(node.local_addr().unwrap());
        tokio::spawn(answer_nothing(node, asked.clone()));
    }
    // Neither is left alone, so that each request could go to both.
    let sample = with(SAMPLE.to_owned(), &[("max_fails=1", "max_fails=0")]);
    let nginx = Nginx::start_with(sample, [nodes[0], nodes[1]]).await;
    let caller = Caller::new(nginx.port, HOST);
    let once = [Method::POST, Method::PATCH].map(|method| (method, 1));
    let twice = [Method::GET, Method::DELETE].map(|method| (method, 2));
    for (method, times) in once.into_iter().chain(twice) {
        let reply = caller.try_call(method.clone(), "/auth/me", None, &Value::Null).await.unwrap();
        assert_eq!(reply.status, 502, "{method}");
        let expected = vec![format!("{method} /auth/me HTTP/1.1\r\n"); times];
        let came: Vec<_> = std::iter::from_fn(|| requests.try_recv().ok()).collect();
        assert_eq!(came, expected);
    }
    nginx.stop().await;
}
