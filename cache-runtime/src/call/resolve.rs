//! Which cache a call uses.

use std::ops::Deref;
use std::sync::Arc;

use super::request_context::RequestContext;
use super::{reentrancy, scope};
use crate::cache::{Cache, Engine};
use crate::log;
use crate::stats::Function;
use crate::util::told::Told;

/// The cache that a call uses. That of a layer stays with its request: what all requests have in common is written by none of
/// them.
pub(super) enum InUse {
    OfCall(Arc<Engine>),
    OfRequest(Arc<RequestContext>),
}

impl Deref for InUse {
    type Target = Arc<Engine>;

    fn deref(&self) -> &Arc<Engine> {
        match self {
            Self::OfCall(engine) => engine,
            Self::OfRequest(context) => &context.cache.0,
        }
    }
}

impl From<Cache> for InUse {
    fn from(cache: Cache) -> Self {
        Self::OfCall(cache.0)
    }
}

/// That of a scope, the explicit cache, that of a scope that defers, the layer's, or the installed one. With none of them
/// the function runs, and the log says so once for each.
pub(super) fn engine(
    function: &'static Function,
    explicit: Option<Cache>,
    context: Option<&Arc<RequestContext>>,
) -> Option<InUse> {
    static TOLD: Told<&str> = Told::new();
    let engine = told(explicit, context);
    if engine.is_none() && TOLD.is_news(function.name()) {
        log::no_cache_installed(function.name());
    }
    engine
}

/// As above; with none of them a write uses the only cache of the process, so that a task which knows nothing of its
/// request still invalidates. If there is not exactly one, says how many there are.
pub(super) fn engine_of_write(
    explicit: Option<Cache>,
    context: Option<&Arc<RequestContext>>,
) -> Result<Arc<Engine>, usize> {
    told(explicit, context).map_or_else(Engine::only, |cache| Ok(cache.clone()))
}

fn told(explicit: Option<Cache>, context: Option<&Arc<RequestContext>>) -> Option<InUse> {
    let deferring = || reentrancy::collector().map(|collector| collector.cache.clone());
    let of_call = scope::current().or(explicit).or_else(deferring);
    let of_request = || context.cloned().map(InUse::OfRequest);
    let cache = of_call.map(InUse::from).or_else(of_request);
    cache.or_else(|| Cache::installed().map(InUse::from))
}
