//! Invalidations that must not get lost: removing what became wrong, at once or as soon as Redis can be reached again.

mod delivery;
mod pending;

use std::mem;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use self::delivery::Outbox;
use self::pending::Overflow;
pub(crate) use self::pending::Seq;
use crate::error::CacheError;
use crate::key::{EntryKey, Pattern, Tag};
use crate::stats::Counters;
use crate::store::{Fence, LongestTtl, MAX_TTL, Store, Targets};
use crate::util::runtime::with_timers;

pub(crate) struct Invalidation {
    store: Arc<Store>,
    outbox: Arc<Outbox>,
}

impl Invalidation {
    pub(crate) fn new(store: Arc<Store>, counters: Arc<Counters>) -> Self {
        Self {
            outbox: Outbox::new(store.clone(), counters),
            store,
        }
    }

    /// Removes what these name, or queues that: where it fails, and where this future is dropped.
    pub(crate) async fn remove(
        &self,
        targets: &Targets,
        fence: Fence<'_>,
    ) -> Result<u64, CacheError> {
        let queued_if_dropped = QueuedIfDropped(self, targets, &[]);
        let outcome = self.store.invalidate(targets, fence).await;
        queued_if_dropped.settle(outcome)
    }

    /// The same for a pattern.
    pub(crate) async fn remove_matching(&self, pattern: &Pattern) -> Result<u64, CacheError> {
        let targets = Targets::default();
        let queued_if_dropped = QueuedIfDropped(self, &targets, slice::from_ref(pattern));
        let outcome = self.store.delete_matching(pattern).await;
        queued_if_dropped.settle(outcome)
    }

    /// Whether an invalidation of this entry has not been delivered yet.
    pub(crate) fn is_pending(&self, key: &EntryKey, tags: &[Tag]) -> bool {
        let is_pending = self.outbox.pending.contains(key, tags);
        if is_pending {
            self.outbox.deliver();
        }
        is_pending
    }

    /// Queues the removal of what these name.
    pub(crate) fn enqueue(&self, targets: &Targets, patterns: &[Pattern]) -> Seq {
        let overflow = || match self.store.keyspace().everything() {
            Some(namespace) => Overflow::Namespace(namespace),
            None => Overflow::Everything(self.max_ttl()),
        };
        self.outbox.pending.enqueue(targets, patterns, overflow)
    }

    /// Queues the removal, and sees to it that it is delivered.
    pub(crate) fn remove_later(&self, targets: &Targets, patterns: &[Pattern]) {
        self.enqueue(targets, patterns);
        self.outbox.deliver();
    }

    /// These were removed, as far as they have not been queued again since.
    pub(crate) fn acknowledge(&self, seq: Seq, targets: &Targets, patterns: &[Pattern]) {
        self.outbox.pending.acknowledge(seq, targets, patterns);
    }

    /// How many names are queued.
    pub(crate) fn pending(&self) -> u64 {
        self.outbox.pending.count()
    }

    /// Waits until nothing is queued, or for so long, and says how many names still are.
    pub(crate) async fn drain(&self, time: Duration) -> u64 {
        self.outbox.deliver();
        if with_timers().is_some() {
            let _ = timeout(time, self.outbox.pending.emptied()).await;
        }
        self.pending()
    }

    /// An entry with this TTL may be stored, by this process or by another.
    pub(crate) fn note_ttl(&self, ttl: Duration) {
        if let Some(longest) = self.store.longest_ttl() {
            longest.note(ttl);
        }
    }

    fn max_ttl(&self) -> Duration {
        self.store.longest_ttl().map_or(MAX_TTL, LongestTtl::get)
    }
}

/// Dropped, it queues what its names stand for.
struct QueuedIfDropped<'q>(&'q Invalidation, &'q Targets, &'q [Pattern]);

impl QueuedIfDropped<'_> {
    fn settle<T>(self, outcome: Result<T, CacheError>) -> Result<T, CacheError> {
        let invalidation = self.0;
        if outcome.is_ok() {
            mem::forget(self);
        } else {
            drop(self);
            invalidation.outbox.pending.report();
        }
        outcome
    }
}

impl Drop for QueuedIfDropped<'_> {
    fn drop(&mut self) {
        let Self(invalidation, targets, patterns) = self;
        invalidation.enqueue(targets, patterns);
        invalidation.outbox.deliver();
    }
}
