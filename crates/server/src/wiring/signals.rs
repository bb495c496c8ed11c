//! What the system says to this process.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The system's word to stop: SIGTERM, or Ctrl-C.
#[derive(Debug)]
pub struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// Listens from now on: a process that is asked before it [waits](Self::asked) for it stops as
    /// orderly as any other.
    ///
    /// # Errors
    ///
    /// The signals can't be listened for.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Done when this process is asked to stop, and each time that it is asked again.
    pub async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
