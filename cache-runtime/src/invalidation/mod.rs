//! Invalidations that must not get lost: removing what became wrong, at once or as soon as Redis can be reached again.

mod delivery;
mod pending;
mod shared;

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use self::delivery::Outbox;
pub(crate) use self::pending::Seq;
use self::pending::{Overflow, Pending};
use crate::error::CacheError;
use crate::key::{EntryKey, Tag};
use crate::meter::Meter;
use crate::stats::Counters;
use crate::store::{FENCE_TTL, Fence, LongestTtl, MAX_TTL, Removal, Store, Targets};
use crate::util::runtime::with_timers;

/// How often a drain looks whether somebody delivers.
const AGAIN: Duration = Duration::from_secs(1);

pub(crate) struct Invalidation {
    store: Arc<Store>,
    outbox: Arc<Outbox>,
}

impl Invalidation {
    /// `shared_name` is what other caches of this process call the same store. `meter` tells how much is queued.
    pub(crate) fn new(
        store: Arc<Store>,
        counters: Arc<Counters>,
        shared_name: Option<String>,
        meter: Meter,
    ) -> Self {
        let pending = Pending::new(meter);
        let pending = match shared_name {
            Some(name) => shared::pending(name, pending),
            None => pending.into(),
        };
        Self {
            outbox: Outbox::new(pending, store.clone(), counters),
            store,
        }
    }

    /// Removes what these name. What can't be removed is queued, and all of it where this future is dropped. A fence that
    /// was to stand anew does not stand then, and all is removed once more when it would have ended.
    pub(crate) async fn remove(
        &self,
        targets: &Targets,
        fence: Fence<'_>,
    ) -> Result<u64, CacheError> {
        let queued_if_dropped = QueuedIfDropped(self, targets, fence);
        let Removal {
            entries,
            left,
            failure,
        } = self.store.invalidate(targets, fence).await;
        mem::forget(queued_if_dropped);
        let Some(error) = failure else {
            return Ok(entries);
        };
        let pending = &self.outbox.pending;
        pending.enqueue_left(&left, &targets.without(&left), || self.overflow());
        pending.report();
        self.remove_behind(fence, targets);
        self.outbox.deliver();
        Err(error)
    }

    /// The write may still commit, until its fence would have ended.
    fn remove_behind(&self, fence: Fence<'_>, targets: &Targets) {
        if matches!(fence, Fence::Renew(_)) {
            self.remove_later(targets, FENCE_TTL);
        }
    }

    /// Whether an invalidation of this entry has not been delivered yet.
    pub(crate) fn is_pending(&self, key: &EntryKey, tags: &[Tag]) -> bool {
        let is_pending = self.outbox.pending.contains(key, tags);
        if is_pending {
            self.outbox.deliver();
        }
        is_pending
    }

    /// The same of a tag, whatever has it.
    #[cfg(feature = "admin")]
    pub(crate) fn is_tag_pending(&self, tag: &Tag) -> bool {
        self.outbox.pending.contains_tag(tag)
    }

    /// Queues the removal of what these name.
    pub(crate) fn enqueue(&self, targets: &Targets) -> Seq {
        self.outbox.pending.enqueue(targets, || self.overflow())
    }

    /// Removes these so much later.
    pub(crate) fn remove_later(&self, targets: &Targets, after: Duration) {
        let pending = &self.outbox.pending;
        pending.enqueue_later(targets, Instant::now() + after, || self.overflow());
        self.outbox.deliver();
    }

    fn overflow(&self) -> Overflow {
        match (self.store.everything(), self.store.longest_ttl()) {
            (Some(all), _) => Overflow::Namespace(all),
            (None, longest) => Overflow::Everything(longest.map_or(MAX_TTL, LongestTtl::get)),
        }
    }

    /// These were removed, as far as they have not been queued again since.
    pub(crate) fn acknowledge(&self, seq: Seq, targets: &Targets) {
        let pending = &self.outbox.pending;
        pending.acknowledge(seq, targets, &Targets::default());
    }

    /// How many names are queued.
    pub(crate) fn pending(&self) -> u64 {
        self.outbox.pending.count()
    }

    /// Tells a recorder how many.
    pub(crate) fn measure(&self) {
        self.outbox.pending.measure();
    }

    /// Waits until nothing is queued, or for so long, and says how many names still are.
    pub(crate) async fn drain(&self, time: Duration) -> u64 {
        self.outbox.deliver();
        if with_timers().is_some() {
            let emptied = async {
                // Whoever delivers may stop: its runtime may end.
                while timeout(AGAIN, self.outbox.pending.emptied()).await.is_err() {
                    self.outbox.deliver();
                }
            };
            let _ = timeout(time, emptied).await;
        }
        self.pending()
    }

    /// An entry with this TTL may be stored, by this process or by another.
    pub(crate) fn note_ttl(&self, ttl: Duration) {
        if let Some(longest) = self.store.longest_ttl() {
            longest.note(ttl);
        }
    }
}

/// Dropped, it queues what these name.
struct QueuedIfDropped<'q>(&'q Invalidation, &'q Targets, Fence<'q>);

impl Drop for QueuedIfDropped<'_> {
    fn drop(&mut self) {
        let Self(invalidation, targets, fence) = self;
        invalidation.enqueue(targets);
        invalidation.remove_behind(*fence, targets);
        invalidation.outbox.deliver();
    }
}
