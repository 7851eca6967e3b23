//! What a cache is made of.

use std::sync::Arc;
use std::time::Duration;

use crate::error::CacheError;
use crate::invalidation::Invalidation;
use crate::key::EntryKey;
use crate::log;
use crate::stats::Counters;
use crate::store::{MAX_TTL, NOTHING_TTL, Store};
use crate::util::claims::Claims;
use crate::util::incident::Incident;
use crate::util::random_fraction;
use crate::util::recent::Recent;
use crate::util::single_flight::SingleFlight;

/// So many keys are remembered that could not be stored.
const MAX_UNSTORED: usize = 10_000;

/// How long the log is quiet about values that are too large.
const QUIET: Duration = Duration::from_secs(60);

pub(crate) struct Engine {
    pub(crate) store: Arc<Store>,
    pub(crate) invalidation: Invalidation,
    pub(crate) single_flight: SingleFlight,
    /// What is refreshed in the background.
    pub(crate) refreshes: Arc<Claims<EntryKey>>,
    /// What lately could not be stored, so that nobody waits for it.
    pub(crate) unstored: Recent<EntryKey>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) policy: Policy,
    /// Values were too large.
    too_large: Incident,
    /// What the store is called in the log.
    pub(crate) store_name: String,
}

/// How the store is used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// Whether writers announce themselves before they write.
    pub(crate) fences: bool,
    /// The largest fraction by which a TTL is shortened.
    pub(crate) jitter: f64,
    /// The largest value that is stored, in bytes.
    pub(crate) max_value_size: usize,
}

impl Engine {
    pub(crate) fn new(store: Store, store_name: String, policy: Policy) -> Arc<Self> {
        log::cache_made(&store_name);
        let (store, counters) = (Arc::new(store), Arc::<Counters>::default());
        Arc::new(Self {
            invalidation: Invalidation::new(store.clone(), counters.clone()),
            store,
            single_flight: SingleFlight::default(),
            refreshes: Arc::default(),
            unstored: Recent::new(NOTHING_TTL, MAX_UNSTORED),
            counters,
            policy,
            too_large: Incident::default(),
            store_name,
        })
    }

    pub(crate) fn key(&self, key: impl Into<String>) -> EntryKey {
        self.store.keyspace().entry(key)
    }

    /// By how much a TTL is shortened, so that what was stored together does not expire together.
    pub(crate) fn jitter(&self, ttl: Duration) -> Duration {
        ttl.min(MAX_TTL)
            .mul_f64(self.policy.jitter * random_fraction())
    }

    /// Whether a value is too large to be stored, which the log is told.
    pub(crate) fn is_too_large(&self, json: &[u8]) -> bool {
        let (bytes, limit) = (json.len(), self.policy.max_value_size);
        let is_too_large = bytes > limit;
        if is_too_large && self.too_large.is_news_again_after(Some(QUIET), "") {
            log::value_too_large(bytes, limit);
        }
        is_too_large
    }

    /// The call goes on; the log and the statistics know.
    pub(crate) fn failed(&self, operation: &'static str, error: &CacheError) {
        self.counters.failed(operation, error);
    }
}
