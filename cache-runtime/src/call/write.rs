//! The flow of a write: a fence, the function, and then what it made stale is removed.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;

use super::background::in_background;
use super::reentrancy::{self, Operation};
use super::{request_context, resolve};
use crate::cache::{Cache, Engine};
use crate::codec::Outcome;
use crate::error::{CacheError, ErrorKind};
use crate::key::{Pattern, Tag};
use crate::method::Access;
use crate::nonce::new_nonce;
use crate::store::{Fenced, StoreMillis, Targets};

/// What `#[cache]` knows of a write before it runs.
#[derive(Debug)]
pub struct Write {
    /// From `cache = …`; else the layer's or the installed one.
    pub cache: Option<Cache>,
    /// What the request's method says, where a parameter knows it.
    pub access: Option<Access>,
    /// What the write makes stale.
    pub stale: Stale,
}

/// Keys, tags and patterns that are no longer right.
#[derive(Debug, Default)]
pub struct Stale {
    keys: Vec<Result<String, CacheError>>,
    tags: Vec<Result<String, CacheError>>,
    patterns: Vec<Result<Pattern, CacheError>>,
}

impl Stale {
    /// These keys, these tags and these patterns.
    pub fn new<const K: usize, const T: usize, const P: usize>(
        keys: [Result<String, CacheError>; K],
        tags: [Result<String, CacheError>; T],
        patterns: [Result<Pattern, CacheError>; P],
    ) -> Self {
        Self {
            keys: keys.into(),
            tags: tags.into(),
            patterns: patterns.into(),
        }
    }

    /// Nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }
}

/// Runs the handler and, if it succeeded, removes what it made stale before its value is returned.
pub async fn write<O, L, F>(call: Write, _outcome: O, late: L, handler: F) -> O::Output
where
    O: Outcome,
    L: FnOnce(&O::Success) -> Stale,
    F: Future<Output = O::Output>,
{
    let context = request_context::current();
    let Some(engine) = resolve::engine(call.cache, context.as_deref()) else {
        return handler.await;
    };
    match call.access {
        Some(Access::Pass) => return handler.await,
        Some(Access::Read) => {
            engine.failed("serve a read", &ErrorKind::InvalidRequest.into());
            return handler.await;
        }
        Some(Access::Write) | None => {}
    }
    let succeeded = |output: &O::Output| O::success(output).map(late);
    run(&engine, call.stale, succeeded, Box::pin(handler)).await
}

/// `succeeded` says what more became stale; nothing where the write failed. The handler is in a box: the
/// compiler computes the layout of what contains it to a limited depth only.
pub(super) async fn run<F: Future>(
    engine: &Arc<Engine>,
    stale: Stale,
    succeeded: impl FnOnce(&F::Output) -> Option<Stale>,
    handler: Pin<Box<F>>,
) -> F::Output {
    let mut writing = Writing::begin(engine, stale).await;
    let output = writing.run(handler).await;
    match succeeded(&output) {
        Some(late) => writing.succeed(late).await,
        None => writing.fail().await,
    }
    output
}

/// A write under way. Dropped in the middle, it does in the background what is left to do.
struct Writing {
    engine: Arc<Engine>,
    targets: Arc<Targets>,
    patterns: Arc<[Pattern]>,
    /// What the writer is called in its fences; nothing where it has none.
    writer_id: Option<String>,
    /// When the targets would have expired without a fence.
    previous_expiry: Vec<StoreMillis>,
    left_to_do: LeftToDo,
}

#[derive(Clone, Copy)]
enum LeftToDo {
    ReleaseFence,
    /// Also where nobody knows whether the function committed.
    Invalidate,
    Nothing,
}

impl Writing {
    async fn begin(engine: &Arc<Engine>, stale: Stale) -> Self {
        let (targets, patterns) = stale.resolve(engine);
        let is_fenced = engine.policy.fences && !targets.is_empty();
        let mut writing = Self {
            engine: engine.clone(),
            previous_expiry: vec![0; targets.len()],
            targets: targets.into(),
            patterns: patterns.into(),
            writer_id: is_fenced.then(new_nonce),
            left_to_do: LeftToDo::ReleaseFence,
        };
        if let Some(writer_id) = &writing.writer_id {
            let Fenced {
                previous_expiry,
                failure,
            } = engine.store.fence(&writing.targets, writer_id).await;
            writing.previous_expiry = previous_expiry;
            if let Some(error) = failure {
                engine.failed("fence", &error);
            }
        }
        writing
    }

    async fn run<F: Future>(&mut self, handler: Pin<Box<F>>) -> F::Output {
        self.left_to_do = LeftToDo::Invalidate;
        let operation = Operation::Write(self.targets.clone(), self.patterns.clone());
        reentrancy::scope(operation, handler).await
    }

    async fn succeed(&mut self, late: Stale) {
        let (targets, patterns) = late.resolve(&self.engine);
        if !targets.is_empty() {
            let all = Arc::make_mut(&mut self.targets);
            all.keys.extend(targets.keys);
            all.tags.extend(targets.tags);
        }
        if !patterns.is_empty() {
            self.patterns = self.patterns.iter().cloned().chain(patterns).collect();
        }
        let writer_id = self.writer_id.as_deref();
        invalidate(&self.engine, &self.targets, writer_id, &self.patterns).await;
        self.left_to_do = LeftToDo::Nothing;
    }

    async fn fail(&mut self) {
        self.left_to_do = LeftToDo::ReleaseFence;
        if let Some(writer_id) = &self.writer_id {
            let previous_expiry = &self.previous_expiry;
            release_fence(&self.engine, &self.targets, writer_id, previous_expiry).await;
        }
        self.left_to_do = LeftToDo::Nothing;
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let (engine, targets) = (self.engine.clone(), self.targets.clone());
        let (patterns, writer_id) = (self.patterns.clone(), self.writer_id.take());
        let previous_expiry = mem::take(&mut self.previous_expiry);
        match (self.left_to_do, writer_id) {
            (LeftToDo::Nothing, _) | (LeftToDo::ReleaseFence, None) => {}
            (LeftToDo::ReleaseFence, Some(writer_id)) => in_background(async move {
                release_fence(&engine, &targets, &writer_id, &previous_expiry).await;
            }),
            (LeftToDo::Invalidate, writer_id) => {
                let seq = engine.invalidation.enqueue(&targets, &patterns);
                in_background(async move {
                    invalidate(&engine, &targets, writer_id.as_deref(), &patterns).await;
                    // What could not be removed has a higher number by now.
                    engine.invalidation.acknowledge(seq, &targets, &patterns);
                });
            }
        }
    }
}

impl Stale {
    /// The names that could be made, as they are stored. Of one that could not, the log tells.
    fn resolve(self, engine: &Arc<Engine>) -> (Targets, Vec<Pattern>) {
        let keyspace = engine.store.keyspace();
        let keys = self.keys.into_iter().filter_map(|key| made(engine, key));
        let tags = self.tags.into_iter().filter_map(|tag| made(engine, tag));
        let patterns = self.patterns.into_iter();
        let patterns = patterns.filter_map(|pattern| made(engine, pattern));
        let targets = Targets {
            keys: keys.map(|key| keyspace.entry(key)).collect(),
            tags: tags.map(Tag::new).collect(),
        };
        let patterns = patterns.map(|pattern| keyspace.pattern(pattern));
        (targets, patterns.collect())
    }
}

fn made<T>(engine: &Engine, name: Result<T, CacheError>) -> Option<T> {
    name.inspect_err(|error| engine.failed("make a key", error))
        .ok()
}

async fn invalidate(
    engine: &Engine,
    targets: &Targets,
    writer_id: Option<&str>,
    patterns: &[Pattern],
) {
    let mut is_complete = true;
    let mut check = |outcome: Result<u64, CacheError>| {
        if let Err(error) = outcome {
            is_complete = false;
            engine.failed("invalidate", &error);
        }
    };
    check(engine.invalidation.remove(targets, writer_id).await);
    for pattern in patterns {
        check(engine.invalidation.remove_matching(pattern).await);
    }
    if is_complete {
        engine.counters.invalidations.count();
    }
}

async fn release_fence(
    engine: &Engine,
    targets: &Targets,
    writer_id: &str,
    previous_expiry: &[StoreMillis],
) {
    let store = &engine.store;
    let released = store.release_fence(targets, writer_id, previous_expiry);
    if let Err(error) = released.await {
        engine.failed("release a fence", &error);
    }
}
