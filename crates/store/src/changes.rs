//! Until when what was read of an account stays true: lets its callers keep what they read.
//!
//! Nothing is kept here. A caller takes a [`Mark`] of the account, then reads, and may use what it
//! read for as long as the mark holds. A unit says whose account or sessions it changed
//! ([`Tx::changed`](crate::Tx::changed)), and before anybody is told that it is done, no older mark
//! of that account holds any more: whoever reads while another writes keeps what is void already.
//!
//! Changes by others, nodes or commands, are heard within [`FRESH`], or else no mark holds: whoever
//! listens renews the trust in what it hears every quarter of a second. Here time is nothing but the
//! span between two beats of the same process; moments come from outside as everywhere.

use std::{
    sync::atomic::{AtomicU64, Ordering::SeqCst},
    time::Duration,
};

use nightlatch_core::UserId;
use tokio::time::Instant;

/// How long nothing may be heard before nothing that was kept counts.
pub(crate) const FRESH: Duration = Duration::from_millis(750);

/// How often whoever listens makes sure that it still hears: twice may fail.
pub(crate) const EVERY: Duration = Duration::from_millis(250);

/// Accounts share a counter, so that there is a bound; who shares one reads again once too often.
const COUNTERS: usize = 1 << 14;

/// What was known of changes to one account at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    counter: usize,
    count: u64,
    losses: u64,
}

/// The changes that this process heard of.
pub(crate) struct Changes {
    counters: Box<[AtomicU64]>,
    /// Counts how often changes may have been missed: of anybody's account.
    losses: AtomicU64,
    /// Microseconds since `started`.
    trusted_until: AtomicU64,
    started: Instant,
}

impl Changes {
    pub(crate) fn new() -> Self {
        Self {
            counters: (0..COUNTERS).map(|_| AtomicU64::new(0)).collect(),
            losses: AtomicU64::new(0),
            trusted_until: AtomicU64::new(0),
            started: Instant::now(),
        }
    }

    /// A mark to be taken before reading; `None` while nobody hears of changes.
    pub(crate) fn mark(&self, user: UserId) -> Option<Mark> {
        // In this order: a loss first ends the trust and is counted then.
        let losses = self.losses.load(SeqCst);
        let counter = counter(user);
        let count = self.counters[counter].load(SeqCst);
        self.is_trusted().then_some(Mark { counter, count, losses })
    }

    /// Whether what was read after `mark` was taken is still so.
    pub(crate) fn hold(&self, mark: &Mark) -> bool {
        self.losses.load(SeqCst) == mark.losses
            && self.counters[mark.counter].load(SeqCst) == mark.count
            && self.is_trusted()
    }

    /// Whether changes are heard of.
    pub(crate) fn is_trusted(&self) -> bool {
        self.now() < self.trusted_until.load(SeqCst)
    }

    /// The account of `user`, or a session of theirs, is not what it was.
    pub(crate) fn changed(&self, user: UserId) {
        self.counters[counter(user)].fetch_add(1, SeqCst);
    }

    /// Something changed, and nobody knows what.
    pub(crate) fn any_changed(&self) {
        self.losses.fetch_add(1, SeqCst);
    }

    /// Nobody hears of changes any more.
    pub(crate) fn lost(&self) {
        self.trusted_until.store(0, SeqCst);
        self.any_changed();
    }

    /// Every change before `moment` was heard of.
    pub(crate) fn heard_all_before(&self, moment: u64) {
        let fresh = u64::try_from(FRESH.as_micros()).unwrap_or(u64::MAX);
        self.trusted_until.fetch_max(moment.saturating_add(fresh), SeqCst);
    }

    /// A moment, as this process counts.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// The last bytes of an id are random.
fn counter(user: UserId) -> usize {
    let [.., high, low] = *user.as_bytes();
    usize::from(u16::from_be_bytes([high, low])) % COUNTERS
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const ADA: UserId = UserId::from_bytes([1; 16]);
    const BOB: UserId = UserId::from_bytes([2; 16]);

    fn trusted() -> Changes {
        let changes = Changes::new();
        changes.heard_all_before(changes.now());
        changes
    }

    #[tokio::test(start_paused = true)]
    async fn a_mark_holds_until_its_account_changes() {
        let changes = trusted();
        let (ada, bob) = (changes.mark(ADA).unwrap(), changes.mark(BOB).unwrap());
        changes.changed(ADA);
        assert!(!changes.hold(&ada), "it changed");
        assert!(changes.hold(&bob), "nothing happened to it");
        assert!(changes.hold(&changes.mark(ADA).unwrap()), "what is read now is new");
        changes.any_changed();
        assert!(!changes.hold(&bob), "nobody knows what changed");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_holds_while_changes_are_not_heard_of() {
        let changes = Changes::new();
        assert_eq!(changes.mark(ADA), None, "nothing was heard yet");
        changes.heard_all_before(changes.now());
        let mark = changes.mark(ADA).unwrap();
        advance(Duration::from_millis(749)).await;
        assert!(changes.hold(&mark));
        advance(Duration::from_millis(1)).await;
        assert!(!changes.hold(&mark), "the last beat is too old");
        assert_eq!(changes.mark(ADA), None);
        changes.heard_all_before(changes.now());
        assert!(changes.hold(&mark), "a late beat says that nothing was missed");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_kept_before_a_loss_is_void_after_it() {
        let changes = trusted();
        let mark = changes.mark(ADA).unwrap();
        changes.lost();
        assert!(!changes.hold(&mark));
        assert_eq!(changes.mark(ADA), None);
        changes.heard_all_before(changes.now());
        assert!(!changes.hold(&mark), "it may have changed meanwhile");
        assert!(changes.mark(ADA).is_some());
    }
}
