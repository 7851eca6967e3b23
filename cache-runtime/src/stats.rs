//! What became of the calls.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// How often what happened since the cache was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Reads that were answered from the cache.
    pub hits: u64,
    /// Reads that ran the function because there was no usable entry.
    pub misses: u64,
    /// Reads that waited for the load of another one and share its answer.
    pub coalesced: u64,
    /// Reads that ran the function without looking: their `condition` was false, their key could not be
    /// made, they were made by a write of what it changes, or the load that they waited for took too long.
    pub bypassed: u64,
    /// Answers that were stored.
    pub fills: u64,
    /// Answers that were not, because something invalidated them while they were loaded.
    pub fills_refused: u64,
    /// Writes that removed what they had made stale.
    pub invalidations: u64,
    /// Operations that failed, and writes whose invalidation did.
    pub errors: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) coalesced: Counter,
    pub(crate) bypassed: Counter,
    pub(crate) fills: Counter,
    pub(crate) fills_refused: Counter,
    pub(crate) invalidations: Counter,
    pub(crate) errors: Counter,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(crate) fn snapshot(&self) -> Stats {
        Stats {
            hits: self.hits.get(),
            misses: self.misses.get(),
            coalesced: self.coalesced.get(),
            bypassed: self.bypassed.get(),
            fills: self.fills.get(),
            fills_refused: self.fills_refused.get(),
            invalidations: self.invalidations.get(),
            errors: self.errors.get(),
        }
    }
}
