//! Who came first, as long as that is remembered.

use std::collections::HashMap;
use std::hash::Hash;
use std::mem;

use parking_lot::Mutex;

/// Remembers a value for each of the last keys: at least `capacity` of them, and at most twice as many. The oldest make
/// room.
#[derive(Debug)]
pub(crate) struct First<K, V> {
    capacity: usize,
    generations: Mutex<[HashMap<K, V>; 2]>,
}

impl<K: Eq + Hash + Clone, V: Copy> First<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            generations: Mutex::default(),
        }
    }

    /// The value that is remembered for this key; this one from now on, if there is none.
    pub(crate) fn or_remember(&self, key: &K, value: V) -> V {
        let mut generations = self.generations.lock();
        let [young, old] = &mut *generations;
        if let Some(&first) = young.get(key).or_else(|| old.get(key)) {
            return first;
        }
        if young.len() >= self.capacity {
            *old = mem::take(young);
        }
        young.insert(key.clone(), value);
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_remembered_and_the_oldest_make_room() {
        let first = First::new(10);
        assert_eq!(first.or_remember(&1, "a"), "a");
        assert_eq!(first.or_remember(&1, "b"), "a");
        for n in 2..100 {
            first.or_remember(&n, "c");
        }
        assert_eq!(first.or_remember(&99, "d"), "c");
        assert_eq!(first.or_remember(&1, "d"), "d", "it has made room");
        let lengths = first.generations.lock().each_ref().map(HashMap::len);
        assert!(lengths.iter().all(|&length| length <= 10), "{lengths:?}");
    }
}
