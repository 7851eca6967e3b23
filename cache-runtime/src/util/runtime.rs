//! The Tokio runtime around the code that runs.

use std::cell::Cell;
use std::panic::catch_unwind;
use std::time::Duration;

use tokio::runtime::{Handle, Id};
use tokio::time::sleep;

thread_local! {
    /// The runtime that this thread was in last, and whether it has timers.
    static LAST: Cell<Option<(Id, bool)>> = const { Cell::new(None) };
}

/// The runtime, if there is one, and a task can wait in it: without timers, Tokio's own panic.
pub(crate) fn with_timers() -> Option<Handle> {
    let runtime = Handle::try_current().ok()?;
    let id = runtime.id();
    let has_timers = match LAST.get() {
        Some((last, has_timers)) if last == id => has_timers,
        _ => {
            // There is no other way to ask. The panic stays here, and shows once a thread.
            let has_timers = catch_unwind(|| drop(sleep(Duration::ZERO))).is_ok();
            LAST.set(Some((id, has_timers)));
            has_timers
        }
    };
    has_timers.then_some(runtime)
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn a_runtime_has_the_timers_that_it_was_built_with() {
        assert!(with_timers().is_none(), "there is no runtime");
        let without = Builder::new_current_thread().build().expect("a runtime");
        let with = Builder::new_current_thread().enable_time().build();
        let with = with.expect("a runtime");
        for _ in 0..2 {
            assert!(without.block_on(async { with_timers().is_none() }));
            assert!(with.block_on(async { with_timers().is_some() }));
        }
        assert!(with_timers().is_none(), "there is no runtime any more");
    }
}
