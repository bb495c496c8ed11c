//! The connection loop: bounded in number, in time and in the size of headers, with a graceful end.

use std::{
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
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::http::frame::Frame;

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

/// How long requests under way may take to finish once the server is told to stop.
const GRACE: Duration = Duration::from_secs(20);

/// How long to wait when the system has no more sockets to give.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(100);

/// Serves `frame` on `listener` until `stop` changes or its sender is gone.
///
/// Then nothing new is accepted, requests under way have 20 seconds to finish, and what is still
/// open is cut.
pub async fn serve(listener: TcpListener, frame: Arc<Frame>, mut stop: watch::Receiver<()>) {
    let builder = Arc::new(builder());
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            // The semaphore is never closed.
            let permit = Arc::clone(&room).acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            _ = stop.changed() => break,
            Some(_) = connections.join_next() => continue,
            accepted = accepted => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                wait_for_sockets(&error).await;
                continue;
            }
        };
        let (builder, frame) = (Arc::clone(&builder), Arc::clone(&frame));
        let watcher = graceful.watcher();
        connections.spawn(async move {
            connection(&builder, frame, stream, peer, watcher).await;
            drop(permit);
        });
    }
    drop(listener);
    if timeout(GRACE, graceful.shutdown()).await.is_err() {
        tracing::warn!(connections = connections.len(), "Cut what did not finish in time");
    }
    connections.shutdown().await;
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
async fn connection(
    builder: &Builder<TokioExecutor>,
    frame: Arc<Frame>,
    stream: TcpStream,
    peer: SocketAddr,
    watcher: Watcher,
) {
    // Answers are small and whole; waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let begun = Arc::new(AtomicU64::new(0));
    let noted = Arc::clone(&begun);
    let service = service_fn(move |request: Request<Incoming>| {
        noted.fetch_add(1, Ordering::Relaxed);
        let frame = Arc::clone(&frame);
        async move {
            let answer = frame.handle(request.map(Body::new), peer.ip()).await;
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(watcher.watch(connection));
    // Telling HTTP/1 from HTTP/2 has no time limit of its own, so the first request has the one of
    // headers. Errors here are the peer's: a reset, half a request, a timeout.
    let (mut seen, mut patience) = (0, HEADERS_WITHIN);
    while timeout(patience, connection.as_mut()).await.is_err() {
        let so_far = begun.load(Ordering::Relaxed);
        if so_far == seen {
            return;
        }
        (seen, patience) = (so_far, QUIET);
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

/// Done when the system asks this process to stop (SIGTERM, or Ctrl-C), from now on: a process that
/// is asked before it waits for it stops as orderly as any other.
///
/// # Errors
///
/// The signals can't be listened for.
pub fn asked_to_stop() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
