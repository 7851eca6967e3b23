//! What became of the calls, counted.

mod by_function;
mod by_place;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

pub(crate) use self::by_function::{Bypass, FunctionCounters, Served};
pub use self::by_function::{Bypassed, Function, FunctionStats, Removed};

use self::by_function::ByFunction;
use crate::error::{CacheError, ErrorKind};
use crate::log;
use crate::util::incident::Incident;

/// How often what happened since the cache was made, in all functions together. Made by
/// [`Cache::stats`](crate::Cache::stats).
///
/// ```
/// use cache_runtime::{BreakerState, Cache};
///
/// let cache = Cache::in_memory();
/// let stats = cache.stats();
/// if stats.breaker == BreakerState::Open || stats.errors.total() > 0 {
///     println!("{} invalidations are queued", stats.pending_invalidations);
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Reads that were served from the cache with a fresh value.
    pub hits: u64,
    /// Reads that ran the function because there was no usable entry.
    pub misses: u64,
    /// Reads that were served a value past its expiration, within a window that the function allows.
    pub stale: u64,
    /// Functions that failed while their caller was served an older value: by `stale_if_error`, or because they were
    /// refreshing an entry in the background.
    pub errors_hidden: u64,
    /// Reads that waited for the load of another one and share its value.
    pub collapsed: u64,
    /// Reads that ran the function without the cache, for one of the reasons that [`Bypassed`] has.
    pub bypassed: u64,
    /// Hits that were verified: the function ran as well, and what it returned was compared with what was served, since it
    /// has the argument `verify`. Not those that a write came between, nor those whose function failed.
    pub verified: u64,
    /// Those of them that were wrong: the function returned something else, and no write explains it. They were repaired.
    pub differing: u64,
    /// Values that were stored.
    pub fills: u64,
    /// Values that were not stored, because something invalidated them while they were loaded.
    pub fills_discarded: u64,
    /// Writes that removed what they had made stale.
    pub invalidations: u64,
    /// Keys, tags and patterns that are queued. Those whose invalidation could not be sent yet are retried; until they
    /// succeed, this process treats the affected entries as misses. The others are removed once more, and served
    /// meanwhile: behind a writer in doubt, or with what could not be sent of the same write. Caches of one process that
    /// use the same Redis share one queue.
    pub pending_invalidations: u64,
    /// Operations that failed.
    pub errors: Errors,
    /// Whether Redis is asked.
    pub breaker: BreakerState,
    /// Copies of entries in the memory of this process.
    pub near: NearStats,
}

/// What became of copies of entries in the memory of this process, which there are where a function or the settings say
/// `near`.
///
/// ```
/// let near = cache_runtime::Cache::in_memory().stats().near;
/// assert_eq!(near.hits, 0, "what is in the process needs no copies");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NearStats {
    /// Reads that were served from memory.
    pub hits: u64,
    /// Reads that waited until Redis had told of all that changed before they could be served from memory. Those that wait
    /// at the same time ask it once.
    pub waits: u64,
    /// Copies that were taken.
    pub copies: u64,
    /// Copies that were given up because what they were of changed.
    pub changed: u64,
    /// Copies that were given up because the connection over which Redis told of changes was lost.
    pub disconnected: u64,
    /// Copies that were given up because their entries' TTL had passed.
    pub expired: u64,
    /// Copies that made room for others.
    pub made_room: u64,
}

/// How often the cache failed, by kind. No call failed because of it.
///
/// ```
/// let errors = cache_runtime::Cache::in_memory().stats().errors;
/// assert_eq!((errors.timeouts, errors.connections), (0, 0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Errors {
    /// Redis did not reply within the deadline.
    pub timeouts: u64,
    /// No connection could be made, or it broke.
    pub connections: u64,
    /// Redis replied with an error.
    pub server: u64,
    /// A value had no JSON, a key could not be made, or a function was called in a way that it does not
    /// support.
    pub usage: u64,
}

impl Errors {
    /// Of all kinds.
    ///
    /// ```
    /// let cache = cache_runtime::Cache::in_memory();
    /// assert_eq!(cache.stats().errors.total(), 0);
    /// ```
    #[must_use]
    pub fn total(&self) -> u64 {
        self.timeouts + self.connections + self.server + self.usage
    }
}

/// The state of the circuit breaker in front of Redis.
///
/// ```
/// use cache_runtime::{BreakerState, Cache};
///
/// assert_eq!(Cache::in_memory().stats().breaker, BreakerState::Closed);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum BreakerState {
    /// Redis is asked.
    #[default]
    Closed,
    /// It did not reply lately: only a probe asks it. Of a cluster, this is true of one server at least; the
    /// others are asked.
    Open,
}

#[derive(Debug)]
pub(crate) struct Counters {
    functions: ByFunction,
    timeouts: Failures,
    connections: Failures,
    server: Failures,
    usage: Failures,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn count(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is counted for [`NearStats`].
#[derive(Debug, Default)]
pub(crate) struct NearCounters {
    pub(crate) waits: Counter,
    pub(crate) copies: Counter,
    pub(crate) changed: Counter,
    pub(crate) disconnected: Counter,
    pub(crate) expired: Counter,
}

impl NearCounters {
    /// All of it but hits and those that made room, which are counted where that is.
    pub(crate) fn snapshot(&self) -> NearStats {
        NearStats {
            hits: 0,
            waits: self.waits.get(),
            copies: self.copies.get(),
            changed: self.changed.get(),
            disconnected: self.disconnected.get(),
            expired: self.expired.get(),
            made_room: 0,
        }
    }
}

/// Failures of one kind.
#[derive(Debug, Default)]
struct Failures {
    count: Counter,
    incident: Incident,
}

/// How long the log is quiet about a kind of failure that it has told of, however often it happens.
const QUIET: Duration = Duration::from_secs(60);

impl Counters {
    /// Of the cache that keeps its entries there.
    pub(crate) fn new(cache_manager: Arc<str>) -> Self {
        Self {
            functions: ByFunction::new(cache_manager),
            timeouts: Failures::default(),
            connections: Failures::default(),
            server: Failures::default(),
            usage: Failures::default(),
        }
    }

    pub(crate) fn of(&self, function: &'static Function) -> &FunctionCounters {
        self.functions.of(function)
    }

    pub(crate) fn by_function(&self) -> BTreeMap<&'static str, FunctionStats> {
        self.functions.snapshot()
    }

    /// Counts a failure and tells the log. Where Redis was not asked, both knew before.
    pub(crate) fn failed(&self, operation: &'static str, error: &CacheError) {
        let failures = match error.kind() {
            ErrorKind::Unavailable => return,
            ErrorKind::Timeout => &self.timeouts,
            ErrorKind::Server => &self.server,
            ErrorKind::Connection | ErrorKind::Config => &self.connections,
            _ => &self.usage,
        };
        failures.count.count();
        let is_news = failures.incident.is_news_again_after(Some(QUIET), "");
        log::operation_failed(operation, error, is_news && !error.is_reported());
    }

    pub(crate) fn snapshot(&self) -> Stats {
        let total = self.functions.total();
        Stats {
            hits: total.hits,
            misses: total.misses,
            stale: total.stale,
            errors_hidden: total.errors_hidden,
            collapsed: total.collapsed,
            bypassed: total.bypassed.total(),
            verified: total.verified,
            differing: total.differing,
            fills: total.fills,
            fills_discarded: total.fills_discarded,
            invalidations: total.invalidations,
            pending_invalidations: 0,
            errors: Errors {
                timeouts: self.timeouts.count.get(),
                connections: self.connections.count.get(),
                server: self.server.count.get(),
                usage: self.usage.count.get(),
            },
            breaker: BreakerState::default(),
            near: NearStats {
                hits: total.near,
                ..NearStats::default()
            },
        }
    }
}
