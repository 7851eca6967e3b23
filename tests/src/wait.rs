//! Waiting for what other processes do.

use std::thread;
use std::time::{Duration, Instant};

/// Much longer than anything here takes: only to fail instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again until there is an answer. `what` ends the sentence "waited in vain until".
pub(crate) fn wait_for<T>(what: &str, answer: impl FnMut() -> Option<T>) -> T {
    let patience = Instant::now() + PATIENCE;
    let mut answer = answer;
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(Instant::now() < patience, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The same for what is true or not.
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    wait_for(what, || is_so().then_some(()));
}
