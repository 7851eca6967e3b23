//! What is told to the recorder of the crate `metrics`: the only room that names it. Without the feature a meter is
//! nothing, and so it is where no recorder is installed.
//!
//! Names and labels are those of Micrometer's meters of caches, with the function in the place of the cache.

#[cfg(feature = "metrics")]
mod recorded;
#[cfg(not(feature = "metrics"))]
mod unrecorded;

use std::sync::Arc;

#[cfg(feature = "metrics")]
pub(crate) use self::recorded::{Meter, describe};
#[cfg(not(feature = "metrics"))]
pub(crate) use self::unrecorded::{Meter, describe};

/// A metric: its name, and what it counts.
pub(crate) struct Metric {
    name: &'static str,
    help: &'static str,
    kind: Kind,
}

enum Kind {
    Counter,
    Gauge,
    /// Of times, in seconds.
    Histogram,
}

/// Whose metric it is.
#[derive(Clone, Copy)]
pub(crate) struct Labels<'l> {
    /// The function, or the whole of it: the labels `cache` and `name`.
    pub(crate) cache: &'l Arc<str>,
    /// Where the cache keeps its entries.
    pub(crate) cache_manager: &'l Arc<str>,
}

macro_rules! metrics {
    ($($metric:ident $kind:ident $name:literal $help:literal,)+) => {
        $(pub(crate) const $metric: Metric = Metric {
            name: $name,
            help: $help,
            kind: Kind::$kind,
        };)+

        const ALL: &[Metric] = &[$($metric),+];
    };
}

metrics! {
    GETS Counter "cache_gets_total" "Reads of cached functions, by their result.",
    BYPASSES Counter "cache_bypasses_total" "Reads that ran the function without the cache, by the reason.",
    PUTS Counter "cache_puts_total" "Values that were stored.",
    PUTS_DISCARDED Counter "cache_puts_discarded_total" "Values that were invalidated while they were loaded.",
    EVICTIONS Counter "cache_evictions_total" "Entries that the writes of a function removed.",
    LOADS_SHED Counter "cache_loads_shed_total" "Reads that found no room among the loads of their function.",
    VERIFICATIONS Counter "cache_verifications_total" "Hits whose function ran as well, by whether it returned the same.",
    LOAD_DURATION Histogram "cache_load_duration_seconds" "How long functions ran to fill an entry.",
    SIZE Gauge "cache_size" "Entries in the memory of this process.",
    PENDING Gauge "cache_invalidations_pending" "Names that are still to be removed, or once more.",
    BREAKER Gauge "cache_breaker_open" "1 while a server is not asked, since it did not reply lately; else 0.",
}
