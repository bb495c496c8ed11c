//! Outages, each told once: a line when the database is gone, and one when it is back.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::Fault;

/// Whether one kind of work goes through.
pub(crate) struct Outage {
    what: &'static str,
    begun: AtomicBool,
}

impl Outage {
    /// None so far; `what` is the kind of work, in an operator's words.
    pub(crate) const fn of(what: &'static str) -> Self {
        Self { what, begun: AtomicBool::new(false) }
    }

    /// Whether work goes through, as far as is known.
    pub(crate) fn is_over(&self) -> bool {
        !self.begun.load(Ordering::Relaxed)
    }

    /// Notes a fault.
    pub(crate) fn begin(&self, fault: &Fault) {
        let Fault::Unavailable(cause) = fault else { return };
        if !self.begun.swap(true, Ordering::Relaxed) {
            let error: &(dyn std::error::Error + 'static) = cause.as_ref();
            let next = fault.next();
            tracing::error!(work = self.what, error, next, "The database is not available");
        }
    }

    /// Notes that work went through.
    pub(crate) fn end(&self) {
        if !self.is_over() && self.begun.swap(false, Ordering::Relaxed) {
            tracing::info!(work = self.what, "The database is back");
        }
    }
}
