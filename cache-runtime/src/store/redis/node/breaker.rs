//! A circuit breaker (M. Nygard, "Release It!"): a server that does not reply is not asked again until a
//! probe shows that it does. With the breaker open an operation fails at once.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::store::redis::failure::Failure;
use crate::store::redis::reply_error::is_broken;
use crate::util::turn::{Taken, Turn};

/// So many failures in a row open it.
const MAX_FAILURES: u32 = 3;

#[derive(Debug, Default)]
pub(in crate::store::redis) struct Breaker {
    failures: AtomicU32,
    open: AtomicBool,
    probing: Turn,
}

impl Breaker {
    pub(in crate::store::redis) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Takes note of how an operation ended, and says whether that opened it.
    pub(in crate::store::redis) fn observe<T>(&self, outcome: &Result<T, Failure>) -> bool {
        let weight = outcome.as_ref().err().map_or(0, weight);
        if weight == 0 {
            if self.failures.load(Ordering::Relaxed) > 0 {
                self.failures.store(0, Ordering::Relaxed);
            }
            return false;
        }
        let before = self.failures.fetch_add(weight, Ordering::Relaxed);
        before.saturating_add(weight) >= MAX_FAILURES && !self.open.swap(true, Ordering::AcqRel)
    }

    /// A probe got a reply. Says whether that closed it.
    pub(in crate::store::redis) fn close(&self) -> bool {
        self.failures.store(0, Ordering::Relaxed);
        self.open.swap(false, Ordering::AcqRel)
    }

    /// The right to probe, which one task has at a time; nothing where no probe is due.
    pub(super) fn probing(&self) -> Option<Taken> {
        if !self.is_open() {
            return None;
        }
        self.probing.take()
    }
}

/// How much a failure says against the server as a whole: nothing, where it is about one command.
fn weight(failure: &Failure) -> u32 {
    match failure {
        failure if failure.condemns_server() => MAX_FAILURES,
        Failure::Timeout(_) => 1,
        // It is asked for where there is no shared connection: then the server can't be asked.
        failure if failure.is_full_pool() => 1,
        Failure::Redis(error) if is_broken(error) => 1,
        _ => 0,
    }
}
