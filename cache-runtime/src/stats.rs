//! What became of the calls.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::error::CacheError;
use crate::health::is_broken;

/// How often what happened since the cache was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Reads that were answered from the cache with a fresh value.
    pub hits: u64,
    /// Reads that ran the function because there was no usable entry.
    pub misses: u64,
    /// Reads that were answered with a value past its expiration, within a window that the function allows.
    pub stale: u64,
    /// Reads that waited for the load of another one and share its answer.
    pub coalesced: u64,
    /// Reads that ran the function without the cache: their `condition` was false, their key could not be
    /// made, they were made by a write of what it changes, what they asked for is owed an invalidation, the
    /// load that they waited for took too long, or Redis was unavailable or failed.
    pub bypassed: u64,
    /// Answers that were stored.
    pub fills: u64,
    /// Answers that were not, because something invalidated them while they were loaded.
    pub fills_refused: u64,
    /// Writes that removed what they had made stale.
    pub invalidations: u64,
    /// Keys, tags and patterns whose invalidation could not be delivered yet. It is tried again until it
    /// is, and until then this process does not serve them.
    pub owed: u64,
    /// Operations that failed.
    pub errors: Errors,
    /// Whether Redis is asked.
    pub breaker: BreakerState,
}

/// How often the cache failed, by kind. No call failed because of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Errors {
    /// Redis did not answer within the deadline.
    pub timeouts: u64,
    /// No connection could be made, or it broke.
    pub connections: u64,
    /// Redis answered with an error.
    pub refusals: u64,
    /// An answer had no JSON, a key could not be made, or a function was called in a way that it does not
    /// support.
    pub calls: u64,
}

impl Errors {
    /// Of all kinds.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.timeouts + self.connections + self.refusals + self.calls
    }
}

/// The state of the circuit breaker in front of Redis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BreakerState {
    /// Redis is asked.
    #[default]
    Closed,
    /// It did not answer lately: only a probe asks it. Of a cluster, this is true of one server at least; the
    /// others are asked.
    Open,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) stale: Counter,
    pub(crate) coalesced: Counter,
    pub(crate) bypassed: Counter,
    pub(crate) fills: Counter,
    pub(crate) fills_refused: Counter,
    pub(crate) invalidations: Counter,
    timeouts: Failures,
    connections: Failures,
    refusals: Failures,
    calls: Failures,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Failures of one kind, and when the log last told of one.
#[derive(Debug, Default)]
struct Failures {
    count: Counter,
    logged: Mutex<Option<Instant>>,
}

/// The log tells of a kind of failure once in so long a time, however often it happens.
const QUIET: Duration = Duration::from_secs(60);

impl Failures {
    fn is_news(&self) -> bool {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = logged.is_none_or(|at| at.elapsed() > QUIET);
        if is_news {
            *logged = Some(Instant::now());
        }
        is_news
    }
}

impl Counters {
    /// Counts a failure, and says whether the log should tell of it.
    pub(crate) fn fail(&self, error: &CacheError) -> bool {
        let failures = match error {
            CacheError::Timeout(_) => &self.timeouts,
            CacheError::Redis(error) if !is_broken(error) => &self.refusals,
            CacheError::Redis(_) | CacheError::Pool(_) | CacheError::Config { .. } => {
                &self.connections
            }
            _ => &self.calls,
        };
        failures.count.count();
        failures.is_news()
    }

    pub(crate) fn snapshot(&self) -> Stats {
        Stats {
            hits: self.hits.get(),
            misses: self.misses.get(),
            stale: self.stale.get(),
            coalesced: self.coalesced.get(),
            bypassed: self.bypassed.get(),
            fills: self.fills.get(),
            fills_refused: self.fills_refused.get(),
            invalidations: self.invalidations.get(),
            owed: 0,
            errors: Errors {
                timeouts: self.timeouts.count.get(),
                connections: self.connections.count.get(),
                refusals: self.refusals.count.get(),
                calls: self.calls.count.get(),
            },
            breaker: BreakerState::default(),
        }
    }
}
