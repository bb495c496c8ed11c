//! Audit chains: every writer keeps one per start of the process, its head in memory.
//!
//! Nothing is read at the start and nothing is locked. A chain whose last event may or may not have
//! been committed is not continued: its writer opens another. The primary key (chain, seq) is what
//! would catch a chain that forked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError, atomic::AtomicU64},
};

use nightlatch_core::{
    Timestamp,
    audit::{Event, Head, Kind},
};

use tokio::sync::Notify;

use crate::{ChainIds, Fault, Tx, Unit, changes::Changes};

/// What all writers and readers of one store share.
pub(crate) struct Shared {
    pub(crate) ids: ChainIds,
    pub(crate) changes: Changes,
    /// The committed heads of the chains of this process.
    heads: Mutex<BTreeMap<[u8; 16], Head>>,
    /// Statements executed since the store was opened.
    pub(crate) statements: AtomicU64,
    /// Set once the store closes: when.
    pub(crate) closing: OnceLock<Timestamp>,
    /// Told once if the writer stopped by itself.
    pub(crate) gave_up: Notify,
}

impl Shared {
    pub(crate) fn new(ids: ChainIds) -> Self {
        Self {
            ids,
            changes: Changes::new(),
            heads: Mutex::default(),
            statements: AtomicU64::new(0),
            closing: OnceLock::new(),
            gave_up: Notify::new(),
        }
    }

    pub(crate) fn heads(&self) -> Vec<Head> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).values().copied().collect()
    }
}

/// The chain that a writer is adding to.
pub(crate) struct Chain {
    pub(crate) head: Head,
    shared: Arc<Shared>,
}

impl Chain {
    pub(crate) fn open(shared: Arc<Shared>) -> Self {
        Self { head: Head::empty((shared.ids)()), shared }
    }

    /// Whether an event was added.
    pub(crate) const fn is_begun(&self) -> bool {
        self.head.seq > 0
    }

    /// The head was committed: lets checkpoints name it.
    pub(crate) fn publish(&self) {
        if self.is_begun() {
            let mut heads = self.shared.heads.lock().unwrap_or_else(PoisonError::into_inner);
            heads.insert(self.head.chain, self.head);
        }
    }

    /// Leaves the chain, whose end is not known, and opens another.
    pub(crate) fn renew(&mut self) {
        self.head = Head::empty((self.shared.ids)());
    }

    /// The last unit of this chain, if the store closes and there is a chain to close.
    pub(crate) fn last_unit(&self) -> Option<CloseChain> {
        let at = *self.shared.closing.get()?;
        self.is_begun().then_some(CloseChain { at })
    }
}

/// Ends the chain of the writer that runs it.
pub(crate) struct CloseChain {
    at: Timestamp,
}

impl Unit for CloseChain {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        tx.audit(&Event::success(Kind::AuditClosed, self.at)).await
    }
}
