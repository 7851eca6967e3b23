//! The flow of a write: the function, and then what it made stale is removed.

use std::future::Future;

use crate::cache::Cache;
use crate::error::CacheError;
use crate::key::Pattern;
use crate::request::Access;
use crate::value::Outcome;

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

/// Keys and patterns that are no longer right.
#[derive(Debug, Default)]
pub struct Stale {
    keys: Vec<Result<String, CacheError>>,
    patterns: Vec<Result<Pattern, CacheError>>,
}

impl Stale {
    /// These keys and these patterns.
    pub fn new<const K: usize, const P: usize>(
        keys: [Result<String, CacheError>; K],
        patterns: [Result<Pattern, CacheError>; P],
    ) -> Self {
        Self {
            keys: keys.into(),
            patterns: patterns.into(),
        }
    }

    /// Nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    fn and(mut self, more: Self) -> Self {
        self.keys.extend(more.keys);
        self.patterns.extend(more.patterns);
        self
    }
}

/// Runs the handler and, if it succeeded, removes what it made stale before its answer is returned.
pub async fn write<O, L, F>(call: Write, _outcome: O, late: L, handler: F) -> O::Answer
where
    O: Outcome,
    L: FnOnce(&O::Success) -> Stale,
    F: Future<Output = O::Answer>,
{
    let Some(cache) = Cache::for_call(call.cache) else {
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
    let answer = handler.await;
    if let Some(stale) = O::success(&answer).map(late) {
        cache.invalidate(call.stale.and(stale)).await;
    }
    answer
}

impl Cache {
    pub(crate) async fn invalidate(&self, stale: Stale) {
        let mut complete = true;
        let mut check = |outcome: Result<u64, CacheError>| {
            if let Err(error) = outcome {
                complete = false;
                self.failed("remove what a write made stale", &error);
            }
        };
        let mut keys = Vec::with_capacity(stale.keys.len());
        for key in stale.keys {
            match key {
                Ok(key) => keys.push(self.key(&key)),
                Err(error) => check(Err(error)),
            }
        }
        if !keys.is_empty() {
            check(self.store().delete(&keys).await);
        }
        for pattern in stale.patterns {
            check(match pattern {
                Ok(pattern) => self.store().delete_matching(&self.pattern(pattern)).await,
                Err(error) => Err(error),
            });
        }
        if complete {
            self.counters().invalidations.count();
        }
    }
}
