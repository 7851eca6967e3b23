//! Waiting for a state of something that runs elsewhere: in another process, another thread or another task.

use std::thread;
use std::time::{Duration, Instant};

/// Much longer than anything takes in a test: it turns a test that would hang into one that fails.
pub(crate) const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// Between two questions.
const INTERVAL: Duration = Duration::from_millis(5);

/// When to give up, and what to say then.
struct Limit<'a> {
    what: &'a str,
    end: Instant,
}

impl<'a> Limit<'a> {
    fn start(what: &'a str) -> Self {
        Self {
            what,
            end: Instant::now() + WAIT_TIMEOUT,
        }
    }

    #[track_caller]
    fn check(&self) {
        let is_in_time = Instant::now() < self.end;
        assert!(is_in_time, "waited in vain until {}", self.what);
    }
}

/// Blocks the thread until there is a value. `what` ends the sentence "waited in vain until".
#[track_caller]
pub fn wait_for<T>(what: &str, mut value: impl FnMut() -> Option<T>) -> T {
    let limit = Limit::start(what);
    loop {
        if let Some(value) = value() {
            return value;
        }
        limit.check();
        thread::sleep(INTERVAL);
    }
}

/// Blocks the thread until something is so.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    wait_for(what, || is_so().then_some(()));
}

/// Waits until something is so, and lets other tasks run meanwhile.
pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let limit = Limit::start(what);
    while !is_so().await {
        limit.check();
        tokio::time::sleep(INTERVAL).await;
    }
}
