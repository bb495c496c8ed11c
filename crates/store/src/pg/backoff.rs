//! The pauses between attempts to reach a server: short at first, so that a restart costs moments, and
//! never so long that a server which is back is not noticed.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

/// How long the next pause is.
pub(super) struct Backoff(Duration);

impl Backoff {
    pub(super) const fn new() -> Self {
        Self(FIRST)
    }

    /// Waits, and twice as long the next time.
    #[expect(clippy::disallowed_methods, reason = "nothing tells when a server is back")]
    pub(super) async fn pause(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = LONGEST.min(self.0 * 2);
    }
}
