//! The flow of a write: a fence, the function, and then what it made stale is removed.

use std::future::ready;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use super::background::in_background;
use super::collector::{self, CollectedWrite, Collector};
use super::ending::{Ending, LeftToDo};
use super::handler::{self, Sent};
use super::lost::Lost;
use super::observe::{Removal, count_removal};
use super::reentrancy::Operation;
use super::running::{Beside, Running};
use super::{request_context, resolve};
use crate::cache::{Cache, Engine};
use crate::codec::Outcome;
use crate::codec::hold::Hold;
use crate::codec::outcome::WriteOutcome;
use crate::error::{CacheError, ErrorKind};
use crate::key::{FromTemplate, Pattern, Tag, never_stored};
use crate::method::Access;
use crate::nonce::new_nonce;
use crate::stats::Function;
use crate::store::{FENCE_TTL, Fence, Targets};

/// What `#[cache]` knows of a write before it runs.
#[derive(Debug)]
pub struct Write {
    /// What is counted is counted for it.
    pub function: &'static Function,
    /// From `cache = …`; else the layer's or the installed one.
    pub cache: Option<Cache>,
    /// What the request's method says, where a parameter knows it.
    pub access: Option<Access>,
    /// What the write makes stale.
    pub invalidations: Invalidations,
}

/// Keys, tags and patterns that are no longer right.
#[derive(Debug, Default)]
pub struct Invalidations {
    pub(super) keys: Vec<Result<String, CacheError>>,
    pub(super) tags: Vec<Result<String, CacheError>>,
    pub(super) patterns: Vec<Result<Pattern, CacheError>>,
}

impl Invalidations {
    /// These keys, these tags and these patterns.
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn new<const K: usize, const T: usize, const P: usize>(
        keys: [Result<FromTemplate<String>, CacheError>; K],
        tags: [Result<FromTemplate<String>, CacheError>; T],
        patterns: [Result<FromTemplate<Pattern>, CacheError>; P],
    ) -> Self {
        if cfg!(debug_assertions) {
            never_stored::check_write(&keys, &tags, &patterns, Location::caller());
        }
        Self {
            keys: keys.map(made_by).into(),
            tags: tags.map(made_by).into(),
            patterns: patterns.map(made_by).into(),
        }
    }

    /// Nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    pub(super) fn extend(&mut self, others: Self) {
        self.keys.extend(others.keys);
        self.tags.extend(others.tags);
        self.patterns.extend(others.patterns);
    }
}

/// Runs the handler and, if it succeeded, removes what it made stale before its value is returned. `failed_late` says
/// of a write that failed whether it made its targets stale nonetheless, and `sent` what becomes of what it returns. To be awaited at once, as a read is. An `async fn`
/// would hold the handler twice.
pub fn write<O, L, X, F>(
    call: Write,
    _outcome: O,
    sent: Sent,
    late: L,
    failed_late: X,
    handler: F,
) -> impl Future<Output = O::Output>
where
    O: Outcome,
    L: FnOnce(&O::Success) -> Invalidations,
    X: FnOnce(&O::Output) -> bool,
    F: Future<Output = O::Output>,
{
    let function = call.function;
    let ending = move |output: &O::Output| {
        if cfg!(debug_assertions) && sent != Sent::Never {
            handler::check_status(function, O::silent_error(output));
        }
        Ending::of(O::outcome(output).map(late), || failed_late(output))
    };
    run::<O::Hold, _>(Way::of(call), ending, Box::pin(handler))
}

/// `ending` says what the output leaves to do. The handler is in a box: the compiler computes the layout of what
/// contains it to a limited depth only.
async fn run<H: Hold, F: Future<Output = H::Output>>(
    mut way: Way,
    ending: impl FnOnce(&H::Output) -> Ending,
    handler: Pin<Box<F>>,
) -> H::Output {
    if let Some(fence) = way.fence() {
        fence.await;
    }
    let output = Running::new(handler, way.beside()).await;
    if let Way::Uncached = way {
        return output;
    }
    let held = match way.hold::<H>(output, ending) {
        Ok(held) => held,
        // Dropped, it does in the background what is left to do.
        Err(output) => return output,
    };
    way.settle().await;
    H::release(held)
}

/// What a write goes through.
pub(super) enum Way {
    /// It is none of the cache's business.
    Uncached,
    /// There is no cache.
    Lost(Lost),
    Cached(Box<Writing>),
}

impl Way {
    fn of(call: Write) -> Self {
        let context = request_context::current();
        let engine = resolve::engine_of_write(call.cache, context.as_ref());
        match call.access {
            Some(Access::Pass) => Self::Uncached,
            Some(Access::Read) => {
                if let Ok(engine) = engine {
                    engine.failed("serve a read", &ErrorKind::InvalidRequest.into());
                }
                Self::Uncached
            }
            Some(Access::Write) | None => Self::new(call.function, engine, call.invalidations),
        }
    }

    /// With this cache, or with none out of so many.
    pub(super) fn new(
        function: &'static Function,
        engine: Result<Arc<Engine>, usize>,
        invalidations: Invalidations,
    ) -> Self {
        match engine {
            Ok(engine) => Self::Cached(Box::new(Writing::new(function, engine, invalidations))),
            Err(caches) => Self::Lost(Lost::new(caches, invalidations)),
        }
    }

    /// In a box, as is what settles it, so that all of it is built with this crate, and not with each that has a function
    /// that writes.
    pub(super) fn fence(&mut self) -> Option<Pin<Box<dyn Future<Output = ()> + Send + '_>>> {
        match self {
            Self::Cached(writing) if writing.writer_id.is_some() => Some(Box::pin(writing.fence())),
            _ => None,
        }
    }

    pub(super) fn beside(&mut self) -> Beside {
        match self {
            Self::Cached(writing) => Beside::operation(writing.begin()),
            Self::Uncached | Self::Lost(_) => Beside::nothing(),
        }
    }

    /// Notes how the function ended. What a future has borrowed once it holds until its end, as far as `Send` is concerned:
    /// so the output is borrowed here.
    ///
    /// # Errors
    ///
    /// The output, where it can't be held meanwhile.
    fn hold<H: Hold>(
        &mut self,
        output: H::Output,
        ending: impl FnOnce(&H::Output) -> Ending,
    ) -> Result<H::Held, H::Output> {
        self.end(ending(&output));
        H::hold(output)
    }

    /// The function was called as a write, and names nothing but its own entry.
    pub(super) fn end_as_read(&mut self, outcome: WriteOutcome<()>) {
        self.end(Ending::of(outcome.map(|()| Invalidations::none()), || {
            false
        }));
    }

    fn end(&mut self, ending: Ending) {
        match self {
            Self::Cached(writing) => writing.end(ending),
            Self::Lost(lost) => lost.end(ending),
            Self::Uncached => {}
        }
    }

    pub(super) fn settle(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        match self {
            Self::Cached(writing) => Box::pin(writing.settle()),
            Self::Uncached | Self::Lost(_) => Box::pin(ready(())),
        }
    }
}

/// A write under way. Dropped in the middle, it does in the background what is left to do.
pub(super) struct Writing {
    function: &'static Function,
    engine: Arc<Engine>,
    targets: Arc<Targets>,
    /// What the writer is called in its fences; nothing where it has none.
    writer_id: Option<String>,
    /// Since when all of its targets are fenced; nothing where they are not, or where that is not known.
    fenced_since: Option<Instant>,
    /// The scope that it runs in, which invalidates when the write is committed.
    collector: Option<Arc<Collector>>,
    left_to_do: LeftToDo,
}

impl Writing {
    fn new(function: &'static Function, engine: Arc<Engine>, invalidations: Invalidations) -> Self {
        let targets = invalidations.resolve(&engine);
        let is_fenced = engine.policy.fences && targets.is_fenceable();
        let collector = collector::current();
        if let Some(collector) = &collector {
            collector.note_write();
        }
        Self {
            function,
            engine,
            targets: targets.into(),
            writer_id: is_fenced.then(new_nonce),
            fenced_since: None,
            collector,
            left_to_do: LeftToDo::ReleaseFence,
        }
    }

    async fn fence(&mut self) {
        if let Some(writer_id) = &self.writer_id {
            // Without it a write that is in doubt is removed once more.
            let fenced = fence(&self.engine, &self.targets, writer_id).await;
            self.fenced_since = fenced.is_ok().then(Instant::now);
        }
    }

    /// The function begins to run.
    fn begin(&mut self) -> Operation {
        self.left_to_do = LeftToDo::InvalidateInDoubt;
        Operation::Write(self.targets.clone())
    }

    /// Notes what is left to do.
    fn end(&mut self, Ending { left_to_do, late }: Ending) {
        let late = late.resolve(&self.engine);
        if !late.is_empty() {
            Arc::make_mut(&mut self.targets).extend(late);
            self.fenced_since = None;
        }
        self.left_to_do = left_to_do;
    }

    /// Does what is left to do. Dropped meanwhile, it begins anew in the background.
    async fn settle(&mut self) {
        let what = self.left_to_do;
        if self.is_collected() {
            return;
        }
        let fence = self.writer_id.as_deref();
        let fence = fence.map(|id| (id, self.fenced_since));
        settle(&self.engine, self.function, what, &self.targets, fence).await;
        if what.is_in_doubt() {
            remove_once_more_later(&self.engine, &self.targets);
        }
        self.left_to_do = LeftToDo::Nothing;
    }

    /// Leaves to the scope around the write what is left to do, unless nothing has happened.
    fn is_collected(&mut self) -> bool {
        if matches!(self.left_to_do, LeftToDo::ReleaseFence | LeftToDo::Nothing) {
            return false;
        }
        let Some(collector) = self.collector.take() else {
            return false;
        };
        let collected = collector.collect(CollectedWrite {
            function: self.function,
            engine: self.engine.clone(),
            targets: self.targets.clone(),
            writer_id: self.writer_id.clone(),
            is_in_doubt: self.left_to_do.is_in_doubt(),
        });
        if collected.is_ok() {
            self.left_to_do = LeftToDo::Nothing;
        }
        collected.is_ok()
    }
}

/// A pattern can't be fenced, and a writer need not have fences. When they would have ended, by which a late commit has
/// to land, what the pattern matches is removed, and with it whatever else was named, since that may be loaded from it.
pub(super) fn remove_once_more_later(engine: &Engine, targets: &Targets) {
    if !targets.patterns.is_empty() || !engine.policy.fences {
        engine.invalidation.remove_later(targets, FENCE_TTL);
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let what = self.left_to_do;
        if matches!(what, LeftToDo::Nothing) || self.is_collected() {
            return;
        }
        let (function, engine, targets) =
            (self.function, self.engine.clone(), self.targets.clone());
        let writer_id = self.writer_id.take();
        if what.is_in_doubt() {
            remove_once_more_later(&engine, &targets);
        }
        settle_in_background(&self.engine, what, self.targets.clone(), async move {
            let fence = writer_id.as_deref().map(|id| (id, None));
            settle(&engine, function, what, &targets, fence).await;
        });
    }
}

/// Settles what a dropped future has left. What is to be removed is queued meanwhile, so that it can't get lost.
pub(super) fn settle_in_background(
    engine: &Arc<Engine>,
    what: LeftToDo,
    targets: Arc<Targets>,
    settle: impl Future<Output = ()> + Send + 'static,
) {
    if !what.invalidates() {
        in_background(settle);
        return;
    }
    let engine = engine.clone();
    let seq = engine.invalidation.enqueue(&targets);
    in_background(async move {
        settle.await;
        // What could not be removed has a higher number by now.
        engine.invalidation.acknowledge(seq, &targets);
    });
}

/// `fence` is what the writer is called in its fences, and since when they are known to stand.
pub(super) async fn settle(
    engine: &Engine,
    function: &'static Function,
    what: LeftToDo,
    targets: &Targets,
    fence: Option<(&str, Option<Instant>)>,
) {
    match (what, fence) {
        (LeftToDo::ReleaseFence, Some((writer_id, _))) => {
            release_fence(engine, targets, writer_id).await;
        }
        (LeftToDo::RenewFence, Some((writer_id, _))) => {
            if self::fence(engine, targets, writer_id).await.is_err() {
                engine.invalidation.remove_later(targets, FENCE_TTL);
            }
        }
        (LeftToDo::Invalidate, fence) => {
            let fence = fence.map_or(Fence::None, |(id, since)| Fence::Release(id, since));
            invalidate(engine, function, targets, fence).await;
        }
        (LeftToDo::InvalidateInDoubt, fence) => {
            let fence = fence.map_or(Fence::None, |(id, _)| Fence::Renew(id));
            invalidate(engine, function, targets, fence).await;
        }
        (LeftToDo::ReleaseFence | LeftToDo::RenewFence, None) | (LeftToDo::Nothing, _) => {}
    }
}

impl Invalidations {
    /// The names that could be made, as they are stored. Of one that could not, the log tells.
    fn resolve(self, engine: &Engine) -> Targets {
        let keyspace = engine.store.keyspace();
        let keys = self.keys.into_iter().filter_map(|key| made(engine, key));
        let tags = self.tags.into_iter().filter_map(|tag| made(engine, tag));
        let patterns = self.patterns.into_iter();
        let patterns = patterns.filter_map(|pattern| made(engine, pattern));
        let targets = Targets {
            keys: keys.map(|key| keyspace.entry(key)).collect(),
            tags: tags.map(Tag::new).collect(),
            patterns: patterns.map(|pattern| keyspace.pattern(pattern)).collect(),
        };
        if engine.store.is_off() {
            // There is nothing that could be stale.
            return Targets::default();
        }
        targets
    }
}

fn made_by<T>(template: Result<FromTemplate<T>, CacheError>) -> Result<T, CacheError> {
    template.map(FromTemplate::into_made)
}

fn made<T>(engine: &Engine, name: Result<T, CacheError>) -> Option<T> {
    name.inspect_err(|error| engine.failed("make a key", error))
        .ok()
}

async fn fence(engine: &Engine, targets: &Targets, writer_id: &str) -> Result<(), CacheError> {
    let fenced = engine.store.fence(targets, writer_id).await;
    fenced.inspect_err(|error| engine.failed("fence", error))
}

async fn invalidate(
    engine: &Engine,
    function: &'static Function,
    targets: &Targets,
    fence: Fence<'_>,
) {
    if targets.is_empty() {
        return;
    }
    if let Some(entries) = remove(engine, Some(function), targets, fence).await {
        count_removal(engine, function, targets, entries);
    }
}

/// Says how many entries there were; nothing where they are queued. `function` is nothing where it is for several writes.
pub(super) async fn remove(
    engine: &Engine,
    function: Option<&'static Function>,
    targets: &Targets,
    fence: Fence<'_>,
) -> Option<u64> {
    let removal = Removal::new(engine, function, targets);
    let removed = engine.invalidation.remove(targets, fence);
    let removed = removal.span().around(removed).await;
    let entries = removed
        .inspect_err(|error| engine.failed("invalidate", error))
        .ok();
    removal.end(entries);
    entries
}

async fn release_fence(engine: &Engine, targets: &Targets, writer_id: &str) {
    if let Err(error) = engine.store.release_fence(targets, writer_id).await {
        engine.failed("release a fence", &error);
    }
}
