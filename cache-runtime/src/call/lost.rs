//! A write for which there is no cache: the function runs, and the log says what was not removed.

use super::ending::{Ending, LeftToDo};
use super::write::Invalidations;
use crate::log;

/// `caches` is how many there are. A future that is dropped, or panics, may have written as well.
pub(super) async fn run<F: Future>(
    caches: usize,
    invalidations: Invalidations,
    ending: impl FnOnce(&F::Output) -> Ending,
    handler: F,
) -> F::Output {
    let mut lost = Lost {
        caches,
        invalidations,
    };
    let output = handler.await;
    let Ending { left_to_do, late } = ending(&output);
    match left_to_do {
        LeftToDo::ReleaseFence => lost.invalidations = Invalidations::none(),
        _ => lost.invalidations.extend(late),
    }
    output
}

struct Lost {
    caches: usize,
    invalidations: Invalidations,
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
