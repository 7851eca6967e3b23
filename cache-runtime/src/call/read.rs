//! The flow of a read: a hit, or the function and a fill.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::byte_lists;
use super::ending::Ending;
use super::entry::{Entry, OwnTtl, Windows};
use super::load::Load;
use super::lookup::{Decision, Lookup, LookupOptions};
use super::lost;
use super::meeting;
use super::observe;
use super::read_back;
use super::reentrancy;
use super::refresh::{Background, Refresh};
use super::request_context::{self, CacheDirective, RequestContext};
use super::resolve;
use super::rules::Rules;
use super::write::{self, Invalidations};
use crate::cache::{Cache, Engine};
use crate::codec::cache_status::{CacheStatus, ForwardReason};
use crate::codec::hold::Hold;
use crate::codec::{Codec, LoadResult};
use crate::error::CacheError;
use crate::key::{FromTemplate, Tag, never_stored};
use crate::method::Access;
use crate::stats::{Bypass, Function};
use crate::store::Near;
use crate::util::moment::Moment;

/// What `#[cache]` knows of a read before it runs.
#[derive(Debug)]
pub struct Read {
    /// What is counted is counted for it.
    pub function: &'static Function,
    /// From `cache = …`; else the layer's or the installed one.
    pub cache: Option<Cache>,
    /// What `method` says, or the request's method, where a parameter knows it.
    pub access: Option<Access>,
    /// Whether the function is a handler by its parameters or its attributes. What a handler does the request
    /// around the call decides, where a layer recorded it.
    pub is_handler: bool,
    /// The entry's key.
    pub key: Result<FromTemplate<String>, CacheError>,
    /// Its tags.
    pub tags: Vec<Result<FromTemplate<String>, CacheError>>,
    /// The entry's TTL.
    pub expiration: Duration,
    /// What the value tells of that itself, where it does: then the TTL is the most that it may be.
    pub own_ttl: Option<OwnTtl>,
    /// What it is good for after that.
    pub windows: Windows,
    /// How long a copy in memory may be served after it has become wrong, from `near = …`; else what the settings say.
    pub near: Option<Duration>,
    /// From `condition = …`.
    pub condition: bool,
}

/// Returns what the cache has, and drops the handler's future unpolled; or runs it and stores what it returns. `errors`
/// says which errors are failures; else their status tells.
///
/// What follows a decision to run is in boxes: the future of a hit stays small, and moving it cheap. An
/// `async fn` would hold the handler twice, as an argument and as a local.
pub fn read<C, U, X, F, B>(
    call: Read,
    _codec: C,
    unless: U,
    errors: Option<X>,
    mut handler: F,
    background: B,
) -> impl Future<Output = C::Output>
where
    C: Codec,
    U: FnOnce(&C::Value) -> bool,
    X: FnOnce(&C::Error) -> bool,
    F: Future<Output = C::Output>,
    B: Background<Refresh<C, U, X, F>>,
{
    let mut rules = Rules { unless, errors };
    async move {
        let context = request_context::current();
        let context = context.as_deref();
        let is_handler = call.is_handler || C::IS_RESPONSE;
        let of_request = context.filter(|_| is_handler).map(|context| context.access);
        match call.access.or(of_request) {
            Some(Access::Pass) => return Box::pin(handler).await,
            Some(Access::Write) => {
                let engine = resolve::engine_of_write(call.cache, context);
                let write = write_by_method::<C, _>(call.function, engine, call.key, handler);
                return Box::pin(write).await;
            }
            Some(Access::Read) | None => {}
        }
        let Some(engine) = call.engine(context) else {
            return Box::pin(handler).await;
        };
        let mut observed = observe::Read::new(&engine, call.function);
        let directive = context.map_or(CacheDirective::None, |context| context.directive);
        let entry = match directive {
            CacheDirective::NoStore => Err(Bypass::Request),
            CacheDirective::None | CacheDirective::Refresh => call.entry(&engine),
        };
        let entry = match entry {
            Ok(entry) => {
                if cfg!(debug_assertions) {
                    meeting::check::<C, F>(&engine, &entry.key);
                }
                entry
            }
            Err(why) => {
                observed.bypassed(why);
                let mut output = Box::pin(handler).await;
                request_context::annotate::<C>(&mut output, CacheStatus::bypassed(why));
                return output;
            }
        };
        let options = LookupOptions {
            refreshes: directive == CacheDirective::Refresh,
            wants_age: context.is_some_and(|context| context.wants_age),
        };
        let mut lookup = Lookup::new(&engine, observed, entry, options);
        let load = loop {
            // No return value outlives this statement, so that none is held in the next round.
            match lookup.decide::<C>().await {
                Decision::Return(output) => return output,
                Decision::Load(load) => break Some(*load),
                Decision::Run => break None,
                Decision::Refresh(output, bytes, seen) => {
                    let Some(claim) = engine.refreshes.claim(&lookup.entry().key) else {
                        lookup.served_stale(bytes);
                        return output;
                    };
                    let refresh =
                        Refresh::new(&engine, claim, lookup.entry(), seen, rules, handler);
                    match background.start(refresh) {
                        Ok(()) => {
                            lookup.served_stale(bytes);
                            return output;
                        }
                        Err(back) => (rules, handler) = back.into_parts(),
                    }
                }
            }
            lookup.in_foreground();
        };
        Box::pin(run::<C, _, _, _>(lookup, load, rules, handler)).await
    }
}

/// The request's method is one of a write: runs the handler and removes the entry.
async fn write_by_method<C: Codec, F: Future<Output = C::Output>>(
    function: &'static Function,
    engine: Result<Arc<Engine>, usize>,
    key: Result<FromTemplate<String>, CacheError>,
    handler: F,
) -> C::Output {
    let invalidations = Invalidations {
        keys: vec![key.map(FromTemplate::into_made)],
        ..Invalidations::none()
    };
    let ending = |output: &C::Output| {
        Ending::of(C::outcome(output).map(|()| Invalidations::none()), || false)
    };
    let handler = Box::pin(handler);
    let mut output = match engine {
        Ok(engine) => {
            write::run::<C::Hold, _>(function, &engine, invalidations, ending, handler).await
        }
        Err(caches) => lost::run(caches, invalidations, ending, handler).await,
    };
    let status = CacheStatus::forwarded(ForwardReason::Method, None);
    request_context::annotate::<C>(&mut output, status);
    output
}

/// Runs the handler, for the entry if there is a load for it.
async fn run<C, U, X, F>(
    mut lookup: Lookup<'_>,
    load: Option<Load>,
    rules: Rules<U, X>,
    handler: F,
) -> C::Output
where
    C: Codec,
    U: FnOnce(&C::Value) -> bool,
    X: FnOnce(&C::Error) -> bool,
    F: Future<Output = C::Output>,
{
    let handler = Box::pin(handler);
    let output = match &load {
        Some(load) => load.run(handler).await,
        None => handler.await,
    };
    let (held, load, json) = match end::<C, U, X, F>(&mut lookup, load, rules, output) {
        Ok(to_store) => to_store,
        Err(output) => return output,
    };
    let status = lookup.forwarded().stored(load.fill(json).await);
    let mut output = C::Hold::release(held);
    request_context::annotate::<C>(&mut output, status);
    output
}

/// What to hold, the load and the JSON that it is to store.
type ToStore<C> = (<<C as Codec>::Hold as Hold>::Held, Load, Bytes);

/// Ends a load for which nothing is to be stored, without a wait.
///
/// # Errors
///
/// What to return, where nothing is to be stored.
fn end<C, U, X, F>(
    lookup: &mut Lookup<'_>,
    load: Option<Load>,
    rules: Rules<U, X>,
    mut output: C::Output,
) -> Result<ToStore<C>, C::Output>
where
    C: Codec,
    U: FnOnce(&C::Value) -> bool,
    X: FnOnce(&C::Error) -> bool,
{
    let failure = C::failure(&output, rules.errors);
    if let Some(load) = load {
        let result = match failure {
            Some(_) => LoadResult::Failed,
            None => C::encode(&mut output, rules.unless),
        };
        match result {
            LoadResult::Store(json) => {
                byte_lists::check::<F>(&json);
                if cfg!(debug_assertions) {
                    read_back::check::<C, F>(&output, &json);
                }
                match C::Hold::hold(output) {
                    Ok(held) => return Ok((held, load, json)),
                    // An `Err`, of which nothing is ever stored.
                    Err(back) => output = back,
                }
            }
            result => load.end(result),
        }
    }
    if let Some(failure) = failure
        && let Some(fallback) = lookup.fallback::<C>(failure)
    {
        return Err(fallback);
    }
    request_context::annotate::<C>(&mut output, lookup.forwarded());
    Err(output)
}

/// The tags of a read.
pub fn tags<const N: usize>(
    tags: [Result<FromTemplate<String>, CacheError>; N],
) -> Vec<Result<FromTemplate<String>, CacheError>> {
    tags.into()
}

impl Read {
    /// The cache to use. By hand it is the one that the method was called on.
    fn engine(&self, context: Option<&RequestContext>) -> Option<Arc<Engine>> {
        match &self.cache {
            Some(cache) if self.function.is_by_hand() => Some(cache.0.clone()),
            cache => resolve::engine(cache.clone(), context),
        }
    }

    /// What to look for.
    ///
    /// # Errors
    ///
    /// Why the call has to run in any case.
    fn entry(self, engine: &Arc<Engine>) -> Result<Entry, Bypass> {
        let tags: Result<Vec<_>, CacheError> = self.tags.into_iter().collect();
        let (key, tags) = match (self.key, tags) {
            _ if !self.condition => return Err(Bypass::Condition),
            (Ok(key), Ok(tags)) => (key, tags),
            (Err(error), _) | (_, Err(error)) => {
                engine.failed("make a key", &error);
                return Err(Bypass::Key);
            }
        };
        if cfg!(debug_assertions) {
            never_stored::note_read(&key, &tags);
        }
        let named = tags.into_iter().map(FromTemplate::into_made).map(Tag::new);
        let mut tags: Vec<Tag> = Vec::with_capacity(named.len());
        for tag in named {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        let entry = Entry {
            function: self.function,
            key: engine.key(key.into_made()),
            tags,
            ttl: self.expiration,
            own_ttl: self.own_ttl,
            windows: self.windows,
            near: engine.near(self.near).map(|bound| Near {
                bound,
                begun: Moment::now(),
            }),
        };
        // Also for a hit: another process of the same program may have stored it.
        engine.invalidation.note_ttl(entry.kept());
        let Entry { key, tags, .. } = &entry;
        // In this order, and once: what is queued is looked up before Redis is asked, and where it is not asked
        // now, it is not asked a moment later either, when a probe may have brought it back.
        if !engine.store.is_available(key, tags) {
            Err(Bypass::Breaker)
        } else if engine.invalidation.is_pending(key, tags) {
            Err(Bypass::Pending)
        } else if reentrancy::is_reentrant(key, tags) {
            Err(Bypass::Nested)
        } else {
            Ok(entry)
        }
    }
}
