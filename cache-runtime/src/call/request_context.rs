//! The request that a call is made in, as the layer around its handler recorded it.

use std::sync::Arc;

use tokio::task::futures::TaskLocalFuture;

use super::collector::Collector;
use crate::cache::Cache;
use crate::method::Access;

tokio::task_local! {
    static CONTEXT: Arc<RequestContext>;
}

/// What a request tells the cached functions that are called for it, in its own task.
pub(crate) struct RequestContext {
    /// The layer's.
    pub(crate) cache: Cache,
    /// What its method says.
    pub(crate) access: Access,
    pub(crate) directive: CacheDirective,
    /// Whether the response tells how old the entry is.
    pub(crate) wants_age: bool,
    /// Its writes are invalidated when the response is there.
    pub(crate) collector: Option<Arc<Collector>>,
}

/// What a client asks of a cache (RFC 9111, section 5.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CacheDirective {
    #[default]
    None,
    /// `no-cache`: run, and store what comes of it.
    Refresh,
    /// `no-store`: run, and store nothing.
    NoStore,
}

/// Runs a request's future with this around it.
pub(crate) fn scope<F: Future>(
    context: Arc<RequestContext>,
    future: F,
) -> TaskLocalFuture<Arc<RequestContext>, F> {
    CONTEXT.scope(context, future)
}

/// Nothing outside of a request, and in tasks that its handler spawned.
pub(crate) fn current() -> Option<Arc<RequestContext>> {
    CONTEXT.try_with(Arc::clone).ok()
}

/// Whether the request may have changed anything in a transaction.
pub(super) fn bypasses_reads() -> bool {
    let bypasses = |context: &Arc<RequestContext>| {
        let collector = context.collector.as_ref();
        collector.is_some_and(|collector| collector.bypasses_reads())
    };
    CONTEXT.try_with(bypasses).unwrap_or(false)
}

pub(crate) fn is_present() -> bool {
    CONTEXT.try_with(|_| ()).is_ok()
}
