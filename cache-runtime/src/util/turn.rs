//! What one background task does at a time, on whichever runtime.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// When another task takes over from one that was not seen since: its runtime stands still, or is gone.
const STRANDED: Duration = Duration::from_secs(3);

/// The right to do something in the background. Whoever has it shows from time to time that its runtime still drives it.
#[derive(Debug, Default)]
pub(crate) struct Turn(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    number: u64,
    /// When the task was last seen at work; nothing if there is none.
    seen: Option<Instant>,
}

/// The right, as long as nobody has taken it over. Dropped, with its runtime too, it makes room for the next task.
pub(crate) struct Taken {
    state: Arc<Mutex<State>>,
    number: u64,
}

impl Turn {
    /// Nothing where another task is at work.
    pub(crate) fn take(&self) -> Option<Taken> {
        let mut state = self.0.lock();
        if state.seen.is_some_and(|seen| seen.elapsed() < STRANDED) {
            return None;
        }
        state.number += 1;
        state.seen = Some(Instant::now());
        Some(Taken {
            state: self.0.clone(),
            number: state.number,
        })
    }
}

impl Taken {
    /// Shows that this task is at work. False if another one is in its place.
    pub(crate) fn is_ours(&self) -> bool {
        let mut state = self.state.lock();
        if state.number != self.number {
            return false;
        }
        state.seen = Some(Instant::now());
        true
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        if state.number == self.number {
            state.seen = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_has_it_until_it_is_dropped() {
        let turn = Turn::default();
        let first = turn.take().expect("free");
        assert!(turn.take().is_none());
        assert!(first.is_ours());
        drop(first);
        assert!(turn.take().is_some());
    }

    #[test]
    fn it_is_taken_over_from_one_that_stands_still() {
        let turn = Turn::default();
        let first = turn.take().expect("free");
        turn.0.lock().seen = Instant::now().checked_sub(STRANDED);
        let second = turn.take().expect("stranded");
        assert!(!first.is_ours());
        drop(first);
        assert!(second.is_ours());
        assert!(turn.take().is_none());
    }
}
