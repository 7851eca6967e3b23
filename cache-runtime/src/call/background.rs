//! Finishing what a dropped future left undone.

use std::task::{Context, Waker};

use tokio::runtime::Handle;

/// Does this at once where it needs no waiting, as in the in-process store, else in a task of its own.
pub(super) fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    let mut work = Box::pin(work);
    let mut context = Context::from_waker(Waker::noop());
    if work.as_mut().poll(&mut context).is_pending()
        && let Ok(runtime) = Handle::try_current()
    {
        runtime.spawn(work);
    }
}
