//! The flow of a write: a fence, the function, and then what it made stale is removed.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;

use crate::cache::Cache;
use crate::codec::Outcome;
use crate::error::CacheError;
use crate::key::Pattern;
use crate::method::Access;
use crate::nested::{self, About};
use crate::nonce::new_nonce;
use crate::request_context;
use crate::store::{Fenced, Moment, Targets};

/// What `#[cache]` knows of a write before it runs.
#[derive(Debug)]
pub struct Write {
    /// From `cache = …`; else the installed one.
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

/// Runs the handler and, if it succeeded, removes what it made stale before its answer is returned.
pub async fn write<O, L, F>(call: Write, _outcome: O, late: L, handler: F) -> O::Output
where
    O: Outcome,
    L: FnOnce(&O::Success) -> Stale,
    F: Future<Output = O::Output>,
{
    let ambient = request_context::current();
    let Some(cache) = Cache::for_call(call.cache, ambient.as_deref()) else {
        return handler.await;
    };
    match call.access {
        Some(Access::Pass) => return handler.await,
        Some(Access::Read) => {
            cache.failed("serve a read", &CacheError::InvalidRequest);
            return handler.await;
        }
        Some(Access::Write) | None => {}
    }
    let succeeded = |answer: &O::Output| O::success(answer).map(late);
    run(&cache, call.stale, succeeded, Box::pin(handler)).await
}

/// `succeeded` says what more became stale; nothing where the write failed. The handler is in a box: the
/// compiler computes the layout of what contains it to a limited depth only.
pub(crate) async fn run<F: Future>(
    cache: &Cache,
    stale: Stale,
    succeeded: impl FnOnce(&F::Output) -> Option<Stale>,
    handler: Pin<Box<F>>,
) -> F::Output {
    let mut writing = Writing::begin(cache, stale).await;
    let answer = writing.run(handler).await;
    match succeeded(&answer) {
        Some(late) => writing.succeed(late).await,
        None => writing.fail().await,
    }
    answer
}

/// A write under way. Dropped in the middle, it does in the background what is left to do.
struct Writing {
    cache: Cache,
    targets: Arc<Targets>,
    patterns: Arc<[Pattern]>,
    /// What it is called in the fences; nothing where it has none.
    member: Option<String>,
    /// When the targets would have ended without a fence.
    lives: Vec<Moment>,
    left: Left,
}

/// What is left to do.
#[derive(Clone, Copy)]
enum Left {
    Lift,
    /// Also where nobody knows whether the function committed.
    Invalidate,
    Nothing,
}

impl Writing {
    async fn begin(cache: &Cache, stale: Stale) -> Self {
        let (targets, patterns) = cache.resolve(stale);
        let fenced = cache.fences() && !targets.is_empty();
        let mut writing = Self {
            cache: cache.clone(),
            lives: vec![0; targets.keys.len() + targets.tags.len()],
            targets: targets.into(),
            patterns: patterns.into(),
            member: fenced.then(new_nonce),
            left: Left::Lift,
        };
        if let Some(member) = &writing.member {
            let Fenced { lives, failure } = cache.store().fence(&writing.targets, member).await;
            writing.lives = lives;
            if let Some(error) = failure {
                cache.failed("announce a write", &error);
            }
        }
        writing
    }

    async fn run<F: Future>(&mut self, handler: Pin<Box<F>>) -> F::Output {
        self.left = Left::Invalidate;
        let about = About::Writing(self.targets.clone(), self.patterns.clone());
        nested::within(about, handler).await
    }

    async fn succeed(&mut self, late: Stale) {
        let (targets, patterns) = self.cache.resolve(late);
        if !targets.is_empty() {
            let all = Arc::make_mut(&mut self.targets);
            all.keys.extend(targets.keys);
            all.tags.extend(targets.tags);
        }
        if !patterns.is_empty() {
            self.patterns = self.patterns.iter().cloned().chain(patterns).collect();
        }
        let member = self.member.as_deref();
        self.cache
            .invalidate(&self.targets, member, &self.patterns)
            .await;
        self.left = Left::Nothing;
    }

    async fn fail(&mut self) {
        self.left = Left::Lift;
        if let Some(member) = &self.member {
            self.cache.lift(&self.targets, member, &self.lives).await;
        }
        self.left = Left::Nothing;
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let (cache, targets) = (self.cache.clone(), self.targets.clone());
        let (patterns, member) = (self.patterns.clone(), self.member.take());
        let lives = mem::take(&mut self.lives);
        match (self.left, member) {
            (Left::Nothing, _) | (Left::Lift, None) => {}
            (Left::Lift, Some(member)) => {
                Cache::in_background(async move { cache.lift(&targets, &member, &lives).await });
            }
            (Left::Invalidate, member) => {
                let debt = cache.owe(&targets, &patterns);
                Cache::in_background(async move {
                    cache
                        .invalidate(&targets, member.as_deref(), &patterns)
                        .await;
                    // What could not be delivered is part of a later debt.
                    cache.settle(debt, &targets, &patterns);
                });
            }
        }
    }
}

impl Cache {
    /// The names that could be made, as they are stored. Of one that could not, the log tells.
    fn resolve(&self, stale: Stale) -> (Targets, Vec<Pattern>) {
        let keys = stale.keys.into_iter().filter_map(|key| self.made(key));
        let tags = stale.tags.into_iter().filter_map(|tag| self.made(tag));
        let patterns = stale.patterns.into_iter();
        let patterns = patterns.filter_map(|pattern| self.made(pattern));
        let targets = Targets {
            keys: keys.map(|key| self.key(key)).collect(),
            tags: tags.collect(),
        };
        (
            targets,
            patterns.map(|pattern| self.pattern(pattern)).collect(),
        )
    }

    fn made<T>(&self, name: Result<T, CacheError>) -> Option<T> {
        let log = |error: &CacheError| self.failed("name what a write made stale", error);
        name.inspect_err(log).ok()
    }

    async fn invalidate(&self, targets: &Targets, member: Option<&str>, patterns: &[Pattern]) {
        let mut complete = true;
        let mut check = |outcome: Result<u64, CacheError>| {
            if let Err(error) = outcome {
                complete = false;
                self.failed("remove what a write made stale", &error);
            }
        };
        check(self.remove(targets, member).await);
        for pattern in patterns {
            check(self.remove_matching(pattern).await);
        }
        if complete {
            self.counters().invalidations.count();
        }
    }

    async fn lift(&self, targets: &Targets, member: &str, lives: &[Moment]) {
        if let Err(error) = self.store().lift(targets, member, lives).await {
            self.failed("give back what a write fenced", &error);
        }
    }
}
