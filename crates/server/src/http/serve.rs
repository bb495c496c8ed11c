//! The connection loop: bounded in number, in time and in the size of headers, with a graceful end.

use std::{
    convert::Infallible,
    future::pending,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::body::Body;
use hyper::{
    Request, Response, Version,
    body::Incoming,
    header::{CONNECTION, HeaderValue},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::http::{door, frame::Frame};

/// Connections open at the same time on one listener; more wait in the kernel's queue.
const CONNECTIONS: usize = 4_096;

/// How long the headers of a request may take to arrive, and a connection may idle before them.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);

/// A connection on which no request began for this long is cut, whatever else happens on it: answers
/// that nobody reads, pings of HTTP/2. A request takes less, with the reading of its answer.
const QUIET: Duration = Duration::from_secs(45);

/// Bytes that the headers of a request may have.
const HEADER_BYTES: usize = 16 * 1024;

/// How many headers a request may have.
const HEADERS: usize = 64;

/// Requests at the same time on one HTTP/2 connection.
const STREAMS: u32 = 64;

/// How long requests under way may take to finish once the server closes.
const GRACE: Duration = Duration::from_secs(20);

/// How long who connected just before that has to ask.
const FIRST_WITHIN: Duration = Duration::from_secs(1);

/// How long to wait when the system has no more sockets to give.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(100);

/// How far a server is on its way to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It serves.
    Serving,
    /// It serves, and every answer of HTTP/1.1 is the last one of its connection: a proxy does not find
    /// a connection closed that it thought it could use.
    Draining,
    /// It finishes what it has begun.
    Closing,
}

/// What all connections of a listener share.
struct Shared {
    builder: Builder<TokioExecutor>,
    frame: Arc<Frame>,
    /// Never looked at, so that it tells cheaply whether the server is still in its first phase.
    phase: watch::Receiver<Phase>,
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        // HTTP/2 has its own word for it, and none of its requests is lost.
        let can_say = request.version() < Version::HTTP_2;
        let mut answer = self.frame.handle(request.map(Body::new), peer.ip()).await;
        if can_say && self.phase.has_changed().unwrap_or(true) {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}

/// The open connections of a listener, each with its permit to be open.
struct Connections {
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
    tasks: JoinSet<()>,
}

impl Connections {
    fn open(&mut self, permit: Option<OwnedSemaphorePermit>, stream: TcpStream, peer: SocketAddr) {
        let shared = Arc::clone(&self.shared);
        self.tasks.spawn(async move {
            connection(shared, stream, peer).await;
            drop(permit);
        });
    }
}

/// Serves `frame` on `listener` until `phase` says that it is closing or its sender is gone.
///
/// Then nothing new is accepted, requests under way have 20 seconds to finish, and what is still
/// open is cut.
pub async fn serve(listener: TcpListener, frame: Arc<Frame>, phase: watch::Receiver<Phase>) {
    let closing = until_closing(phase.clone());
    let shared = Arc::new(Shared { builder: builder(), frame, phase });
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = Connections { shared, room, tasks: JoinSet::new() };
    accept(&listener, &mut connections, closing).await;
    door::bolt(&listener);
    let _ = timeout(door::HANDSHAKE, accept(&listener, &mut connections, pending())).await;
    for (stream, peer) in door::close(listener) {
        if let Ok(permit) = Arc::clone(&connections.room).try_acquire_owned() {
            connections.open(Some(permit), stream, peer);
        }
    }
    let mut tasks = connections.tasks;
    let all = async { while tasks.join_next().await.is_some() {} };
    if timeout(GRACE, all).await.is_err() {
        tracing::warn!(connections = tasks.len(), "Cut what did not finish in time");
    }
    tasks.shutdown().await;
}

/// Done when the server is closing.
async fn until_closing(mut phase: watch::Receiver<Phase>) {
    // Without a sender it is closing, too.
    let _ = phase.wait_for(|phase| *phase == Phase::Closing).await;
}

/// Opens what comes until `end`.
async fn accept(
    listener: &TcpListener,
    connections: &mut Connections,
    end: impl Future<Output = ()>,
) {
    let room = Arc::clone(&connections.room);
    let mut end = pin!(end);
    loop {
        let accepted = async {
            // The semaphore is never closed.
            let permit = Arc::clone(&room).acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            () = &mut end => return,
            Some(_) = connections.tasks.join_next() => continue,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, peer)) => connections.open(permit, stream, peer),
            Err(error) => wait_for_sockets(&error).await,
        }
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(HEADER_BYTES)
        .max_headers(HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEADERS_WITHIN)
        .keep_alive_timeout(HEADERS_WITHIN)
        .max_header_list_size(u32::try_from(HEADER_BYTES).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS);
    builder
}

/// Serves one connection to its end.
async fn connection(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    // Answers are small and whole; waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let begun = Arc::new(AtomicU64::new(0));
    let service = {
        let (shared, begun) = (Arc::clone(&shared), Arc::clone(&begun));
        service_fn(move |request| {
            begun.fetch_add(1, Ordering::Relaxed);
            let shared = Arc::clone(&shared);
            async move { Ok::<_, Infallible>(shared.answer(request, peer).await) }
        })
    };
    let mut connection = pin!(shared.builder.serve_connection(TokioIo::new(stream), service));
    let mut closing = pin!(until_closing(shared.phase.clone()));
    let mut is_closing = false;
    // Telling HTTP/1 from HTTP/2 has no time limit of its own, so the first request has the one of
    // headers. Errors here are the peer's: a reset, half a request, a timeout.
    let (mut seen, mut patience) = (0, HEADERS_WITHIN);
    loop {
        let ended = async {
            tokio::select! {
                // What has arrived is read before it is told that nothing more will be.
                biased;
                _ = connection.as_mut() => true,
                () = &mut closing, if !is_closing => false,
            }
        };
        let ended = timeout(patience, ended).await;
        let so_far = begun.load(Ordering::Relaxed);
        match ended {
            Ok(true) => return,
            Ok(false) => is_closing = true,
            Err(_) if so_far == seen => return,
            Err(_) => (seen, patience) = (so_far, QUIET),
        }
        if is_closing && so_far == 0 {
            // Its first request may be on its way.
            patience = FIRST_WITHIN;
        } else if is_closing {
            connection.as_mut().graceful_shutdown();
        }
    }
}

/// Tells what went wrong with accepting, and waits if it was this machine's fault.
#[expect(clippy::disallowed_methods, reason = "nothing tells when the system has sockets again")]
async fn wait_for_sockets(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(error = %error, "Could not accept a connection");
        sleep(OUT_OF_SOCKETS).await;
    }
}
