//! Finishing what a dropped future left undone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Waker};

use tokio::runtime::Handle;

/// Does this at once where it needs no waiting, as in the in-process store, else in a task of its own.
pub(super) fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    let mut work = Box::pin(work);
    let mut context = Context::from_waker(Waker::noop());
    // A runtime that is shutting down, or has no timers, panics. A destructor must not: it may run while a
    // handler's panic unwinds.
    let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(&mut context)));
    if polled.is_ok_and(|outcome| outcome.is_pending())
        && let Ok(runtime) = Handle::try_current()
    {
        runtime.spawn(work);
    }
}
