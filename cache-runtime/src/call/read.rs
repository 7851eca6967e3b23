//! The flow of a read: a hit, or the function and a fill.

use std::any::type_name;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::detached::{Detach, Run};
use super::entry::{Entry, Windows};
use super::handler::{self, Handler, Sent};
use super::lookup::{Lookup, LookupOptions};
use super::meeting;
use super::observe;
use super::own_ttl::OwnTtl;
use super::reentrancy;
use super::refresh::{Background, Refresh};
use super::refreshing;
use super::request_context::{self, CacheDirective, RequestContext};
use super::resolve::{self, InUse};
use super::rules::Rules;
use super::run::{Ran, Work, in_place};
use super::write::{Invalidations, Way};
use crate::cache::{Cache, Engine, Reader};
use crate::codec::Codec;
use crate::codec::cache_status::{CacheStatus, Disposition, ForwardReason};
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
    /// What the function's attributes and parameters tell of whether it is a handler. What a handler does the request
    /// around the call decides, where a layer recorded it.
    pub handler: Handler,
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
    /// How many loads of the function run at once, from `max_loads = …`.
    pub max_loads: Option<usize>,
    /// How many of its hits are verified, of one, from `verify = …`, where the settings say nothing else.
    pub verify: Option<f64>,
    /// From `condition = …`.
    pub condition: bool,
}

/// Returns what the cache has, and drops the handler's future unpolled; or runs it and stores what it returns. `errors`
/// says which errors are failures; else their status tells. `sent` is what becomes of what it returns. To be awaited at once: what the call finds around it is
/// looked at here.
///
/// It is built anew for each function, and so has only what depends on the function's types. What follows a decision to
/// run is in a box: the future of a hit stays small, and moving it cheap. An `async fn` would hold the handler twice, as
/// an argument and as a local.
pub fn read<C, U, X, F, B>(
    call: Read,
    _codec: C,
    sent: Sent,
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
    B: Background<Refresh<C, U, X, F>> + Detach<C, U, X, F>,
{
    let mut rules = Rules { unless, errors };
    let reader = Reader {
        function: type_name::<F>(),
        value: type_name::<C::Value>(),
    };
    let mut plan = call.plan(C::IS_RESPONSE, sent, reader);
    async move {
        while let Plan::Lookup(lookup) = &mut plan {
            let Some(mut serve) = lookup.next().await else {
                break;
            };
            let mut output = match C::decode(&mut serve.json) {
                Ok(output) => output,
                Err(error) => {
                    lookup.reject(serve, reader.value, &error);
                    continue;
                }
            };
            request_context::annotate::<C>(&mut output, serve.status);
            if let Some(behind) = serve.behind.take() {
                if !B::IS_SOMEWHERE {
                    lookup.in_foreground();
                    continue;
                }
                if let Some(task) = lookup.task(*behind) {
                    let refresh = Refresh::new(task, rules, handler);
                    if let Err(back) = background.start(refresh) {
                        (rules, handler) = back.into_parts();
                        lookup.in_foreground();
                        continue;
                    }
                }
            }
            serve.served(lookup);
            return output;
        }
        let mut handler = Box::pin(handler);
        if B::IS_POSSIBLE {
            match detach(&mut plan, rules, handler, &background) {
                Ok(task) => {
                    let ran = task.await;
                    return answer::<C>(&mut plan, ran);
                }
                Err(back) => (rules, handler) = back,
            }
        }
        let run = Box::pin(in_place::<C, U, X, F>(plan.work(), rules, handler));
        let ran = run.await;
        answer::<C>(&mut plan, ran)
    }
}

/// What is to run in its caller.
type InCaller<U, X, F> = (Rules<U, X>, Pin<Box<F>>);

/// Starts the load that there is, if there is one, in a task of its own.
///
/// # Errors
///
/// What is to run in its caller.
fn detach<C, U, X, F, B>(
    plan: &mut Plan,
    rules: Rules<U, X>,
    handler: Pin<Box<F>>,
    background: &B,
) -> Result<B::Handle, InCaller<U, X, F>>
where
    C: Codec,
    U: FnOnce(&C::Value) -> bool,
    X: FnOnce(&C::Error) -> bool,
    F: Future<Output = C::Output>,
    B: Detach<C, U, X, F>,
{
    let Plan::Lookup(lookup) = plan else {
        return Err((rules, handler));
    };
    let Some(load) = lookup.load.take() else {
        return Err((rules, handler));
    };
    background
        .detach(Run::new(load, rules, handler))
        .map_err(|run| {
            let (load, rules, handler) = run.into_parts();
            lookup.load = Some(load);
            (rules, handler)
        })
}

/// What to return after a run.
fn answer<C: Codec>(plan: &mut Plan, ran: Ran<C::Output>) -> C::Output {
    let mut output = ran.output;
    if let Some(failure) = ran.failure
        && let Plan::Lookup(lookup) = plan
        && let Some(mut json) = lookup.take_fallback()
        && let bytes = json.bytes().len()
        && let Ok(mut fallback) = C::decode(&mut json)
    {
        lookup.fell_back(type_name::<C::Value>(), failure, bytes);
        let status = CacheStatus::new(Disposition::StaleIfError);
        request_context::annotate::<C>(&mut fallback, status);
        return fallback;
    }
    if let Some(status) = plan.status(ran.is_stored) {
        request_context::annotate::<C>(&mut output, status);
    }
    output
}

/// What a call is to do.
enum Plan {
    /// To run, and to say this of it.
    Uncached(Option<CacheStatus>),
    /// The request's method is one of a write: to run, and to remove the entry.
    Write(Way),
    Lookup(Lookup),
}

impl Plan {
    /// What the function runs for.
    fn work(&mut self) -> Work {
        match self {
            Self::Uncached(_) => Work::Nothing,
            Self::Write(way) => Work::Write(std::mem::replace(way, Way::Uncached)),
            Self::Lookup(lookup) => lookup.load.take().map_or(Work::Answer, Work::Load),
        }
    }

    /// What is to be said of what the function returned.
    fn status(&self, is_stored: bool) -> Option<CacheStatus> {
        match self {
            Self::Uncached(status) => *status,
            Self::Write(_) => Some(CacheStatus::forwarded(ForwardReason::Method, None)),
            Self::Lookup(lookup) => Some(lookup.forwarded().stored(is_stored)),
        }
    }
}

/// The tags of a read.
pub fn tags<const N: usize>(
    tags: [Result<FromTemplate<String>, CacheError>; N],
) -> Vec<Result<FromTemplate<String>, CacheError>> {
    tags.into()
}

impl Read {
    /// The cache to use. By hand it is the one that the method was called on.
    fn engine(&self, context: Option<&Arc<RequestContext>>) -> Option<InUse> {
        match &self.cache {
            Some(cache) if self.function.is_by_hand() => Some(cache.clone().into()),
            cache => resolve::engine(self.function, cache.clone(), context),
        }
    }

    /// What the call is to do. `reader` is the function, which is a handler in any case if it returns a response.
    fn plan(self, is_response: bool, sent: Sent, reader: Reader) -> Plan {
        let function = self.function;
        let context = request_context::current();
        let context = context.as_ref();
        let is_handler = is_response || self.handler.returning(sent);
        let of_request = context.filter(|_| is_handler).map(|context| context.access);
        match self.access.or(of_request) {
            Some(Access::Pass) => return Plan::Uncached(None),
            Some(Access::Write) => {
                if self.access.is_none() && !is_response && self.handler != Handler::Known {
                    handler::inferred(function);
                }
                let engine = resolve::engine_of_write(self.cache, context);
                let invalidations = Invalidations {
                    keys: vec![self.key.map(FromTemplate::into_made)],
                    ..Invalidations::none()
                };
                return Plan::Write(Way::new(function, engine, invalidations));
            }
            Some(Access::Read) | None => {}
        }
        let Some(engine) = self.engine(context) else {
            return Plan::Uncached(None);
        };
        let directive = context.map_or(CacheDirective::None, |context| context.directive);
        let entry = match directive {
            CacheDirective::NoStore => Err(Bypass::Request),
            CacheDirective::None | CacheDirective::Refresh => self.entry(&engine),
        };
        match entry {
            Ok(entry) => {
                if cfg!(debug_assertions) {
                    meeting::check(&engine, &entry.key, reader);
                }
                let options = LookupOptions {
                    refreshes: directive == CacheDirective::Refresh
                        || refreshing::is_asked_for(&engine),
                    wants_age: context.is_some_and(|context| context.wants_age),
                };
                Plan::Lookup(Lookup::new(engine, entry, options))
            }
            Err(why) => {
                observe::Read::default().bypassed(&engine, function, why);
                Plan::Uncached(Some(CacheStatus::bypassed(why)))
            }
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
            max_loads: self.max_loads,
            verify: engine.verify(self.verify),
        };
        // Also for a hit: another process of the same program may have stored it.
        engine.invalidation.note_ttl(entry.kept());
        let Entry { key, tags, .. } = &entry;
        // In this order, and once: what is queued is looked up before Redis is asked, and where it is not asked
        // now, it is not asked a moment later either, when a probe may have brought it back.
        if engine.store.is_off() {
            Err(Bypass::Off)
        } else if !engine.store.is_available(key, tags) {
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
