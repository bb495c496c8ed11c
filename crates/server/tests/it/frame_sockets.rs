//! The connection loop, over real sockets.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    routing::{get, post},
};
use nightlatch::{
    api::body::Json,
    http::{
        address::ClientAddress,
        frame::{Admission, Frame},
        hosts::Hosts,
        request_id::RequestIds,
        serve::{Phase, serve},
    },
    telemetry::metrics::Metrics,
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
    task::JoinHandle,
    time::{Instant, timeout},
};

use crate::frame::admission;

struct Server {
    address: SocketAddr,
    phase: watch::Sender<Phase>,
    running: JoinHandle<()>,
}

impl Server {
    async fn start(routes: Router) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let hosts = Hosts::exactly([]).and_loopback();
        let admission = Admission { hosts, https: false, ..admission() };
        let metrics = Arc::new(Metrics::new("test"));
        let frame = Arc::new(Frame::new(routes, admission, RequestIds::new(1), metrics));
        let (phase, phases) = watch::channel(Phase::Serving);
        Self { address, phase, running: tokio::spawn(serve(listener, frame, phases)) }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends `request` on a connection of its own and reads to the end of it.
    async fn exchange(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        // A server that has seen enough may stop reading.
        let _ = stream.write_all(request.as_bytes()).await;
        read_to_end(&mut stream).await
    }
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn routes() -> Router {
    Router::new()
        .route("/who", get(async |ClientAddress(address): ClientAddress| address.to_string()))
        .route("/echo", post(async |Json(body): Json<Value>| Json(body)))
}

fn head(extra: &str) -> String {
    format!("GET /who HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{extra}\r\n")
}

#[tokio::test]
async fn the_peer_is_the_client() {
    let server = Server::start(routes()).await;
    let answer = server.exchange(&head("X-Forwarded-For: 203.0.113.9\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n127.0.0.1"), "{answer}");
}

#[tokio::test]
async fn malformed_http_is_refused() {
    let server = Server::start(routes()).await;
    for (request, status) in [
        ("nonsense\r\n\r\n".to_owned(), "400"),
        (head("Host: localhost\r\n"), "421"),
        (head("Content-Length: 1\r\nContent-Length: 2\r\n"), "400"),
        (head(&format!("X-Long: {}\r\n", "a".repeat(17_000))), "431"),
        (head(&"X-Many: a\r\n".repeat(70)), "431"),
    ] {
        let answer = server.exchange(&request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
    }
}

#[tokio::test]
async fn a_body_without_announced_length_is_bounded_too() {
    let server = Server::start(routes()).await;
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    let request = format!(
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n{}0\r\n\r\n",
        chunk.repeat(17)
    );
    let answer = server.exchange(&request).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("\"code\":\"too-large\""), "{answer}");
}

#[tokio::test]
async fn http_2_is_served_with_prior_knowledge() {
    let server = Server::start(routes()).await;
    let mut stream = server.connect().await;
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&settings).await.unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[3], 4, "a SETTINGS frame");
}

#[tokio::test(start_paused = true)]
async fn slow_connections_are_closed() {
    let server = Server::start(routes()).await;
    for beginning in ["", "P", "GET /who HTTP/1.1\r\nHost: loc"] {
        let mut stream = server.connect().await;
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let begun = Instant::now();
        read_to_end(&mut stream).await;
        let took = begun.elapsed();
        assert!(took <= Duration::from_secs(11), "{beginning:?} took {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_closed() {
    let server = Server::start(routes()).await;
    let mut stream = server.connect().await;
    stream.write_all(head("").replace("Connection: close\r\n", "").as_bytes()).await.unwrap();
    let begun = Instant::now();
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let took = begun.elapsed();
    assert!((9..=12).contains(&took.as_secs()), "{took:?}");
}

/// An answer that fills every buffer between two programs.
fn large() -> Router {
    Router::new().route("/who", get(async || "a".repeat(64 << 20)))
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_reads_is_cut() {
    let server = Server::start(large()).await;
    let mut stream = server.connect().await;
    stream.write_all(head("").as_bytes()).await.unwrap();
    // One byte shows that the answer began; then its reader does nothing for a while.
    stream.read_u8().await.unwrap();
    let _ = timeout(Duration::from_mins(2), std::future::pending::<()>()).await;
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.len() < 64 << 20, "all of it came");
}

/// A connection of HTTP/2, read and written frame by frame.
struct Http2(TcpStream);

impl Http2 {
    async fn connect(server: &Server) -> Self {
        let mut stream = server.connect().await;
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        Self(stream)
    }

    /// Sends the HEADERS of one request, its names and values as they are (RFC 7541 §6.2.2).
    async fn get(&mut self, stream: u8) {
        let mut head = vec![0, 0, 0, 1, 5, 0, 0, 0, stream];
        for text in
            [":method", "GET", ":scheme", "http", ":path", "/who", ":authority", "localhost"]
        {
            if text.starts_with(':') {
                head.push(0);
            }
            head.push(u8::try_from(text.len()).unwrap());
            head.extend(text.as_bytes());
        }
        head[2] = u8::try_from(head.len() - 9).unwrap();
        self.0.write_all(&head).await.unwrap();
    }

    /// The next frame's kind, stream and payload; `None` at the end. What asks for a pong gets it.
    async fn next(&mut self) -> Option<(u8, u8, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        self.0.read_exact(&mut payload).await.unwrap();
        if (head[3], head[4]) == (PING, 0) {
            let pong = [&[0, 0, 8, PING, 1, 0, 0, 0, 0], payload.as_slice()].concat();
            let _ = self.0.write_all(&pong).await;
        }
        Some((head[3], head[8], payload))
    }
}

const HEADERS: u8 = 1;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

#[tokio::test(start_paused = true)]
async fn a_connection_of_http_2_without_requests_is_closed_though_it_answers_pings() {
    let server = Server::start(routes()).await;
    let mut connection = Http2::connect(&server).await;
    connection.get(1).await;
    let (begun, mut answered) = (Instant::now(), false);
    while begun.elapsed() < Duration::from_mins(5) {
        let Some((kind, ..)) = connection.next().await else { break };
        answered |= kind == HEADERS;
    }
    assert!(answered && begun.elapsed() <= Duration::from_mins(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_connection_of_http_2_is_told_to_go_and_loses_no_request() {
    let server = Server::start(routes()).await;
    let mut connection = Http2::connect(&server).await;
    connection.get(1).await;
    while connection.next().await.unwrap().0 != HEADERS {}
    server.phase.send_replace(Phase::Closing);
    while connection.next().await.unwrap().0 != GOAWAY {}
    // It crosses the word to go.
    connection.get(3).await;
    let mut answered = false;
    while let Some((kind, stream, _)) = connection.next().await {
        answered |= (kind, stream) == (HEADERS, 3);
    }
    assert!(answered);
    server.running.await.unwrap();
}

/// A request that leaves its connection open.
fn lasting() -> String {
    head("").replace("Connection: close\r\n", "")
}

#[tokio::test]
async fn while_it_drains_it_serves_and_every_answer_is_the_last_of_its_connection() {
    let server = Server::start(routes()).await;
    let mut kept = [server.connect().await, server.connect().await];
    for stream in &mut kept {
        stream.write_all(lasting().as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n127.0.0.1") {
            answer.push(stream.read_u8().await.unwrap());
        }
        assert!(!String::from_utf8(answer).unwrap().contains("connection:"));
    }
    let [used, idle] = &mut kept;
    server.phase.send_replace(Phase::Draining);
    used.write_all(lasting().as_bytes()).await.unwrap();
    for answer in [read_to_end(used).await, server.exchange(&lasting()).await] {
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    }
    server.phase.send_replace(Phase::Closing);
    assert_eq!(read_to_end(idle).await, "");
    server.running.await.unwrap();
}

#[tokio::test]
async fn requests_under_way_finish_when_the_server_is_told_to_stop() {
    let (arrived, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (noted, left) = (Arc::clone(&arrived), Arc::clone(&leave));
    let slow = get(async move || {
        noted.notify_one();
        left.notified().await;
        "done"
    });
    let server = Server::start(Router::new().route("/who", slow)).await;
    let mut idle = server.connect().await;
    let mut busy = server.connect().await;
    busy.write_all(head("").as_bytes()).await.unwrap();
    arrived.notified().await;

    drop(server.phase);
    assert_eq!(read_to_end(&mut idle).await, "", "idle connections are closed");
    assert!(TcpStream::connect(server.address).await.is_err(), "nothing new is accepted");
    leave.notify_one();
    assert!(read_to_end(&mut busy).await.ends_with("done"));
    server.running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_does_not_finish_in_time_is_cut() {
    let arrived = Arc::new(Notify::new());
    let noted = Arc::clone(&arrived);
    let endless = get(async move || {
        noted.notify_one();
        std::future::pending::<&str>().await
    });
    let server = Server::start(Router::new().route("/who", endless)).await;
    let mut stream = server.connect().await;
    stream.write_all(head("").as_bytes()).await.unwrap();
    arrived.notified().await;
    let begun = Instant::now();
    drop(server.phase);
    server.running.await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 20);
}
