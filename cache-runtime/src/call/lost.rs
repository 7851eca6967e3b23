//! A write for which there is no cache: the function runs, and the log says what was not removed.

use super::ending::{Ending, LeftToDo};
use super::write::Invalidations;
use crate::log;

/// A future that is dropped, or panics, may have written as well.
pub(super) struct Lost {
    caches: usize,
    invalidations: Invalidations,
}

impl Lost {
    /// `caches` is how many there are.
    pub(super) fn new(caches: usize, invalidations: Invalidations) -> Self {
        Self {
            caches,
            invalidations,
        }
    }

    pub(super) fn end(&mut self, Ending { left_to_do, late }: Ending) {
        match left_to_do {
            LeftToDo::ReleaseFence => self.invalidations = Invalidations::none(),
            _ => self.invalidations.extend(late),
        }
    }
}

impl Drop for Lost {
    fn drop(&mut self) {
        let Invalidations {
            keys,
            tags,
            patterns,
        } = std::mem::take(&mut self.invalidations);
        let keys: Vec<String> = keys.into_iter().flatten().collect();
        let tags: Vec<String> = tags.into_iter().flatten().collect();
        let patterns = patterns.into_iter().flatten();
        let patterns: Vec<String> = patterns.map(|pattern| pattern.scan).collect();
        if !(keys.is_empty() && tags.is_empty() && patterns.is_empty()) {
            log::invalidations_lost(self.caches, &keys, &tags, &patterns);
        }
    }
}
