//! What many threads write, in the place of one that all of them would write.

use std::array;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::apart::Apart;

/// So many threads can write at once without taking it from each other.
const PARTS: usize = 4;

/// A few of the same, one of which each thread writes, so that few have the same; who reads looks at all.
#[derive(Debug)]
pub(crate) struct Spread<T>([Apart<T>; PARTS]);

thread_local! {
    static OWN: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed) % PARTS
    };
}

impl<T: Default> Default for Spread<T> {
    fn default() -> Self {
        Self(array::from_fn(|_| Apart::default()))
    }
}

impl<T> Spread<T> {
    /// That of this thread. A thread that is about to end has the first.
    pub(crate) fn own(&self) -> &T {
        &self.0[OWN.try_with(|own| *own).unwrap_or_default()]
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|part| &**part)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn what_each_thread_counts_is_there_for_all() {
        let counts = Spread::<AtomicUsize>::default();
        let count = || {
            for _ in 0..1000 {
                counts.own().fetch_add(1, Ordering::Relaxed);
            }
        };
        thread::scope(|scope| {
            for _ in 0..2 * PARTS {
                scope.spawn(count);
            }
        });
        let each = || counts.all().map(|count| count.load(Ordering::Relaxed));
        assert_eq!(each().sum::<usize>(), 2 * PARTS * 1000);
        assert!(each().max() < Some(2 * PARTS * 1000));
    }
}
