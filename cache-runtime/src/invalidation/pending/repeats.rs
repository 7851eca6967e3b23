//! What is to be removed once more, and is served meanwhile.

use std::collections::HashMap;
use std::hash::Hash;

use tokio::time::Instant;

use super::Seq;
use crate::key::{EntryKey, Pattern, Tag};
use crate::store::Targets;

/// Names with the last number that each was queued under, and when they are due.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    keys: HashMap<EntryKey, (Seq, Instant)>,
    tags: HashMap<Tag, (Seq, Instant)>,
    patterns: HashMap<Pattern, (Seq, Instant)>,
}

impl Repeats {
    pub(super) fn len(&self) -> usize {
        self.keys.len() + self.tags.len() + self.patterns.len()
    }

    pub(super) fn add(&mut self, targets: &Targets, seq: Seq, due: Instant) {
        fn add<T: Clone + Eq + Hash>(
            queue: &mut HashMap<T, (Seq, Instant)>,
            names: &[T],
            new: (Seq, Instant),
        ) {
            for name in names {
                let known = queue.entry(name.clone()).or_insert(new);
                *known = (known.0.max(new.0), known.1.max(new.1));
            }
        }
        add(&mut self.keys, &targets.keys, (seq, due));
        add(&mut self.tags, &targets.tags, (seq, due));
        add(&mut self.patterns, &targets.patterns, (seq, due));
    }

    pub(super) fn due(&self, now: Instant) -> Targets {
        fn due<T: Clone>(queue: &HashMap<T, (Seq, Instant)>, now: Instant) -> Vec<T> {
            let due = queue.iter().filter(|(_, (_, due))| *due <= now);
            due.map(|(name, _)| name.clone()).collect()
        }
        Targets {
            keys: due(&self.keys, now),
            tags: due(&self.tags, now),
            patterns: due(&self.patterns, now),
        }
    }

    /// These were removed, as far as they were queued by then and due.
    pub(super) fn acknowledge(&mut self, targets: &Targets, seq: Seq, now: Instant) {
        fn acknowledge<T: Eq + Hash>(
            queue: &mut HashMap<T, (Seq, Instant)>,
            names: &[T],
            seq: Seq,
            now: Instant,
        ) {
            for name in names {
                if queue
                    .get(name)
                    .is_some_and(|(last, due)| *last <= seq && *due <= now)
                {
                    queue.remove(name);
                }
            }
        }
        acknowledge(&mut self.keys, &targets.keys, seq, now);
        acknowledge(&mut self.tags, &targets.tags, seq, now);
        acknowledge(&mut self.patterns, &targets.patterns, seq, now);
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        let keys = self.keys.values().map(|(_, due)| *due);
        let tags = self.tags.values().map(|(_, due)| *due);
        let patterns = self.patterns.values().map(|(_, due)| *due);
        keys.chain(tags).chain(patterns).min()
    }
}
