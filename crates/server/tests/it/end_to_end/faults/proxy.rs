//! The network between a server and its database, which can go wrong.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// How PostgreSQL's protocol writes the end of a transaction, in the question and in the answer.
const COMMIT: &[u8] = b"COMMIT\0";

/// What becomes of what goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It arrives.
    Open,
    /// It is taken and goes nowhere: a frozen server, a network that swallows.
    Silent,
    /// There is none: connections are cut, and new ones at once.
    Cut,
}

/// A port that leads to another.
pub(crate) struct Proxy {
    port: u16,
    way: watch::Sender<Way>,
    /// The next answers to `COMMIT` that get lost, with their connections.
    losing: Arc<AtomicU32>,
}

impl Proxy {
    /// Leads to `port`.
    pub(crate) async fn before(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            way: watch::Sender::new(Way::Open),
            losing: Arc::default(),
        };
        let (way, losing) = (proxy.way.subscribe(), Arc::clone(&proxy.losing));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(connect(near, port, way.clone(), Arc::clone(&losing)));
            }
        });
        proxy
    }

    /// Where it is.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Changes the way.
    pub(crate) fn set(&self, way: Way) {
        self.way.send_replace(way);
    }

    /// Loses the next answer to a `COMMIT`.
    pub(crate) fn lose_a_commit(&self) {
        self.losing.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether all answers that were to be lost are lost.
    pub(crate) fn has_lost(&self) -> bool {
        self.losing.load(Ordering::Relaxed) == 0
    }
}

async fn connect(
    mut near: TcpStream,
    port: u16,
    mut way: watch::Receiver<Way>,
    losing: Arc<AtomicU32>,
) {
    if *way.borrow_and_update() == Way::Cut {
        return;
    }
    let Ok(mut far) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let (mut up, mut down) = ([0; 8192], [0; 8192]);
    let mut asked = false;
    loop {
        let now = *way.borrow_and_update();
        match now {
            Way::Open => {}
            Way::Cut => return,
            Way::Silent => {
                if way.changed().await.is_err() {
                    return;
                }
                continue;
            }
        }
        let (from_near, count) = tokio::select! {
            changed = way.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            read = near.read(&mut up) => (true, read.unwrap_or(0)),
            read = far.read(&mut down) => (false, read.unwrap_or(0)),
        };
        if count == 0 {
            return;
        }
        let passed = if from_near {
            asked |= has(&up[..count]) && take(&losing);
            far.write_all(&up[..count]).await
        } else if asked && has(&down[..count]) {
            // It is committed, and nobody learns it.
            return;
        } else {
            near.write_all(&down[..count]).await
        };
        if passed.is_err() {
            return;
        }
    }
}

fn has(bytes: &[u8]) -> bool {
    bytes.windows(COMMIT.len()).any(|part| part == COMMIT)
}

fn take(losing: &AtomicU32) -> bool {
    losing.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}
