//! Which cache a call uses.

use std::sync::Arc;

use super::request_context::RequestContext;
use super::{reentrancy, scope};
use crate::cache::{Cache, Engine};
use crate::log;
use crate::stats::Function;
use crate::util::told::Told;

/// That of a scope, the explicit cache, that of a scope that defers, the layer's, or the installed one. With none of them
/// the function runs, and the log says so once for each.
pub(super) fn engine(
    function: &'static Function,
    explicit: Option<Cache>,
    context: Option<&RequestContext>,
) -> Option<Arc<Engine>> {
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
    context: Option<&RequestContext>,
) -> Result<Arc<Engine>, usize> {
    told(explicit, context).map_or_else(Engine::only, Ok)
}

fn told(explicit: Option<Cache>, context: Option<&RequestContext>) -> Option<Arc<Engine>> {
    let layers = || context.map(|context| context.cache.clone());
    let deferring = || reentrancy::collector().map(|collector| collector.cache.clone());
    let cache = scope::current()
        .or(explicit)
        .or_else(deferring)
        .or_else(layers)
        .or_else(Cache::installed);
    cache.map(|cache| cache.0)
}
