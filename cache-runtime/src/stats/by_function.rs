//! What became of the calls of each function, counted for each cache.
//!
//! A function is a static that the attribute writes, and knows its place in the table that each cache has: a hit finds its
//! counters by two loads, without a lock, a hash or an allocation.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;

use super::Counter;
use crate::meter::{
    BYPASSES, EVICTIONS, GETS, LOAD_DURATION, LOADS_SHED, Labels, Meter, PUTS, PUTS_DISCARDED,
    VERIFICATIONS, describe,
};
use crate::util::spread::Spread;

/// What became of the calls of one function, since the cache was made. Made by
/// [`Cache::stats_by_function`](crate::Cache::stats_by_function).
///
/// ```
/// let cache = cache_runtime::Cache::in_memory();
/// for (function, stats) in cache.stats_by_function() {
///     println!("{function}: {} hits, {} misses, {:?} saved", stats.hits, stats.misses, stats.time_saved);
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FunctionStats {
    /// Reads that were served from the cache with a fresh value.
    pub hits: u64,
    /// Reads that ran the function because there was no usable entry.
    pub misses: u64,
    /// Reads that were served a value past its expiration, within a window that the function allows.
    pub stale: u64,
    /// Reads that waited for the load of another one and share its value.
    pub collapsed: u64,
    /// Reads that ran the function without the cache, by why they did.
    pub bypassed: Bypassed,
    /// Runs that failed while their caller was served an older value, as of [`Stats::errors_hidden`](crate::Stats).
    pub errors_hidden: u64,
    /// Runs that were to fill an entry and came to their end, in the background as well.
    pub loads: u64,
    /// How long these runs took in all.
    pub load_time: Duration,
    /// How long the function would have run besides: for each hit and for each stale or collapsed read as long as a load
    /// took on average. Zero before the first load of this process.
    pub time_saved: Duration,
    /// Loads that came to their end when their caller had gone, since the function is `detached`.
    pub detached: u64,
    /// Reads that waited for their turn to load, since as many loads of the function ran as its `max_loads` says. Those that
    /// waited for the same key are not among them.
    pub queued: u64,
    /// Reads that did not come to their turn: too many waited, or they had waited for too long. They were served a value
    /// past its expiration, where `stale_if_error` has one, or ran the function beyond the limit.
    pub shed: u64,
    /// Hits that were verified, as of [`Stats::verified`](crate::Stats).
    pub verified: u64,
    /// Those of them that were wrong.
    pub differing: u64,
    /// Values that were stored.
    pub fills: u64,
    /// Values that were not stored, because something invalidated them while they were loaded.
    pub fills_discarded: u64,
    /// Hits and stale reads that were served from a copy in the memory of this process, where the function or the settings
    /// say `near`.
    pub near: u64,
    /// Bytes of JSON that were served from the cache: those of hits and of stale and collapsed reads.
    pub bytes_served: u64,
    /// Bytes of JSON that were stored.
    pub bytes_stored: u64,
    /// Writes that removed what they had made stale. Those whose removal had to be queued are not among them.
    pub invalidations: u64,
    /// What they removed.
    pub removed: Removed,
}

/// What writes of a function removed.
///
/// ```
/// let cache = cache_runtime::Cache::in_memory();
/// for (function, stats) in cache.stats_by_function() {
///     println!("{function} removed {} entries under {} keys", stats.removed.entries, stats.removed.keys);
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Removed {
    /// Keys that they named, whether there was an entry or not.
    pub keys: u64,
    /// Tags that they named.
    pub tags: u64,
    /// Patterns that they named.
    pub patterns: u64,
    /// Entries that there were under these keys and patterns. What is under a tag is not looked for, and entries that
    /// several writes of one [`Cache::deferred`](crate::Cache::deferred) removed together are counted for none of them.
    pub entries: u64,
}

macro_rules! bypasses {
    ($($(#[$doc:meta])+ $name:ident $field:ident,)+) => {
        /// Why a read ran without the cache.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Bypass {$(
            $(#[$doc])+
            $name,
        )+}

        impl Bypass {
            const ALL: [Self; [$(Self::$name),+].len()] = [$(Self::$name),+];

            /// In a word.
            pub(crate) fn as_str(self) -> &'static str {
                match self {$(
                    Self::$name => stringify!($field),
                )+}
            }
        }

        /// Reads that ran the function without the cache, by why they did. The names are those that `Cache-Status` and
        /// events have as the reason.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
        #[non_exhaustive]
        pub struct Bypassed {$(
            $(#[$doc])+
            pub $field: u64,
        )+}

        impl Bypassed {
            /// For whatever reason.
            ///
            /// ```
            /// let cache = cache_runtime::Cache::in_memory();
            /// for (function, stats) in cache.stats_by_function() {
            ///     println!("{function}: {} reads without the cache", stats.bypassed.total());
            /// }
            /// ```
            #[must_use]
            pub fn total(&self) -> u64 {
                0 $(+ self.$field)+
            }

            fn at(&mut self, why: Bypass) -> &mut u64 {
                match why {$(
                    Bypass::$name => &mut self.$field,
                )+}
            }
        }
    };
}

bypasses! {
    /// The cache is [off](crate::Cache::off).
    Off off,
    /// The function's `condition` was false.
    Condition condition,
    /// The request asked for it by `Cache-Control: no-store`, where the layer obeys.
    Request request,
    /// The key or a tag could not be made.
    Key key,
    /// They were made by a write of what it changes, by a load of its own key, or in the scope of a transaction.
    Nested nested,
    /// An invalidation of what they asked for is queued.
    Pending pending,
    /// Redis was not asked, since it did not reply lately.
    Breaker breaker,
    /// Redis failed.
    Failure failure,
    /// A fence was about to end, or what they asked for was being removed, so that nothing could be stored.
    Fence fence,
    /// The load that they waited for took too long.
    Patience patience,
    /// The entry changed again and again while they looked at it.
    Contention contention,
}

/// A function under the attribute, as its static.
#[derive(Debug)]
pub struct Function {
    name: &'static str,
    /// Its place in the tables; 0 before it is called for the first time.
    place: AtomicUsize,
    /// It is a load that is no function of its own.
    is_by_hand: bool,
}

/// The last place that a function has taken.
static LAST_PLACE: Mutex<usize> = Mutex::new(0);

impl Function {
    /// Of this path.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            place: AtomicUsize::new(0),
            is_by_hand: false,
        }
    }

    pub(super) fn by_hand(name: &'static str) -> Self {
        Self {
            is_by_hand: true,
            ..Self::new(name)
        }
    }

    pub(crate) fn is_by_hand(&self) -> bool {
        self.is_by_hand
    }

    /// `module::function`.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    fn place(&self) -> usize {
        // There is nothing else that would have to be seen with it.
        match self.place.load(Ordering::Relaxed) {
            0 => self.take_place(),
            place => place,
        }
    }

    #[cold]
    fn take_place(&self) -> usize {
        let mut last = LAST_PLACE.lock();
        let known = self.place.load(Ordering::Relaxed);
        if known != 0 {
            return known;
        }
        *last += 1;
        self.place.store(*last, Ordering::Relaxed);
        *last
    }
}

/// The counters of all functions that one cache has served.
///
/// The first block has 32 places, and each next one twice as many as the one before: none ever moves.
#[derive(Debug)]
pub(crate) struct ByFunction {
    cache_manager: Arc<str>,
    blocks: [OnceLock<Block>; BLOCKS],
}

type Block = Box<[OnceLock<Box<FunctionCounters>>]>;

const FIRST_BLOCK: usize = 32;

/// As many as a 32-bit number has places for.
const BLOCKS: usize = 27;

impl ByFunction {
    pub(super) fn new(cache_manager: Arc<str>) -> Self {
        Self {
            cache_manager,
            blocks: Default::default(),
        }
    }

    pub(crate) fn of(&self, function: &'static Function) -> &FunctionCounters {
        let place = function.place() + FIRST_BLOCK - 1;
        let block = place.ilog2() - FIRST_BLOCK.ilog2();
        let (block, length) = (&self.blocks[block as usize], FIRST_BLOCK << block);
        let places = block.get().map(|block| &block[place - length]);
        match places.and_then(OnceLock::get) {
            Some(counters) => counters,
            None => self.add(block, length, place - length, function),
        }
    }

    #[cold]
    fn add<'b>(
        &self,
        block: &'b OnceLock<Block>,
        length: usize,
        place: usize,
        function: &Function,
    ) -> &'b FunctionCounters {
        let places = block.get_or_init(|| (0..length).map(|_| OnceLock::new()).collect());
        places[place].get_or_init(|| Box::new(FunctionCounters::new(function, &self.cache_manager)))
    }

    /// Functions of one name are one.
    pub(crate) fn snapshot(&self) -> BTreeMap<&'static str, FunctionStats> {
        let mut stats = BTreeMap::<_, FunctionStats>::new();
        for counters in self.all() {
            counters.add_to(stats.entry(counters.name).or_default());
        }
        for of_name in stats.values_mut() {
            of_name.estimate();
        }
        stats
    }

    /// Of all functions together.
    pub(super) fn total(&self) -> FunctionStats {
        let mut total = FunctionStats::default();
        self.all().for_each(|counters| counters.add_to(&mut total));
        total
    }

    fn all(&self) -> impl Iterator<Item = &FunctionCounters> {
        let blocks = self.blocks.iter().filter_map(OnceLock::get);
        let places = blocks.flat_map(|block| block.iter());
        places.filter_map(OnceLock::get).map(|counters| &**counters)
    }
}

/// A counter, and what tells of it.
#[derive(Debug, Default)]
struct Metered {
    counter: Counter,
    meter: Meter,
}

impl Metered {
    fn new(meter: Meter) -> Self {
        let counter = Counter::default();
        Self { counter, meter }
    }

    fn count(&self) {
        self.add(1);
    }

    fn add(&self, more: u64) {
        self.counter.add(more);
        self.meter.add(more);
    }

    fn get(&self) -> u64 {
        self.counter.get()
    }
}

/// What became of the calls of one function.
#[derive(Debug, Default)]
pub(crate) struct FunctionCounters {
    name: &'static str,
    hits: Spread<Hits>,
    of_hits: Meter,
    misses: Metered,
    stale: Metered,
    collapsed: Metered,
    bypassed: [Metered; Bypass::ALL.len()],
    of_bypasses: Meter,
    of_loads: Meter,
    errors_hidden: Counter,
    loads: Counter,
    load_nanos: Counter,
    detached: Counter,
    queued: Counter,
    shed: Metered,
    confirmed: Metered,
    differing: Metered,
    fills: Metered,
    fills_discarded: Metered,
    bytes_stored: Counter,
    invalidations: Counter,
    keys: Counter,
    tags: Counter,
    patterns: Counter,
    entries: Metered,
}

/// What is counted of reads that are served.
#[derive(Debug, Default)]
struct Hits {
    count: Counter,
    near: Counter,
    bytes: Counter,
}

/// How a read was served from the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    Fresh,
    Stale,
    Collapsed,
}

impl FunctionCounters {
    fn new(function: &Function, cache_manager: &Arc<str>) -> Self {
        describe();
        let labels = Labels {
            cache: &function.name.into(),
            cache_manager,
        };
        let plain = |metric| Metered::new(Meter::new(metric, labels, None));
        let get = |result| Meter::new(&GETS, labels, Some(("result", result)));
        let verification = |result| Meter::new(&VERIFICATIONS, labels, Some(("result", result)));
        let bypass = |why: Bypass| Meter::new(&BYPASSES, labels, Some(("reason", why.as_str())));
        Self {
            name: function.name,
            of_hits: get("hit"),
            misses: Metered::new(get("miss")),
            stale: Metered::new(get("stale")),
            collapsed: Metered::new(get("collapsed")),
            bypassed: Bypass::ALL.map(|why| Metered::new(bypass(why))),
            of_bypasses: get("bypass"),
            of_loads: Meter::new(&LOAD_DURATION, labels, None),
            shed: plain(&LOADS_SHED),
            confirmed: Metered::new(verification("same")),
            differing: Metered::new(verification("different")),
            fills: plain(&PUTS),
            fills_discarded: plain(&PUTS_DISCARDED),
            entries: plain(&EVICTIONS),
            ..Self::default()
        }
    }

    /// A read got what has so many bytes of JSON; `is_copy` if they were in memory.
    pub(crate) fn served(&self, how: Served, is_copy: bool, bytes: usize) {
        let hits = self.hits.own();
        match how {
            Served::Fresh => {
                hits.count.count();
                self.of_hits.add(1);
            }
            Served::Stale => self.stale.count(),
            Served::Collapsed => self.collapsed.count(),
        }
        hits.bytes.add(bytes as u64);
        if is_copy && how != Served::Collapsed {
            hits.near.count();
        }
    }

    /// A read found nothing that it could use.
    pub(crate) fn missed(&self) {
        self.misses.count();
    }

    /// A read does without the cache.
    pub(crate) fn bypassed(&self, why: Bypass) {
        self.bypassed[why as usize].count();
        self.of_bypasses.add(1);
    }

    /// The function failed, and its caller got an older value.
    pub(crate) fn hid_error(&self) {
        self.errors_hidden.count();
    }

    /// A run that was to fill an entry took so long.
    pub(crate) fn loaded(&self, time: Duration) {
        self.loads.count();
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.load_nanos.add(nanos);
        self.of_loads.record(time);
    }

    /// A load came to its end without its caller.
    pub(crate) fn detached(&self) {
        self.detached.count();
    }

    /// A read waits for its turn to load.
    pub(crate) fn queued(&self) {
        self.queued.count();
    }

    /// A read did not come to its turn.
    pub(crate) fn shed(&self) {
        self.shed.count();
    }

    /// A hit was verified; `is_same` if the function returned what was served.
    pub(crate) fn verified(&self, is_same: bool) {
        if is_same {
            self.confirmed.count();
        } else {
            self.differing.count();
        }
    }

    /// So many bytes of JSON were stored; nothing where they were not.
    pub(crate) fn filled(&self, stored: Option<usize>) {
        match stored {
            Some(bytes) => {
                self.fills.count();
                self.bytes_stored.add(bytes as u64);
            }
            None => self.fills_discarded.count(),
        }
    }

    /// A write removed so much.
    pub(crate) fn removed(&self, removed: Removed) {
        self.invalidations.count();
        self.keys.add(removed.keys);
        self.tags.add(removed.tags);
        self.patterns.add(removed.patterns);
        self.entries.add(removed.entries);
    }

    fn add_to(&self, stats: &mut FunctionStats) {
        for hits in self.hits.all() {
            stats.hits += hits.count.get();
            stats.near += hits.near.get();
            stats.bytes_served += hits.bytes.get();
        }
        stats.misses += self.misses.get();
        stats.stale += self.stale.get();
        stats.collapsed += self.collapsed.get();
        for why in Bypass::ALL {
            *stats.bypassed.at(why) += self.bypassed[why as usize].get();
        }
        stats.errors_hidden += self.errors_hidden.get();
        stats.loads += self.loads.get();
        stats.load_time += Duration::from_nanos(self.load_nanos.get());
        stats.detached += self.detached.get();
        stats.queued += self.queued.get();
        stats.shed += self.shed.get();
        stats.verified += self.confirmed.get() + self.differing.get();
        stats.differing += self.differing.get();
        stats.fills += self.fills.get();
        stats.fills_discarded += self.fills_discarded.get();
        stats.bytes_stored += self.bytes_stored.get();
        stats.invalidations += self.invalidations.get();
        stats.removed.keys += self.keys.get();
        stats.removed.tags += self.tags.get();
        stats.removed.patterns += self.patterns.get();
        stats.removed.entries += self.entries.get();
    }
}

impl FunctionStats {
    fn estimate(&mut self) {
        let served = u128::from(self.hits + self.stale + self.collapsed);
        let loads = u128::from(self.loads).max(1);
        let nanos = self.load_time.as_nanos().saturating_mul(served) / loads;
        self.time_saved = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> ByFunction {
        ByFunction::new("".into())
    }

    /// A static, as the attribute makes one.
    fn function(name: &'static str) -> &'static Function {
        Box::leak(Box::new(Function::new(name)))
    }

    #[test]
    fn each_function_has_counters_of_its_own_in_each_table() {
        let tables = [table(), table()];
        // More than the first blocks have places for.
        let functions: Vec<_> = (0..200)
            .map(|n| function(Box::leak(format!("function {n}").into_boxed_str())))
            .collect();
        for (n, function) in functions.iter().enumerate() {
            for _ in 0..=n {
                tables[0].of(function).missed();
            }
        }
        tables[1].of(functions[7]).missed();
        let [stats, others] = tables.map(|table| table.snapshot());
        assert_eq!((stats.len(), others.len()), (200, 1));
        for n in 0..200 {
            assert_eq!(stats[&*format!("function {n}")].misses, n + 1);
        }
        assert_eq!(others["function 7"].misses, 1);
    }

    #[test]
    fn functions_of_one_name_are_counted_together() {
        let table = table();
        for _ in 0..2 {
            table.of(function("m::f")).missed();
        }
        assert_eq!(table.snapshot()["m::f"].misses, 2);
    }

    #[test]
    fn threads_that_call_a_function_for_the_first_time_find_one_place() {
        let (table, function) = (table(), function("f"));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| table.of(function).missed());
            }
        });
        assert_eq!(table.snapshot()["f"].misses, 8);
    }

    #[test]
    fn a_hit_is_counted_without_an_allocation() {
        let (table, function) = (table(), function("f"));
        let count = || table.of(function).served(Served::Fresh, false, 10);
        count();
        assert_eq!(allocation_counter::measure(count).count_total, 0);
    }

    #[test]
    fn time_is_saved_by_what_was_served_and_not_loaded() {
        let table = table();
        let counters = table.of(function("f"));
        counters.served(Served::Fresh, true, 10);
        assert_eq!(table.snapshot()["f"].time_saved, Duration::ZERO);
        for seconds in [1, 3] {
            counters.loaded(Duration::from_secs(seconds));
        }
        counters.served(Served::Stale, true, 5);
        counters.served(Served::Collapsed, true, 1);
        let stats = table.snapshot()["f"];
        assert_eq!(stats.load_time, Duration::from_secs(4));
        assert_eq!(stats.time_saved, Duration::from_secs(6));
        assert_eq!((stats.bytes_served, stats.near), (16, 2));
    }

    #[test]
    fn each_reason_has_a_counter_of_its_own() {
        let table = table();
        for (n, why) in (1..).zip(Bypass::ALL) {
            for _ in 0..n {
                table.of(function("f")).bypassed(why);
            }
        }
        let bypassed = table.snapshot()["f"].bypassed;
        let count = Bypass::ALL.len() as u64;
        assert_eq!(bypassed.total(), count * (count + 1) / 2);
        let counts = [
            bypassed.off,
            bypassed.condition,
            bypassed.request,
            bypassed.key,
            bypassed.nested,
            bypassed.pending,
            bypassed.breaker,
            bypassed.failure,
            bypassed.fence,
            bypassed.patience,
            bypassed.contention,
        ];
        assert_eq!(counts, std::array::from_fn(|n| n as u64 + 1));
    }
}
