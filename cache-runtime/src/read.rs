//! The flow of a read: a hit, or the function and a fill.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use crate::cache::Cache;
use crate::codec::Codec;
use crate::codec::cache_status::{CacheStatus, Disposition, ForwardReason, Freshness};
use crate::codec::envelope::{self, Envelope};
use crate::error::CacheError;
use crate::flight::Loaded;
use crate::lease::{Age, Begin, Entry, Load, Windows};
use crate::method::Access;
use crate::nested;
use crate::refresh::{Background, Refresh};
use crate::request_context::{self, CacheDirective};
use crate::store::{LEASE_LIFE, Looked};
use crate::upkeep::Backoff;
use crate::write::{self, Stale};

/// What `#[cache]` knows of a read before it runs.
#[derive(Debug)]
pub struct Read {
    /// From `cache = …`; else the installed one.
    pub cache: Option<Cache>,
    /// What `method` says, or the request's method, where a parameter knows it; else the request around the
    /// call decides, where a layer recorded it.
    pub access: Option<Access>,
    /// The entry's key.
    pub key: Result<String, CacheError>,
    /// Its tags.
    pub tags: Vec<Result<String, CacheError>>,
    /// The entry's life.
    pub expiration: Duration,
    /// What it is good for after that.
    pub windows: Windows,
    /// From `condition = …`.
    pub condition: bool,
}

/// Answers from the cache, and drops the handler's future unpolled; or runs it and stores its answer.
///
/// What follows a decision to run is in boxes: the future of a hit stays small, and moving it cheap. An
/// `async fn` would hold the handler twice, as an argument and as a local.
#[expect(clippy::manual_async_fn, reason = "it is smaller")]
pub fn read<C, U, F, B>(
    call: Read,
    _codec: C,
    mut unless: U,
    mut handler: F,
    background: B,
) -> impl Future<Output = C::Output>
where
    C: Codec,
    U: FnOnce(&C::Value) -> bool,
    F: Future<Output = C::Output>,
    B: Background<Refresh<C, U, F>>,
{
    async move {
        let ambient = request_context::current();
        let ambient = ambient.as_deref();
        let Some(cache) = Cache::for_call(call.cache.clone(), ambient) else {
            return Box::pin(handler).await;
        };
        match call.access.or(ambient.map(|ambient| ambient.access)) {
            Some(Access::Pass) => return Box::pin(handler).await,
            Some(Access::Write) => {
                let stale = Stale::new([call.key], [], []);
                let succeeded = |answer: &C::Output| C::succeeded(answer).then(Stale::none);
                let write = write::run(&cache, stale, succeeded, Box::pin(handler));
                let mut answer = Box::pin(write).await;
                C::annotate(&mut answer, CacheStatus::forwarded(ForwardReason::Method));
                return answer;
            }
            Some(Access::Read) | None => {}
        }
        let (directive, wants_age) = ambient.map_or((CacheDirective::None, false), |ambient| {
            (ambient.directive, ambient.wants_age)
        });
        let entry = match directive {
            CacheDirective::NoStore => Err(ForwardReason::Request),
            CacheDirective::None | CacheDirective::Refresh => {
                call.entry(&cache).ok_or(ForwardReason::Bypass)
            }
        };
        let entry = match entry {
            Ok(entry) => entry,
            Err(why) => {
                cache.counters().bypassed.count();
                let mut answer = Box::pin(handler).await;
                C::annotate(&mut answer, CacheStatus::forwarded(why));
                return answer;
            }
        };
        let mut lookup = Lookup::new(
            &cache,
            entry,
            wants_age,
            directive == CacheDirective::Refresh,
        );
        let mut decision = lookup.decide::<C>().await;
        if let Decision::Refresh(answer, seen) = decision {
            let refresh = Refresh::new(&cache, &lookup.entry, seen, unless, handler);
            match background.start(refresh) {
                Ok(()) => {
                    cache.counters().stale.count();
                    return answer;
                }
                Err(back) => (unless, handler) = back.into_parts(),
            }
            decision = Box::pin(lookup.in_foreground().decide::<C>()).await;
        }
        let load = match decision {
            Decision::Answer(answer) | Decision::Refresh(answer, _) => return answer,
            Decision::Load(load) => Some(load),
            Decision::Run => None,
        };
        Box::pin(run::<C, _, _>(lookup, load, unless, handler)).await
    }
}

/// Runs the handler, for the entry if there is a load for it.
async fn run<C, U, F>(lookup: Lookup<'_>, load: Option<Load>, unless: U, handler: F) -> C::Output
where
    C: Codec,
    U: FnOnce(&C::Value) -> bool,
    F: Future<Output = C::Output>,
{
    let handler = Box::pin(handler);
    let mut answer = match &load {
        Some(load) => load.run(handler).await,
        None => handler.await,
    };
    let mut label = lookup.ran(load.is_some());
    if let Some(load) = load {
        let made = C::encode(&mut answer, unless);
        label = label.stored(load.finish(made).await);
    }
    if C::failed(&answer)
        && let Some(spare) = lookup.spare::<C>()
    {
        return spare;
    }
    C::annotate(&mut answer, label);
    answer
}

/// The tags of a read.
pub fn tags<const N: usize>(
    tags: [Result<String, CacheError>; N],
) -> Vec<Result<String, CacheError>> {
    tags.into()
}

impl Read {
    /// What to look for; nothing where the call has to run in any case.
    fn entry(self, cache: &Cache) -> Option<Entry> {
        let tags: Result<Vec<String>, CacheError> = self.tags.into_iter().collect();
        let (key, tags) = match (self.key, tags) {
            _ if !self.condition => return None,
            (Ok(key), Ok(tags)) => (cache.key(key), tags),
            (Err(error), _) | (_, Err(error)) => {
                cache.failed("make a key", &error);
                return None;
            }
        };
        // In this order, and once: what is owed is looked up before Redis is asked, and where it is not asked
        // now, it is not asked a moment later either, when a probe may have brought it back.
        let is_usable = cache.store().is_available(&key, &tags)
            && !cache.owes(&key, &tags)
            && !nested::is_busy_with(&key, &tags);
        is_usable.then_some(Entry {
            key,
            tags,
            life: self.expiration,
            windows: self.windows,
        })
    }
}

/// How long a call waits for another's load before it runs the function itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// The same within a load, which others may wait for: each could be waiting for the other.
const NESTED_PATIENCE: Duration = Duration::from_secs(1);

/// Between two looks at a load in another process.
const BACKOFF: Backoff = Backoff::between(Duration::from_millis(2), Duration::from_millis(100));

/// How often an entry may change under our eyes before we give up on it.
const MOST_LAPS: u32 = 8;

/// One read, until it has an entry that can be used, or the right to fill it.
struct Lookup<'c> {
    cache: &'c Cache,
    entry: Entry,
    /// It does not decode, or is not wanted.
    rejected: Option<Bytes>,
    /// It is past its expiration, but good enough if the function fails.
    spare: Option<Bytes>,
    /// Whether what is past its expiration may be served while it is refreshed.
    revalidates: bool,
    /// Whether the client wants no entry that is there already.
    refreshes: bool,
    /// Whether the client is told how fresh an answer is.
    timed: bool,
    why: ForwardReason,
    laps: u32,
    backoff: Backoff,
    give_up: Option<Instant>,
}

/// What is to be done.
enum Decision<A> {
    Answer(A),
    /// Answer, and refresh the entry, which has these bytes.
    Refresh(A, Bytes),
    Load(Load),
    /// Run the function: there is neither an entry nor the right to fill it.
    Run,
}

enum Found {
    /// And how long it is to be kept.
    Json(Bytes, Duration),
    /// Past its expiration; and the entry as it is stored.
    Stale(Bytes, Bytes, Duration),
    /// What another call has loaded.
    Shared(Bytes),
    /// Past its expiration, after another load has failed.
    Spare(Bytes),
    Load(Load),
    Nothing,
}

enum Waited {
    Ended(Loaded),
    LookAgain,
    TooLong,
}

impl<'c> Lookup<'c> {
    fn new(cache: &'c Cache, entry: Entry, timed: bool, refreshes: bool) -> Self {
        Self {
            cache,
            entry,
            rejected: None,
            spare: None,
            revalidates: true,
            refreshes,
            timed,
            why: if refreshes {
                ForwardReason::Request
            } else {
                ForwardReason::Miss
            },
            laps: 0,
            backoff: BACKOFF,
            give_up: None,
        }
    }

    /// Nothing can be refreshed in the background.
    fn in_foreground(&mut self) -> &mut Self {
        self.revalidates = false;
        self
    }

    async fn decide<C: Codec>(&mut self) -> Decision<C::Output> {
        let counters = self.cache.counters();
        loop {
            let found = self.find().await.unwrap_or_else(|error| {
                self.cache.failed("read an entry", &error);
                Found::Nothing
            });
            let (json, label, count, seen) = match found {
                Found::Json(json, left) if self.give_up.is_none() => (
                    json,
                    self.label(Disposition::Hit, left),
                    &counters.hits,
                    None,
                ),
                Found::Json(json, left) => {
                    let label = self.label(Disposition::Collapsed, left);
                    (json, label, &counters.coalesced, None)
                }
                Found::Shared(json) => {
                    let label = self.label(Disposition::Collapsed, self.entry.kept());
                    (json, label, &counters.coalesced, None)
                }
                Found::Spare(json) => {
                    let label = CacheStatus::new(Disposition::StaleIfError);
                    (json, label, &counters.stale, None)
                }
                // Whether it is served shows when its refresh has been started.
                Found::Stale(json, entry, left) => (
                    json,
                    self.label(Disposition::Hit, left),
                    &counters.stale,
                    Some(entry),
                ),
                Found::Load(load) => {
                    counters.misses.count();
                    return Decision::Load(load);
                }
                Found::Nothing => {
                    counters.bypassed.count();
                    return Decision::Run;
                }
            };
            let Ok(mut answer) = C::decode(&json) else {
                self.laps += 1;
                self.spare = None;
                self.rejected = Some(json);
                continue;
            };
            C::annotate(&mut answer, label);
            if let Some(entry) = seen {
                return Decision::Refresh(answer, entry);
            }
            count.count();
            return Decision::Answer(answer);
        }
    }

    /// What to answer if the function failed.
    fn spare<C: Codec>(&self) -> Option<C::Output> {
        let mut answer = C::decode(self.spare.as_ref()?).ok()?;
        self.cache.counters().stale.count();
        C::annotate(&mut answer, CacheStatus::new(Disposition::StaleIfError));
        Some(answer)
    }

    /// Of an entry that has so long to live.
    fn label(&self, served: Disposition, left: Duration) -> CacheStatus {
        CacheStatus {
            disposition: served,
            freshness: self.timed.then(|| self.entry.freshness(left)),
        }
    }

    /// Of what the function made.
    fn ran(&self, has_the_lease: bool) -> CacheStatus {
        let why = if has_the_lease {
            self.why
        } else {
            ForwardReason::Bypass
        };
        CacheStatus {
            disposition: Disposition::Forwarded {
                reason: why,
                stored: false,
            },
            freshness: self.timed.then(|| Freshness::new(self.entry.life)),
        }
    }

    async fn find(&mut self) -> Result<Found, CacheError> {
        while self.laps < MOST_LAPS {
            let Looked {
                entry,
                nonces,
                left,
            } = Box::pin(self.look()).await?;
            let mut json = self.json(entry.as_ref(), &nonces);
            self.spare = None;
            if std::mem::take(&mut self.refreshes) {
                self.rejected = json.take();
            }
            match (json, self.entry.age(left, self.revalidates)) {
                (Some(json), Age::Fresh) => return Ok(Found::Json(json, left)),
                (Some(json), Age::Stale) => {
                    return Ok(Found::Stale(json, entry.unwrap_or_default(), left));
                }
                (Some(json), Age::Spare) => {
                    self.why = ForwardReason::Stale;
                    self.spare = Some(json);
                }
                _ => {}
            }
            let entry = entry.unwrap_or_default();
            if let Some(found) = Box::pin(self.begin_or_wait(&entry, left)).await? {
                return Ok(found);
            }
        }
        Ok(Found::Nothing)
    }

    /// Nothing where it should be looked again.
    async fn begin_or_wait(
        &mut self,
        seen: &Bytes,
        left: Duration,
    ) -> Result<Option<Found>, CacheError> {
        let holder = match Load::begin(self.cache, &self.entry, seen).await? {
            Begin::Load(load) => {
                return Ok(Some(match self.valid_after_all(seen, left, &load) {
                    Some(json) => Found::Json(json, left),
                    None => Found::Load(load),
                }));
            }
            Begin::Filled => {
                self.laps += 1;
                return Ok(None);
            }
            Begin::Busy(holder) => holder,
        };
        Ok(match (self.wait(&holder).await, self.spare.take()) {
            (Waited::Ended(Loaded::Json(json)), _) => Some(Found::Shared(json)),
            (Waited::Ended(Loaded::Failed), Some(json)) => Some(Found::Spare(json)),
            (Waited::Ended(Loaded::Failed) | Waited::LookAgain, _) => None,
            (Waited::TooLong, spare) => {
                self.spare = spare;
                Some(Found::Nothing)
            }
        })
    }

    /// On a cluster a tag may be read a little before the entry, which was stored under the tag's next nonce. To load it
    /// again would be in vain, and a fence that has come up meanwhile would shorten its life.
    fn valid_after_all(&self, seen: &Bytes, left: Duration, load: &Load) -> Option<Bytes> {
        let is_wanted = matches!(self.why, ForwardReason::Miss) && !self.entry.tags.is_empty();
        if !is_wanted || !matches!(self.entry.age(left, true), Age::Fresh) {
            return None;
        }
        let nonces = load.nonces().iter().map(|nonce| Some(nonce.clone().into()));
        self.json(Some(seen), &nonces.collect::<Vec<_>>())
    }

    async fn look(&self) -> Result<Looked, CacheError> {
        let Entry {
            key, tags, windows, ..
        } = &self.entry;
        let store = self.cache.store();
        let with_life = windows.is_open() || self.timed;
        store.get(key, tags, with_life).await
    }

    /// The JSON of an entry that is valid and was not rejected.
    fn json(&self, entry: Option<&Bytes>, nonces: &[Option<Bytes>]) -> Option<Bytes> {
        let (entry, tags) = (entry?, &self.entry.tags);
        let json = if !tags.is_empty() {
            envelope::value(entry, tags, nonces)
        } else if Envelope::parse(entry).is_none() {
            Some(entry.clone())
        } else {
            // It has tags that this function knows nothing of.
            None
        };
        json.filter(|json| self.rejected.as_ref() != Some(json))
    }

    async fn wait(&mut self, holder: &str) -> Waited {
        // Waiting takes a timer, and that a runtime.
        if Handle::try_current().is_err() {
            return Waited::TooLong;
        }
        let patience = if nested::is_loading() {
            NESTED_PATIENCE
        } else {
            PATIENCE
        };
        let now = Instant::now();
        let left = *self.give_up.get_or_insert(now + patience) - now;
        if left.is_zero() {
            return Waited::TooLong;
        }
        if let Some(load) = self.cache.flights().find(holder) {
            // No longer than a lease lives that nobody renews.
            return match timeout(left.min(LEASE_LIFE), load).await {
                Ok(Some(ended)) => Waited::Ended(ended),
                Ok(None) | Err(_) => Waited::LookAgain,
            };
        }
        sleep(self.backoff.pause().min(left)).await;
        Waited::LookAgain
    }
}
