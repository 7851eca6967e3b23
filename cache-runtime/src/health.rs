//! A circuit breaker (M. Nygard, "Release It!"): a server that does not answer is not asked again until a
//! probe shows that it does. With the breaker open an operation fails at once.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use deadpool_redis::redis::RedisError;

use crate::error::CacheError;
use crate::upkeep::{Taken, Turn};

/// So many failures in a row open it.
const MOST_FAILURES: u32 = 3;

#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: AtomicU32,
    open: AtomicBool,
    probing: Turn,
}

impl Breaker {
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Takes note of how an operation ended, and says whether that opened it.
    pub(crate) fn observe<T>(&self, outcome: &Result<T, CacheError>) -> bool {
        let weight = outcome.as_ref().err().map_or(0, weight);
        if weight == 0 {
            if self.failures.load(Ordering::Relaxed) > 0 {
                self.failures.store(0, Ordering::Relaxed);
            }
            return false;
        }
        let before = self.failures.fetch_add(weight, Ordering::Relaxed);
        before.saturating_add(weight) >= MOST_FAILURES && !self.open.swap(true, Ordering::AcqRel)
    }

    /// A probe was answered. Says whether that closed it.
    pub(crate) fn close(&self) -> bool {
        self.failures.store(0, Ordering::Relaxed);
        self.open.swap(false, Ordering::AcqRel)
    }

    /// The right to probe, which one task has at a time; nothing where none is due.
    pub(crate) fn probing(&self) -> Option<Taken> {
        if !self.is_open() {
            return None;
        }
        self.probing.take()
    }
}

/// How much an error says against the server as a whole: nothing, where it is about one command.
fn weight(error: &CacheError) -> u32 {
    match error {
        CacheError::Timeout(_) => 1,
        CacheError::Pool(_) | CacheError::Config { .. } => MOST_FAILURES,
        CacheError::Redis(error) if is_out_of_order(error) => MOST_FAILURES,
        CacheError::Redis(error) if is_broken(error) => 1,
        _ => 0,
    }
}

/// Whether a single one opens the breaker, of which the log tells then.
pub(crate) fn opens_at_once(error: &CacheError) -> bool {
    weight(error) >= MOST_FAILURES
}

/// The connection does not survive this error.
pub(crate) fn is_broken(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_connection_dropped()
        || error.is_unrecoverable_error()
        || is_elsewhere(error)
}

/// Another server may be meant by now, or other rights.
fn is_elsewhere(error: &RedisError) -> bool {
    matches!(error.code(), Some("READONLY" | "NOAUTH" | "WRONGPASS"))
}

/// The server answers, but neither reads nor writes can be relied on.
pub(crate) fn is_out_of_order(error: &RedisError) -> bool {
    const CODES: [&str; 7] = [
        "LOADING",
        "MASTERDOWN",
        "CLUSTERDOWN",
        "MISCONF",
        "NOREPLICAS",
        "BUSY",
        "MOVED",
    ];
    is_elsewhere(error)
        || error.code().is_some_and(|code| CODES.contains(&code)) && !is_unserved(error)
}

/// No server of a cluster has this slot, but the others are served.
fn is_unserved(error: &RedisError) -> bool {
    error.code() == Some("CLUSTERDOWN") && error.detail() == Some("Hash slot not served")
}
