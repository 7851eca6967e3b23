//! The request that a call is made in, as the layer around its handler recorded it.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::futures::TaskLocalFuture;

use super::collector::Collector;
use super::reentrancy;
use crate::cache::Cache;
use crate::codec::Codec;
use crate::codec::cache_status::CacheStatus;
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
    /// What became of the last cached call of the handler, where that has returned a `Json`.
    json: Mutex<Option<CacheStatus>>,
}

impl RequestContext {
    pub(crate) fn new(
        cache: Cache,
        access: Access,
        directive: CacheDirective,
        wants_age: bool,
        collector: Option<Arc<Collector>>,
    ) -> Self {
        Self {
            cache,
            access,
            directive,
            wants_age,
            collector,
            json: Mutex::default(),
        }
    }

    /// What became of the `Json` that the response seems to be.
    pub(crate) fn json_status(&self) -> Option<CacheStatus> {
        *self.json.lock()
    }
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

/// Whether reads bypass the cache, since the request may have changed something in a transaction.
pub(super) fn bypasses_reads() -> bool {
    is_collector(Collector::bypasses_reads)
}

/// Whether the request may have changed something in a transaction, which may be over by now.
pub(super) fn has_written() -> bool {
    is_collector(Collector::has_written)
}

fn is_collector(is_so: impl Fn(&Collector) -> bool) -> bool {
    let is_so = |context: &Arc<RequestContext>| context.collector.as_deref().is_some_and(is_so);
    CONTEXT.try_with(is_so).unwrap_or(false)
}

pub(crate) fn is_present() -> bool {
    CONTEXT.try_with(|_| ()).is_ok()
}

/// Tells a return value how it came about, or the request, where the value has no place for that.
pub(super) fn annotate<C: Codec>(output: &mut C::Output, status: CacheStatus) {
    C::annotate(output, status);
    note(C::IS_JSON.then_some(status));
}

fn note(json: Option<CacheStatus>) {
    if reentrancy::is_nested() {
        return;
    }
    // Outside of a request nobody asks.
    let _ = CONTEXT.try_with(|context| *context.json.lock() = json);
}
