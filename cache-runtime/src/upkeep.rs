//! What waiting and tasks in the background share: nobody presses, and one is enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use uuid::Uuid;

/// From 0 to 1, at random.
pub(crate) fn chance() -> f64 {
    f64::from(Uuid::new_v4().as_fields().0) / f64::from(u32::MAX)
}

/// Pauses, each twice as long as the one before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    pub(crate) const fn between(first: Duration, longest: Duration) -> Self {
        Self {
            next: first,
            longest,
        }
    }

    /// Between half of the pause that is due and the whole, so that those who wait do not ask all at once.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = self.next.mul_f64(0.5 + chance() / 2.0);
        self.next = (self.next * 2).min(self.longest);
        pause
    }
}

/// What one task does at a time.
#[derive(Debug, Default)]
pub(crate) struct Turn(Arc<AtomicBool>);

/// Given back when it is dropped, as with the runtime of its task.
pub(crate) struct Taken(Arc<AtomicBool>);

impl Turn {
    /// Nothing while it is someone else's.
    pub(crate) fn take(&self) -> Option<Taken> {
        let is_free = !self.0.swap(true, Ordering::AcqRel);
        is_free.then(|| Taken(self.0.clone()))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
