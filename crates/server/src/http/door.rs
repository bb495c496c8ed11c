//! Closing a port so that nobody who was let in is turned away.
//!
//! The kernel completes connections on its own and queues them. Closing the port resets those that
//! wait there, and their clients may have sent a request by then, which a proxy must not send again
//! elsewhere. So first nothing new gets into the queue, then the queue is emptied, then the port closes:
//! whoever comes later is refused, and knows that nothing was read.

use std::{io::ErrorKind, net::SocketAddr, time::Duration};

use tokio::net::{TcpListener, TcpStream};

/// Handshakes that were begun are over after this long, on any network with proxies in it.
pub(super) const HANDSHAKE: Duration = Duration::from_millis(50);

/// Lets no new connection begin on `listener`; those that have begun still come. Clients try again in a
/// second, when the port is closed or has another process behind it.
///
/// Where the kernel can't do that, connections that begin at the very end are reset.
#[cfg(target_os = "linux")]
pub(super) fn bolt(listener: &TcpListener) {
    use socket2::{SockFilter, SockRef};
    /// A classic BPF program that drops what has SYN and not ACK among the flags of its TCP header.
    const NO_SYN: [SockFilter; 5] = [
        SockFilter::new(0x30, 0, 0, 13),       // load the byte at 13
        SockFilter::new(0x54, 0, 0, 0x12),     // keep ACK and SYN
        SockFilter::new(0x15, 0, 1, 0x02),     // go on here if that is SYN, else after the next
        SockFilter::new(0x06, 0, 0, 0),        // drop
        SockFilter::new(0x06, 0, 0, u32::MAX), // pass
    ];
    if let Err(error) = SockRef::from(listener).attach_filter(&NO_SYN) {
        tracing::debug!(%error, "The port closes without a bolt");
    }
}

/// Lets no new connection begin on `listener`, where the kernel can do that: not here.
#[cfg(not(target_os = "linux"))]
pub(super) fn bolt(_: &TcpListener) {}

/// Takes the connections that wait on `listener`, and closes it.
pub(super) fn close(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let mut waiting = Vec::new();
    // Straight from the system: the runtime may not have heard of all of them yet.
    if let Ok(listener) = listener.into_std() {
        loop {
            let (stream, peer) = match listener.accept() {
                Ok(accepted) => accepted,
                // Who left the queue; others stand behind.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(_) => break,
            };
            let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
            waiting.extend(stream.ok().map(|stream| (stream, peer)));
        }
    }
    waiting
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn who_stands_in_the_queue_is_let_in_and_nobody_else_gets_there() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let queued = TcpStream::connect(address).await.unwrap();
        bolt(&listener);
        // Polled once, which on this machine is all that a handshake takes.
        let late = timeout(Duration::ZERO, TcpStream::connect(address)).await;
        assert!(late.is_err(), "{late:?}");
        let [(stream, peer)] = &close(listener)[..] else { panic!("one of them was let in") };
        assert_eq!(*peer, queued.local_addr().unwrap());
        assert_eq!(stream.peer_addr().unwrap(), *peer);
        assert!(TcpStream::connect(address).await.is_err(), "it is closed");
    }
}
