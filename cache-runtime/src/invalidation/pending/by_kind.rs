//! Something about each of many names, of whatever kind they are.

use std::collections::HashMap;
use std::hash::Hash;

use crate::key::{EntryKey, Pattern, Tag};
use crate::store::Targets;

#[derive(Debug)]
pub(super) struct ByKind<V> {
    pub(super) keys: HashMap<EntryKey, V>,
    pub(super) tags: HashMap<Tag, V>,
    pub(super) patterns: HashMap<Pattern, V>,
}

impl<V> Default for ByKind<V> {
    fn default() -> Self {
        Self {
            keys: HashMap::new(),
            tags: HashMap::new(),
            patterns: HashMap::new(),
        }
    }
}

impl<V: Copy> ByKind<V> {
    pub(super) fn len(&self) -> usize {
        self.keys.len() + self.tags.len() + self.patterns.len()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = V> {
        let keys = self.keys.values().chain(self.tags.values());
        keys.chain(self.patterns.values()).copied()
    }

    /// `merge` makes one of what was known of a name and of what is new.
    pub(super) fn add(&mut self, targets: &Targets, new: V, merge: impl Fn(V, V) -> V) {
        fn add<T: Clone + Eq + Hash, V: Copy>(
            map: &mut HashMap<T, V>,
            names: &[T],
            new: V,
            merge: impl Fn(V, V) -> V,
        ) {
            for name in names {
                let known = map.entry(name.clone());
                known
                    .and_modify(|known| *known = merge(*known, new))
                    .or_insert(new);
            }
        }
        add(&mut self.keys, &targets.keys, new, &merge);
        add(&mut self.tags, &targets.tags, new, &merge);
        add(&mut self.patterns, &targets.patterns, new, &merge);
    }

    /// The names of which this is so.
    pub(super) fn of_which(&self, is_so: impl Fn(V) -> bool) -> Targets {
        fn select<T: Clone, V: Copy>(map: &HashMap<T, V>, is_so: impl Fn(V) -> bool) -> Vec<T> {
            let names = map.iter().filter(|(_, value)| is_so(**value));
            names.map(|(name, _)| name.clone()).collect()
        }
        Targets {
            keys: select(&self.keys, &is_so),
            tags: select(&self.tags, &is_so),
            patterns: select(&self.patterns, &is_so),
        }
    }

    /// Removes those of these names of which this is so, and says which they were.
    pub(super) fn remove(&mut self, targets: &Targets, is_so: impl Fn(V) -> bool) -> Targets {
        fn remove<T: Clone + Eq + Hash, V: Copy>(
            map: &mut HashMap<T, V>,
            names: &[T],
            is_so: impl Fn(V) -> bool,
        ) -> Vec<T> {
            let mut removed = names.to_vec();
            removed.retain(|name| map.get(name).is_some_and(|value| is_so(*value)));
            removed.retain(|name| map.remove(name).is_some());
            removed
        }
        Targets {
            keys: remove(&mut self.keys, &targets.keys, &is_so),
            tags: remove(&mut self.tags, &targets.tags, &is_so),
            patterns: remove(&mut self.patterns, &targets.patterns, &is_so),
        }
    }
}
