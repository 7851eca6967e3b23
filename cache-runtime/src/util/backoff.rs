//! Pauses between attempts.

use std::time::Duration;

use super::random_fraction;

/// Pauses, each twice as long as the one before, up to a longest.
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
        let pause = self.next.mul_f64(0.5 + random_fraction() / 2.0);
        self.next = (self.next * 2).min(self.longest);
        pause
    }
}
