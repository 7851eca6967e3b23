//! Invalidations that could not be delivered. They are tried again until they are; until then this process
//! does not serve what they are about.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::key::Pattern;
use crate::store::{LONGEST_LIFE, Targets};
use crate::upkeep::{Taken, Turn};

/// So many names are kept, of all kinds.
const MOST: usize = 10_000;

/// So many keys and tags are sent at once.
const BATCH: usize = 500;

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    owed: Mutex<Owed>,
    /// How much is owed: with nothing, a read takes no lock.
    count: AtomicU64,
    delivering: Turn,
    changed: Notify,
}

/// Each name with the last debt that it is part of.
#[derive(Debug, Default)]
struct Owed {
    last: Debt,
    keys: HashMap<String, Debt>,
    tags: HashMap<String, Debt>,
    patterns: HashMap<Pattern, Debt>,
    /// Until then nothing at all is served: there was more than could be remembered.
    everything: Option<Instant>,
}

/// They are numbered.
pub(crate) type Debt = u64;

/// What is to be delivered now.
pub(crate) struct Delivery {
    pub(crate) debt: Debt,
    pub(crate) targets: Targets,
    pub(crate) patterns: Vec<Pattern>,
}

/// What is owed in the place of more names than can be remembered.
pub(crate) enum Instead {
    /// The cache has a namespace: all that is in it.
    Namespace(Pattern),
    /// What is the cache's own can't be told from what is not: whatever lives no longer than this.
    Everything(Duration),
}

impl Owed {
    fn len(&self) -> usize {
        let names = self.keys.len() + self.tags.len() + self.patterns.len();
        names + usize::from(self.everything.is_some())
    }

    fn add(&mut self, targets: &Targets, patterns: &[Pattern]) {
        let debt = self.last;
        self.keys
            .extend(targets.keys.iter().map(|key| (key.clone(), debt)));
        self.tags
            .extend(targets.tags.iter().map(|tag| (tag.clone(), debt)));
        self.patterns
            .extend(patterns.iter().map(|pattern| (pattern.clone(), debt)));
    }
}

impl Outbox {
    /// From now on these are owed.
    pub(crate) fn owe(
        &self,
        targets: &Targets,
        patterns: &[Pattern],
        instead: impl FnOnce() -> Instead,
    ) -> Debt {
        let mut owed = self.owed();
        owed.last += 1;
        let more = targets.keys.len() + targets.tags.len() + patterns.len();
        if owed.len() + more <= MOST {
            owed.add(targets, patterns);
        } else {
            tracing::error!("more invalidations are owed than can be remembered");
            match instead() {
                Instead::Namespace(all) => {
                    (owed.keys, owed.tags, owed.patterns) = Default::default();
                    owed.add(&Targets::default(), &[all]);
                }
                Instead::Everything(life) => {
                    let end = Instant::now() + life.min(LONGEST_LIFE);
                    owed.everything = owed.everything.max(Some(end));
                }
            }
        }
        self.update(&owed);
        owed.last
    }

    /// Whether the entry may be one of those that are owed.
    pub(crate) fn owes(&self, key: &str, tags: &[String]) -> bool {
        if self.count() == 0 {
            return false;
        }
        let owed = self.owed();
        owed.everything.is_some()
            || owed.keys.contains_key(key)
            || tags.iter().any(|tag| owed.tags.contains_key(tag))
            || owed
                .patterns
                .keys()
                .any(|glob| glob.matches(key.as_bytes()))
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// The next part of what is owed; nothing if nothing can be delivered now.
    pub(crate) fn next(&self) -> Option<Delivery> {
        let mut owed = self.owed();
        if owed.everything.is_some_and(|until| until <= Instant::now()) {
            owed.everything = None;
        }
        self.update(&owed);
        let targets = Targets {
            keys: owed.keys.keys().take(BATCH).cloned().collect(),
            tags: owed.tags.keys().take(BATCH).cloned().collect(),
        };
        let patterns: Vec<_> = owed.patterns.keys().take(1).cloned().collect();
        let is_empty = targets.is_empty() && patterns.is_empty();
        (!is_empty).then_some(Delivery {
            debt: owed.last,
            targets,
            patterns,
        })
    }

    /// This was delivered. What became part of a later debt meanwhile is still owed.
    pub(crate) fn settle(&self, debt: Debt, targets: &Targets, patterns: &[Pattern]) {
        fn settle<T: Eq + Hash>(owed: &mut HashMap<T, Debt>, names: &[T], debt: Debt) {
            for name in names {
                if owed.get(name).is_some_and(|last| *last <= debt) {
                    owed.remove(name);
                }
            }
        }
        let mut owed = self.owed();
        settle(&mut owed.keys, &targets.keys, debt);
        settle(&mut owed.tags, &targets.tags, debt);
        settle(&mut owed.patterns, patterns, debt);
        self.update(&owed);
    }

    /// Waits until nothing is owed.
    pub(crate) async fn settled(&self) {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            changed.await;
        }
    }

    /// The right to deliver, which one task has at a time; nothing where nothing is owed.
    pub(crate) fn delivering(&self) -> Option<Taken> {
        if self.count() == 0 {
            return None;
        }
        self.delivering.take()
    }

    fn update(&self, owed: &Owed) {
        let count = u64::try_from(owed.len()).unwrap_or(u64::MAX);
        self.count.store(count, Ordering::Release);
        if count == 0 {
            self.changed.notify_waiters();
        }
    }

    fn owed(&self) -> MutexGuard<'_, Owed> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: impl IntoIterator<Item = usize>) -> Targets {
        Targets {
            keys: names.into_iter().map(|name| name.to_string()).collect(),
            tags: Vec::new(),
        }
    }

    fn never() -> Instead {
        panic!("there is room")
    }

    #[test]
    fn what_is_owed_again_while_it_is_delivered_stays_owed() {
        let outbox = Outbox::default();
        outbox.owe(&keys([1, 2]), &[], never);
        let delivery = outbox.next().expect("two keys");
        outbox.owe(&keys([2, 3]), &[], never);
        outbox.settle(delivery.debt, &delivery.targets, &delivery.patterns);
        let owes = ["1", "2", "3"].map(|key| outbox.owes(key, &[]));
        assert_eq!((owes, outbox.count()), ([false, true, true], 2));
    }

    #[test]
    fn tags_and_patterns_are_owed_too() {
        let outbox = Outbox::default();
        let tag = Targets {
            keys: Vec::new(),
            tags: vec!["tag".to_owned()],
        };
        outbox.owe(&tag, &[Pattern::glob("user_*")], never);
        let owes = |key, tags: &[&str]| {
            let tags: Vec<String> = tags.iter().map(|&tag| tag.to_owned()).collect();
            outbox.owes(key, &tags)
        };
        assert!(owes("post", &["tag"]) && owes("user_1", &[]));
        assert!(!owes("post", &["other"]));
    }

    #[test]
    fn more_than_can_be_remembered_is_the_whole_namespace() {
        let outbox = Outbox::default();
        outbox.owe(&keys(0..MOST), &[], never);
        let all = || Instead::Namespace(Pattern::glob("blog:*"));
        outbox.owe(&keys([MOST]), &[], all);
        assert_eq!(outbox.count(), 1);
        assert!(outbox.owes("blog:post", &[]));
        let delivery = outbox.next().expect("a pattern");
        assert_eq!(delivery.patterns, [Pattern::glob("blog:*")]);
    }

    #[test]
    fn or_everything_for_as_long_as_an_entry_lives() {
        let outbox = Outbox::default();
        let forever = || Instead::Everything(Duration::MAX);
        outbox.owe(&keys(0..=MOST), &[], forever);
        assert!(outbox.owes("any", &[]));
        assert!(outbox.next().is_none(), "nothing can be delivered");
        let no_time = || Instead::Everything(Duration::ZERO);
        outbox.owe(&keys(0..=MOST), &[], no_time);
        assert!(outbox.owes("any", &[]), "the longer life counts");
    }
}
