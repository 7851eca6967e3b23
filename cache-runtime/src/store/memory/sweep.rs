//! Patterns: a look at everything, page by page, between which others get their turn. What matches is not stored meanwhile,
//! since it may be loaded from what is still to be removed.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::yield_now;

use super::MemoryStore;
use super::entries::Position;
use super::stored::Stored;
use crate::key::{Pattern, PatternSet};

/// Over when it is dropped.
pub(super) struct Sweep<'s> {
    store: &'s MemoryStore,
    patterns: Arc<PatternSet>,
}

impl<'s> Sweep<'s> {
    /// Voids the loads under way of what these match.
    pub(super) fn begin(store: &'s MemoryStore, patterns: &[Pattern]) -> Self {
        let patterns: PatternSet = patterns.iter().cloned().collect();
        let patterns = Arc::new(patterns);
        store.work.lock().begin_sweep(&patterns);
        Self { store, patterns }
    }

    /// Removes the entries that match, and says how many there were.
    pub(super) async fn run(&self) -> u64 {
        let (store, mut position, mut removed) = (self.store, Position::default(), 0);
        loop {
            let is_hit = |stored: &Stored| self.is_hit(stored);
            let (page, is_last) = store.entries.next_page(&mut position, is_hit);
            let now = store.now();
            let alive = page.iter().filter(|stored| store.remove(&stored.name, now));
            removed += alive.count() as u64;
            if is_last {
                return removed;
            }
            // Without a runtime there is nobody to wait for, and perhaps nobody who would go on.
            if Handle::try_current().is_ok() {
                yield_now().await;
            }
        }
    }

    fn is_hit(&self, stored: &Stored) -> bool {
        let name = stored.name.as_bytes();
        self.store.keyspace.is_entry(name) && self.patterns.matches(name)
    }
}

impl Drop for Sweep<'_> {
    fn drop(&mut self) {
        self.store.work.lock().end_sweep(&self.patterns);
    }
}
