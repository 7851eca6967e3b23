//! What is still to be removed. Until it is, this process does not serve it.
//!
//! Each name is settled by itself. What was removed while something else of the same write was not is removed once more
//! when nothing else is left: it may have been loaded anew from that.

mod by_kind;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::by_kind::ByKind;
use crate::key::{EntryKey, Pattern, PatternSet, Tag};
use crate::log;
use crate::meter::Meter;
use crate::store::{MAX_TTL, Targets};
use crate::util::incident::Incident;

/// So many names are kept, of all kinds.
const MAX_PENDING: usize = 10_000;

/// So many keys, and so many tags, are sent at once.
const BATCH: usize = 500;

#[derive(Debug, Default)]
pub(super) struct Pending {
    names: RwLock<Names>,
    /// How many there are that must not be served: with none, a read takes no lock.
    withheld: AtomicU64,
    /// How many there are in all.
    count: AtomicU64,
    meter: Meter,
    changed: Notify,
    /// Something is queued.
    queued: Incident,
    /// There was more than could be remembered.
    overflowed: Incident,
}

#[derive(Debug, Default)]
struct Names {
    last: Seq,
    /// Still to be removed.
    queued: ByKind<Queued>,
    /// Those of them that are patterns.
    patterns: PatternSet,
    /// Until then nothing at all is served: there was more than could be remembered.
    everything: Option<Instant>,
    /// To be removed once more when nothing else is left, and served meanwhile.
    again: ByKind<Seq>,
    /// To be removed at these times, whatever is left then, and served until then.
    later: ByKind<Instant>,
    /// How many were delivered since the queue was empty.
    delivered: u64,
}

/// Orders what is queued: what was queued again while it was delivered has a higher number.
pub(crate) type Seq = u64;

#[derive(Clone, Copy, Debug)]
struct Queued {
    seq: Seq,
    /// When it was last tried, or queued: the others go first.
    turn: Seq,
}

/// What is to be delivered now.
pub(super) struct Delivery {
    pub(super) seq: Seq,
    pub(super) targets: Targets,
}

/// What is queued in the place of more names than can be remembered.
pub(super) enum Overflow {
    /// The cache has a namespace: all that is in it.
    Namespace(Pattern),
    /// What is the cache's own can't be told from what is not: whatever has no longer TTL than this.
    Everything(Duration),
}

impl Names {
    /// How many there are that must not be served.
    fn withheld(&self) -> usize {
        self.queued.len() + usize::from(self.everything.is_some())
    }

    fn len(&self) -> usize {
        self.withheld() + self.again.len() + self.later.len()
    }

    fn add(&mut self, targets: &Targets) {
        for pattern in &targets.patterns {
            if !self.queued.patterns.contains_key(pattern) {
                self.patterns.insert(pattern.clone());
            }
        }
        let queued = Queued {
            seq: self.last,
            turn: self.last,
        };
        self.queued.add(targets, queued, |known, new| Queued {
            seq: new.seq,
            turn: known.turn,
        });
    }

    /// What is due is queued, and no longer served; and all is served again when its time has come. Says whether there
    /// was any of that.
    fn fall_due(&mut self, now: Instant) -> bool {
        let is_over = self.everything.take_if(|end| *end <= now).is_some();
        let due = self.later.of_which(|due| due <= now);
        self.later.remove(&due, |_| true);
        self.add(&due);
        is_over || !due.is_empty()
    }

    /// One pattern takes the place of all names.
    fn collapse(&mut self, all: Pattern) {
        let all = Targets {
            patterns: vec![all],
            ..Targets::default()
        };
        let last_due = self.later.values().max();
        (self.queued, self.patterns) = Default::default();
        (self.again, self.later) = Default::default();
        self.add(&all);
        if let Some(due) = last_due {
            self.later.add(&all, due, Ord::max);
        }
    }
}

impl Pending {
    pub(super) fn new(meter: Meter) -> Self {
        Self {
            meter,
            ..Self::default()
        }
    }

    /// Tells a recorder how many names are queued.
    pub(super) fn measure(&self) {
        self.meter.set(self.count());
    }

    /// From now on these are queued.
    pub(super) fn enqueue(&self, targets: &Targets, overflow: impl FnOnce() -> Overflow) -> Seq {
        self.change(overflow, targets.len(), |names| names.add(targets))
    }

    /// From now on these are withheld as well, and those are removed once more with them.
    pub(super) fn enqueue_left(
        &self,
        left: &Targets,
        removed: &Targets,
        overflow: impl FnOnce() -> Overflow,
    ) -> Seq {
        self.change(overflow, left.len() + removed.len(), |names| {
            names.add(left);
            names.again.add(removed, names.last, Ord::max);
        })
    }

    /// These are removed then, and served until then.
    pub(super) fn enqueue_later(
        &self,
        targets: &Targets,
        due: Instant,
        overflow: impl FnOnce() -> Overflow,
    ) {
        self.change(overflow, targets.len(), |names| {
            names.later.add(targets, due, Ord::max);
        });
    }

    fn change(
        &self,
        overflow: impl FnOnce() -> Overflow,
        more: usize,
        change: impl FnOnce(&mut Names),
    ) -> Seq {
        let mut names = self.names.write();
        names.last += 1;
        if names.len() + more <= MAX_PENDING {
            change(&mut names);
        } else {
            let instead = match overflow() {
                Overflow::Namespace(all) => {
                    change(&mut names);
                    names.collapse(all);
                    "the whole namespace"
                }
                Overflow::Everything(ttl) => {
                    let end = Instant::now() + ttl.min(MAX_TTL);
                    names.everything = names.everything.max(Some(end));
                    "everything, until it has expired"
                }
            };
            if self.overflowed.is_news(instead) {
                log::queue_overflowed(instead);
            }
        }
        self.update(&mut names);
        names.last
    }

    /// Whether the entry may be one of those that are still to be removed.
    pub(super) fn contains(&self, key: &EntryKey, tags: &[Tag]) -> bool {
        if self.withheld.load(Ordering::Acquire) == 0 {
            return false;
        }
        let names = self.names.read();
        names.everything.is_some()
            || names.queued.keys.contains_key(key)
            || tags.iter().any(|tag| names.queued.tags.contains_key(tag))
            || names.patterns.matches(key.as_bytes())
    }

    /// Whether what has this tag is still to be removed.
    #[cfg(feature = "admin")]
    pub(super) fn contains_tag(&self, tag: &Tag) -> bool {
        let names = self.names.read();
        names.everything.is_some() || names.queued.tags.contains_key(tag)
    }

    /// How many names are queued.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// The next keys and tags: those that have waited longest. When nothing else is left, what is to be removed once
    /// more. Nothing if there is none now.
    pub(super) fn next_targets(&self) -> Option<Delivery> {
        fn take<T: Clone + Eq + Hash>(queue: &mut HashMap<T, Queued>, turn: Seq) -> Vec<T> {
            let mut all: Vec<(&T, &mut Queued)> = queue.iter_mut().collect();
            all.sort_by_key(|(_, queued)| queued.turn);
            let taken = all.into_iter().take(BATCH).map(|(name, queued)| {
                queued.turn = turn;
                name.clone()
            });
            taken.collect()
        }
        let mut names = self.names.write();
        names.last += 1;
        let turn = names.last;
        if names.fall_due(Instant::now()) {
            self.update(&mut names);
        }
        let mut targets = Targets {
            keys: take(&mut names.queued.keys, turn),
            tags: take(&mut names.queued.tags, turn),
            patterns: Vec::new(),
        };
        if names.queued.len() == 0 {
            targets = names.again.of_which(|_| true);
        }
        (!targets.is_empty()).then_some(Delivery { seq: turn, targets })
    }

    /// All patterns that are still to be removed, if there is one: they are looked for together.
    pub(super) fn next_patterns(&self) -> Option<Delivery> {
        let names = self.names.read();
        let targets = Targets {
            patterns: names.queued.patterns.keys().cloned().collect(),
            ..Targets::default()
        };
        (!targets.is_empty()).then_some(Delivery {
            seq: names.last,
            targets,
        })
    }

    /// When the first falls due of what is to be removed later.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let names = self.names.read();
        names.later.values().min()
    }

    /// These were delivered, but for what is left. What was queued again meanwhile is still queued.
    pub(super) fn acknowledge(&self, seq: Seq, delivered: &Targets, left: &Targets) {
        let mut names = self.names.write();
        let settled = delivered.without(left);
        let settled = names.queued.remove(&settled, |queued| queued.seq <= seq);
        if !settled.patterns.is_empty() {
            names.patterns = names.queued.patterns.keys().cloned().collect();
        }
        names.delivered += u64::try_from(settled.len()).unwrap_or(u64::MAX);
        if left.is_empty() {
            names.again.remove(delivered, |of| of <= seq);
        }
        if names.queued.len() > 0 {
            names.again.add(&settled, seq, Ord::max);
        }
        self.update(&mut names);
    }

    /// Waits until nothing is queued.
    pub(super) async fn emptied(&self) {
        while self.count() > 0 {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            changed.await;
        }
    }

    /// Waits until something is queued or settled.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn update(&self, names: &mut Names) {
        let number = |count| u64::try_from(count).unwrap_or(u64::MAX);
        let count = number(names.len());
        self.withheld
            .store(number(names.withheld()), Ordering::Release);
        self.count.store(count, Ordering::Release);
        self.measure();
        self.changed.notify_waiters();
        if count > 0 {
            return;
        }
        self.overflowed.end();
        let delivered = std::mem::take(&mut names.delivered);
        if let Some(lasted) = self.queued.end() {
            log::invalidations_delivered(delivered, lasted);
        }
    }

    /// Tells the log, once, that something could not be delivered.
    pub(super) fn report(&self) {
        if self.count() > 0 && self.queued.is_news("") {
            log::invalidations_queued();
        }
    }
}
