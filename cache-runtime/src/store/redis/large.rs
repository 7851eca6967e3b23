//! Which entries are large, so that they are read apart from the others.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::node::LARGE;
use crate::key::EntryKey;

/// So many are remembered. Where there are more, all are forgotten: the next read of each finds out again.
const MAX_REMEMBERED: usize = 10_000;

/// The sizes of large entries, as they were when this process saw them last.
#[derive(Debug, Default)]
pub(super) struct LargeEntries {
    sizes: Mutex<HashMap<EntryKey, usize>>,
    /// So that a read takes no lock where all is small.
    are_any: AtomicBool,
}

impl LargeEntries {
    /// An entry has so many bytes.
    pub(super) fn note(&self, key: &EntryKey, bytes: usize) {
        let is_large = bytes >= LARGE;
        if !is_large && !self.are_any.load(Ordering::Relaxed) {
            return;
        }
        let mut sizes = self.sizes.lock();
        if is_large {
            if sizes.len() >= MAX_REMEMBERED {
                sizes.clear();
            }
            match sizes.get_mut(key) {
                Some(size) => *size = bytes,
                None => drop(sizes.insert(key.clone(), bytes)),
            }
            self.are_any.store(true, Ordering::Relaxed);
        } else {
            sizes.remove(key);
        }
    }

    /// How many it had; 0 where it was not large.
    pub(super) fn bytes(&self, key: &EntryKey) -> usize {
        if !self.are_any.load(Ordering::Relaxed) {
            return 0;
        }
        self.sizes.lock().get(key).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_as_large_as_it_was_last() {
        let (entries, key) = (LargeEntries::default(), EntryKey::new("", "page"));
        entries.note(&key, LARGE - 1);
        assert_eq!(entries.bytes(&key), 0);
        entries.note(&key, LARGE);
        assert_eq!(entries.bytes(&key), LARGE);
        entries.note(&key, 2 * LARGE);
        assert_eq!(entries.bytes(&key), 2 * LARGE);
        entries.note(&key, 1);
        assert_eq!(entries.bytes(&key), 0);
    }
}
