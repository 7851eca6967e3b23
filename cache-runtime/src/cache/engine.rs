//! What a cache is made of.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::limits::Limits;
use crate::codec::outcome::Failure;
use crate::error::CacheError;
use crate::invalidation::Invalidation;
use crate::key::EntryKey;
use crate::log;
use crate::meter::{Labels, Meter, PENDING, SIZE};
use crate::stats::{Counters, Function, FunctionCounters};
use crate::store::{MAX_TTL, NOTHING_TTL, Store};
use crate::util::claims::Claims;
use crate::util::first::First;
use crate::util::incident::Incident;
use crate::util::random_fraction;
use crate::util::recent::Recent;
use crate::util::single_flight::SingleFlight;

/// All that there are, and some that are gone.
static ALL: Mutex<Vec<Weak<Engine>>> = Mutex::new(Vec::new());

/// So many keys are remembered that could not be stored.
const MAX_UNSTORED: usize = 10_000;

/// Of so many entries is remembered who reads them.
const MAX_READERS: usize = 10_000;

/// So many loads run in tasks of their own at once; more run in their callers.
const MAX_DETACHED: usize = 1000;

/// So many hits are verified at once; of the others that are drawn meanwhile none is.
const MAX_VERIFICATIONS: usize = 16;

/// How long the log is quiet about what it has told.
const QUIET: Duration = Duration::from_secs(60);

/// About so many types.
const MAX_TOLD: usize = 1000;

/// What all handles of a cache share. On cache lines of its own, as [`Apart`](crate::util::apart::Apart) has it: beside it is
/// the count of the handles, which each request under a layer writes.
#[repr(align(128))]
pub(crate) struct Engine {
    pub(crate) store: Arc<Store>,
    pub(crate) invalidation: Invalidation,
    pub(crate) single_flight: SingleFlight,
    /// What is refreshed in the background.
    pub(crate) refreshes: Arc<Claims<EntryKey>>,
    /// What lately could not be stored, so that nobody waits for it.
    pub(crate) unstored: Recent<EntryKey>,
    /// The types of which the log has told that an entry is something else.
    told_undecodable: Recent<&'static str>,
    /// The types of which the log has told that an older value was served.
    told_hidden: Recent<&'static str>,
    /// The functions of which the log has told that more of their loads wait than can run.
    told_shed: Recent<&'static str>,
    /// The functions of which the log has told that they failed where nobody waited for them.
    told_detached: Recent<&'static str>,
    /// The functions of which the log has told that they returned something else than what was stored.
    told_differing: Recent<&'static str>,
    /// So many more hits may be verified now.
    pub(crate) verifications: Arc<Semaphore>,
    /// So many more loads may run in tasks of their own.
    pub(crate) detached: Arc<Semaphore>,
    /// How many loads of a function run at once.
    pub(crate) limits: Limits,
    /// In debug builds, who lately was the first to read an entry.
    pub(crate) readers: First<EntryKey, Reader>,
    pub(crate) counters: Arc<Counters>,
    /// How many entries are in this process.
    size: Meter,
    pub(crate) policy: Policy,
    /// Values were too large.
    too_large: Incident,
    /// A function allows copies in memory for too long.
    near_too_long: Incident,
    /// What the store is called in the log.
    pub(crate) store_name: String,
}

/// A function that reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reader {
    /// The type of its future, whose name holds its own.
    pub(crate) function: &'static str,
    /// The type of what is stored.
    pub(crate) value: &'static str,
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
    /// How long a copy in memory may be served after it has become wrong, where a function does not say.
    pub(crate) near: Option<Duration>,
    /// The most that a function may say.
    pub(crate) longest_near: Duration,
    /// How many hits are verified, of one, of the functions that say that some are, in the place of what they say.
    pub(crate) verify: Option<f64>,
    /// Whether spans and events of single calls have the names of what they are about.
    pub(crate) trace_keys: bool,
}

/// What all caches of this process call the same entries; nothing where no other cache has them.
fn shared_name(store: &Store, place: &str) -> Option<String> {
    let namespace = store.keyspace().namespace();
    matches!(store, Store::Redis(_)).then(|| format!("{place} {namespace}"))
}

impl Engine {
    /// `place` is where the store is: two caches with the same place share what is still to be removed from it.
    pub(crate) fn new(store: Store, store_name: String, place: &str, policy: Policy) -> Arc<Self> {
        if store.is_off() {
            log::cache_off();
        } else {
            log::cache_made(&store_name);
        }
        let cache_manager: Arc<str> = match store.keyspace().namespace() {
            "" => store_name.as_str().into(),
            namespace => {
                let namespace = namespace.trim_end_matches(':');
                format!("{store_name} {namespace}").into()
            }
        };
        let labels = Labels {
            cache: &cache_manager,
            cache_manager: &cache_manager,
        };
        let size = Meter::new(&SIZE, labels, None);
        let pending = Meter::new(&PENDING, labels, None);
        let (store, counters) = (
            Arc::new(store),
            Arc::new(Counters::new(cache_manager.clone())),
        );
        let engine = Arc::new(Self {
            invalidation: Invalidation::new(
                store.clone(),
                counters.clone(),
                shared_name(&store, place),
                pending,
            ),
            store,
            single_flight: SingleFlight::default(),
            refreshes: Arc::default(),
            unstored: Recent::new(NOTHING_TTL, MAX_UNSTORED),
            told_undecodable: Recent::new(QUIET, MAX_TOLD),
            told_hidden: Recent::new(QUIET, MAX_TOLD),
            told_shed: Recent::new(QUIET, MAX_TOLD),
            told_detached: Recent::new(QUIET, MAX_TOLD),
            told_differing: Recent::new(QUIET, MAX_TOLD),
            verifications: Arc::new(Semaphore::new(MAX_VERIFICATIONS)),
            detached: Arc::new(Semaphore::new(MAX_DETACHED)),
            limits: Limits::default(),
            readers: First::new(MAX_READERS),
            counters,
            size,
            policy,
            too_large: Incident::default(),
            near_too_long: Incident::default(),
            store_name,
        });
        let mut all = ALL.lock();
        all.retain(|engine| engine.strong_count() > 0);
        all.push(Arc::downgrade(&engine));
        engine
    }

    /// The only one of this process, not counting those that are off where there are others; else how many there are.
    pub(crate) fn only() -> Result<Arc<Self>, usize> {
        let mut engines: Vec<_> = ALL.lock().iter().filter_map(Weak::upgrade).collect();
        let is_on = |engine: &Arc<Self>| !engine.store.is_off();
        if engines.iter().any(is_on) {
            engines.retain(is_on);
        } else {
            // None of them has anything to remove.
            engines.truncate(1);
        }
        <[_; 1]>::try_from(engines)
            .map(|[engine]| engine)
            .map_err(|engines| engines.len())
    }

    pub(crate) fn key(&self, key: impl Into<String>) -> EntryKey {
        self.store.keyspace().entry(key)
    }

    /// How long a copy in memory may be served after it has become wrong, for a function that says this; nothing where the
    /// store is always asked.
    pub(crate) fn near(&self, of_function: Option<Duration>) -> Option<Duration> {
        let near = of_function.or(self.policy.near)?;
        if near <= self.policy.longest_near {
            return Some(near);
        }
        if self.near_too_long.is_news("") {
            log::near_too_long(near, self.policy.longest_near);
        }
        None
    }

    /// How many hits are verified, of one, of a function that says this; nothing where none is.
    pub(crate) fn verify(&self, of_function: Option<f64>) -> Option<f64> {
        let of_function = of_function?;
        Some(self.policy.verify.unwrap_or(of_function))
    }

    /// By how much a TTL is shortened, so that what was stored together does not expire together.
    pub(crate) fn jitter(&self, ttl: Duration) -> Duration {
        ttl.min(MAX_TTL)
            .mul_f64(self.policy.jitter * random_fraction())
    }

    /// An entry is not what its function's value of this type is read from: it is loaded anew.
    pub(crate) fn undecodable(
        &self,
        function: &'static Function,
        value: &'static str,
        error: &serde_json::Error,
    ) {
        let is_news = self.told_undecodable.is_news(value);
        log::entry_undecodable(function.name(), value, error, is_news);
    }

    /// Tells a recorder what there is by now, where something may have changed.
    pub(crate) fn measure(&self) {
        if cfg!(feature = "metrics") {
            self.invalidation.measure();
            if let Some(entries) = self.store.entries_in_process() {
                self.size.set(entries);
            }
        }
    }

    /// The names that a span or an event may have, joined by commas; nothing where they are not to be told.
    pub(crate) fn traced<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
        self.policy.trace_keys.then(|| {
            let names: Vec<&str> = names.into_iter().collect();
            names.join(", ")
        })
    }

    /// What became of the calls of a function.
    pub(crate) fn counters_of(&self, function: &'static Function) -> &FunctionCounters {
        self.counters.of(function)
    }

    /// A function has failed, and its caller got an older value of this type, and not the error.
    pub(crate) fn hidden(
        &self,
        function: &'static Function,
        value: &'static str,
        failure: Failure,
    ) {
        self.counters_of(function).hid_error();
        let is_news = self.told_hidden.is_news(value);
        log::error_hidden(value, failure.error, failure.status, is_news);
    }

    /// A function has failed where nobody waited for it any more.
    pub(crate) fn failed_alone(&self, function: &'static Function, failure: Failure) {
        let is_news = self.told_detached.is_news(function.name());
        log::detached_failed(function.name(), failure.error, failure.status, is_news);
    }

    /// An entry was not what its function returned, and no write explains that.
    pub(crate) fn differs(&self, function: &'static Function, field: &str) {
        let is_news = self.told_differing.is_news(function.name());
        log::entry_differs(function.name(), field, is_news);
    }

    /// A read has found no room among the loads of its function.
    pub(crate) fn shed(&self, function: &'static Function) {
        self.counters_of(function).shed();
        if self.told_shed.is_news(function.name()) {
            log::loads_shed(function.name());
        }
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
