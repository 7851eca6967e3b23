//! Invalidations that could not be delivered, in the order of their numbers. Until they are, this process does not
//! serve what they name.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::key::{EntryKey, Pattern, Tag};
use crate::log;
use crate::store::{MAX_TTL, Targets};
use crate::util::incident::Incident;

/// So many names are kept, of all kinds.
const MAX_PENDING: usize = 10_000;

/// So many keys, and so many tags, are sent at once.
const BATCH: usize = 500;

#[derive(Debug, Default)]
pub(super) struct Pending {
    names: Mutex<Names>,
    /// How many there are: with none, a read takes no lock.
    count: AtomicU64,
    changed: Notify,
    /// Something is queued.
    queued: Incident,
    /// There was more than could be remembered.
    overflowed: Incident,
}

/// Each name with the last number that it was queued under.
#[derive(Debug, Default)]
struct Names {
    last: Seq,
    keys: HashMap<EntryKey, Seq>,
    tags: HashMap<Tag, Seq>,
    patterns: HashMap<Pattern, Seq>,
    /// Until then nothing at all is served: there was more than could be remembered.
    everything: Option<Instant>,
    /// How many were delivered since the queue was empty.
    delivered: u64,
}

/// Orders what is queued: what was queued again while it was delivered has a higher number.
pub(crate) type Seq = u64;

/// What is to be delivered now.
pub(super) struct Delivery {
    pub(super) seq: Seq,
    pub(super) targets: Targets,
    pub(super) patterns: Vec<Pattern>,
}

/// What is queued in the place of more names than can be remembered.
pub(super) enum Overflow {
    /// The cache has a namespace: all that is in it.
    Namespace(Pattern),
    /// What is the cache's own can't be told from what is not: whatever has no longer TTL than this.
    Everything(Duration),
}

impl Names {
    fn len(&self) -> usize {
        let names = self.keys.len() + self.tags.len() + self.patterns.len();
        names + usize::from(self.everything.is_some())
    }

    fn add(&mut self, targets: &Targets, patterns: &[Pattern]) {
        let seq = self.last;
        let keys = targets.keys.iter().cloned();
        let (tags, patterns) = (targets.tags.iter().cloned(), patterns.iter().cloned());
        self.keys.extend(keys.map(|key| (key, seq)));
        self.tags.extend(tags.map(|tag| (tag, seq)));
        self.patterns.extend(patterns.map(|pattern| (pattern, seq)));
    }
}

impl Pending {
    /// From now on these are queued.
    pub(super) fn enqueue(
        &self,
        targets: &Targets,
        patterns: &[Pattern],
        overflow: impl FnOnce() -> Overflow,
    ) -> Seq {
        let mut names = self.names.lock();
        names.last += 1;
        let more = targets.len() + patterns.len();
        if names.len() + more <= MAX_PENDING {
            names.add(targets, patterns);
        } else {
            let instead = match overflow() {
                Overflow::Namespace(all) => {
                    (names.keys, names.tags, names.patterns) = Default::default();
                    names.add(&Targets::default(), &[all]);
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

    /// Whether the entry may be one of those that are queued.
    pub(super) fn contains(&self, key: &EntryKey, tags: &[Tag]) -> bool {
        if self.count() == 0 {
            return false;
        }
        let names = self.names.lock();
        names.everything.is_some()
            || names.keys.contains_key(key)
            || tags.iter().any(|tag| names.tags.contains_key(tag))
            || names
                .patterns
                .keys()
                .any(|pattern| pattern.matches(key.as_bytes()))
    }

    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// The next part of what is queued; nothing if nothing can be delivered now.
    pub(super) fn next(&self) -> Option<Delivery> {
        let mut names = self.names.lock();
        if names.everything.is_some_and(|end| end <= Instant::now()) {
            names.everything = None;
        }
        self.update(&mut names);
        let targets = Targets {
            keys: names.keys.keys().take(BATCH).cloned().collect(),
            tags: names.tags.keys().take(BATCH).cloned().collect(),
        };
        let patterns: Vec<_> = names.patterns.keys().take(1).cloned().collect();
        let is_empty = targets.is_empty() && patterns.is_empty();
        (!is_empty).then_some(Delivery {
            seq: names.last,
            targets,
            patterns,
        })
    }

    /// These were delivered. What was queued again meanwhile is still queued.
    pub(super) fn acknowledge(&self, seq: Seq, targets: &Targets, patterns: &[Pattern]) {
        fn acknowledge<T: Eq + Hash>(
            queued: &mut HashMap<T, Seq>,
            delivered: &[T],
            seq: Seq,
        ) -> u64 {
            let is_done = |name: &&T| queued.get(name).is_some_and(|last| *last <= seq);
            let done: Vec<&T> = delivered.iter().filter(is_done).collect();
            let removed = done.into_iter().filter_map(|name| queued.remove(name));
            removed.map(|_| 1).sum()
        }
        let mut names = self.names.lock();
        names.delivered += acknowledge(&mut names.keys, &targets.keys, seq);
        names.delivered += acknowledge(&mut names.tags, &targets.tags, seq);
        names.delivered += acknowledge(&mut names.patterns, patterns, seq);
        self.update(&mut names);
    }

    /// Waits until nothing is queued.
    pub(super) async fn emptied(&self) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            changed.await;
        }
    }

    fn update(&self, names: &mut Names) {
        let count = u64::try_from(names.len()).unwrap_or(u64::MAX);
        self.count.store(count, Ordering::Release);
        if count > 0 {
            return;
        }
        self.changed.notify_waiters();
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

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    fn key(name: impl fmt::Display) -> EntryKey {
        EntryKey::new("", format!("{name}"))
    }

    fn keys(names: impl IntoIterator<Item = usize>) -> Targets {
        Targets {
            keys: names.into_iter().map(key).collect(),
            tags: Vec::new(),
        }
    }

    fn never() -> Overflow {
        panic!("there is room")
    }

    #[test]
    fn what_is_queued_again_while_it_is_delivered_stays_queued() {
        let pending = Pending::default();
        pending.enqueue(&keys([1, 2]), &[], never);
        let delivery = pending.next().expect("two keys");
        pending.enqueue(&keys([2, 3]), &[], never);
        pending.acknowledge(delivery.seq, &delivery.targets, &delivery.patterns);
        let queued = [1, 2, 3].map(|name| pending.contains(&key(name), &[]));
        assert_eq!((queued, pending.count()), ([false, true, true], 2));
    }

    #[test]
    fn tags_and_patterns_are_queued_too() {
        let pending = Pending::default();
        let tag = Targets {
            keys: Vec::new(),
            tags: vec![Tag::new("tag")],
        };
        pending.enqueue(&tag, &[Pattern::glob("user_*")], never);
        assert!(pending.contains(&key("post"), &[Tag::new("tag")]));
        assert!(pending.contains(&key("user_1"), &[]));
        assert!(!pending.contains(&key("post"), &[Tag::new("other")]));
    }

    #[test]
    fn more_than_can_be_remembered_is_the_whole_namespace() {
        let pending = Pending::default();
        pending.enqueue(&keys(0..MAX_PENDING), &[], never);
        let all = || Overflow::Namespace(Pattern::glob("blog:*"));
        pending.enqueue(&keys([MAX_PENDING]), &[], all);
        assert_eq!(pending.count(), 1);
        assert!(pending.contains(&key("blog:post"), &[]));
        let delivery = pending.next().expect("a pattern");
        assert_eq!(delivery.patterns, [Pattern::glob("blog:*")]);
    }

    #[test]
    fn or_everything_for_as_long_as_an_entry_lives() {
        let pending = Pending::default();
        let forever = || Overflow::Everything(Duration::MAX);
        pending.enqueue(&keys(0..=MAX_PENDING), &[], forever);
        assert!(pending.contains(&key("any"), &[]));
        assert!(pending.next().is_none(), "nothing can be delivered");
        let no_time = || Overflow::Everything(Duration::ZERO);
        pending.enqueue(&keys(0..=MAX_PENDING), &[], no_time);
        assert!(pending.contains(&key("any"), &[]), "the longer TTL counts");
    }
}
