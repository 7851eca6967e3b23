//! The request that a call is made in, as the layer around its handler recorded it.

#![cfg_attr(
    not(feature = "layer"),
    expect(dead_code, reason = "there is no layer that could record one")
)]

use std::sync::Arc;

use tokio::task::futures::TaskLocalFuture;

use crate::cache::Cache;
use crate::method::Access;

tokio::task_local! {
    static AMBIENT: Arc<Ambient>;
}

/// What a request tells the cached functions that are called for it, in its own task.
#[derive(Debug)]
pub(crate) struct Ambient {
    /// The layer's.
    pub(crate) cache: Cache,
    /// What its method says.
    pub(crate) access: Access,
    pub(crate) wish: Wish,
    /// Whether the response tells how fresh it is.
    pub(crate) timed: bool,
}

/// What a client asks of a cache (RFC 9111, section 5.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wish {
    #[default]
    Nothing,
    /// `no-cache`: run, and store what comes of it.
    Refresh,
    /// `no-store`: run, and store nothing.
    NoStore,
}

/// Runs a request's future with this around it.
pub(crate) fn within<F: Future>(
    ambient: Arc<Ambient>,
    future: F,
) -> TaskLocalFuture<Arc<Ambient>, F> {
    AMBIENT.scope(ambient, future)
}

/// Nothing outside of a request, and in tasks that its handler spawned.
pub(crate) fn current() -> Option<Arc<Ambient>> {
    AMBIENT.try_with(Arc::clone).ok()
}

pub(crate) fn is_there() -> bool {
    AMBIENT.try_with(|_| ()).is_ok()
}
