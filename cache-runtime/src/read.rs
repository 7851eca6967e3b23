//! The flow of a read: a hit, or the function and a fill.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use crate::cache::Cache;
use crate::envelope::{self, Envelope};
use crate::error::CacheError;
use crate::flight::Loaded;
use crate::lease::{Age, Begin, Entry, Load, Made, Windows};
use crate::nested;
use crate::refresh::{Background, Refresh};
use crate::request::Access;
use crate::store::{LEASE_LIFE, Looked};
use crate::upkeep::Backoff;
use crate::value::Codec;
use crate::write::{self, Stale};

/// What `#[cache]` knows of a read before it runs.
#[derive(Debug)]
pub struct Read {
    /// From `cache = …`; else the installed one.
    pub cache: Option<Cache>,
    /// What the request's method says, where a parameter knows it.
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
pub async fn read<C, U, F, B>(
    call: Read,
    _codec: C,
    unless: U,
    handler: F,
    background: B,
) -> C::Answer
where
    C: Codec,
    U: FnOnce(&C::Value) -> bool,
    F: Future<Output = C::Answer>,
    B: Background<Refresh<C, U, F>>,
{
    let Some(cache) = Cache::for_call(call.cache.clone()) else {
        return handler.await;
    };
    match call.access {
        Some(Access::Pass) => return handler.await,
        Some(Access::Write) => {
            let stale = Stale::new([call.key], [], []);
            let succeeded = |answer: &C::Answer| C::value(answer).map(|_| Stale::none());
            return write::run(&cache, stale, succeeded, Box::pin(handler)).await;
        }
        Some(Access::Read) | None => {}
    }
    let Some(entry) = call.entry(&cache) else {
        cache.counters().bypassed.count();
        return handler.await;
    };
    let mut lookup = Lookup::new(&cache, entry);
    let (mut unless, mut handler) = (unless, handler);
    let mut decision = lookup.decide().await;
    if let Decision::Refresh(value, seen) = decision {
        let refresh = Refresh::new(&cache, &lookup.entry, seen, unless, handler);
        match background.start(refresh) {
            Ok(()) => {
                cache.counters().stale.count();
                return C::answer(value);
            }
            Err(back) => (unless, handler) = back.into_parts(),
        }
        decision = lookup.in_foreground().decide().await;
    }
    let load = match decision {
        Decision::Answer(value) | Decision::Refresh(value, _) => return C::answer(value),
        Decision::Load(load) => Some(load),
        Decision::Run => None,
    };
    let answer = match &load {
        Some(load) => load.run(Box::pin(handler)).await,
        None => handler.await,
    };
    let has_failed = C::value(&answer).is_none();
    if let Some(load) = load {
        let made = made::<C>(&answer, unless);
        load.finish(made).await;
    }
    if has_failed && let Some(value) = lookup.spare() {
        return C::answer(value);
    }
    answer
}

/// What is to be stored of an answer.
pub(crate) fn made<C: Codec>(answer: &C::Answer, unless: impl FnOnce(&C::Value) -> bool) -> Made {
    match C::value(answer) {
        None => Made::Failure,
        Some(value) if unless(value) => Made::Nothing,
        Some(value) => {
            serde_json::to_vec(value).map_or_else(Made::Unwritable, |json| Made::Json(json.into()))
        }
    }
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
            (Ok(key), Ok(tags)) => (cache.key(&key), tags),
            (Err(error), _) | (_, Err(error)) => {
                cache.failed("make a key", &error);
                return None;
            }
        };
        let is_busy = nested::is_busy_with(&key, &tags);
        // Where the store is not asked, what is owed need not be looked up.
        let is_owed = cache.store().is_available() && cache.owes(&key, &tags);
        (!is_busy && !is_owed).then_some(Entry {
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
    /// It does not decode.
    rejected: Option<Bytes>,
    /// It is past its expiration, but good enough if the function fails.
    spare: Option<Bytes>,
    /// Whether what is past its expiration may be served while it is refreshed.
    revalidates: bool,
    laps: u32,
    backoff: Backoff,
    give_up: Option<Instant>,
}

/// What is to be done.
enum Decision<V> {
    Answer(V),
    /// Answer, and refresh the entry, which has these bytes.
    Refresh(V, Bytes),
    Load(Load),
    /// Run the function: there is neither an entry nor the right to fill it.
    Run,
}

enum Found {
    Json(Bytes),
    /// Past its expiration; and the entry as it is stored.
    Stale(Bytes, Bytes),
    /// The same, after another load has failed.
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
    fn new(cache: &'c Cache, entry: Entry) -> Self {
        Self {
            cache,
            entry,
            rejected: None,
            spare: None,
            revalidates: true,
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

    async fn decide<V: DeserializeOwned>(&mut self) -> Decision<V> {
        let counters = self.cache.counters();
        loop {
            let found = self.find().await.unwrap_or_else(|error| {
                self.cache.failed("read an entry", &error);
                Found::Nothing
            });
            let (json, is_fresh, seen) = match found {
                Found::Json(json) => (json, true, None),
                Found::Spare(json) => (json, false, None),
                // Whether it is served shows when its refresh has been started.
                Found::Stale(json, entry) => (json, false, Some(entry)),
                Found::Load(load) => {
                    counters.misses.count();
                    return Decision::Load(load);
                }
                Found::Nothing => {
                    counters.bypassed.count();
                    return Decision::Run;
                }
            };
            let Ok(value) = serde_json::from_slice(&json) else {
                self.laps += 1;
                self.spare = None;
                self.rejected = Some(json);
                continue;
            };
            if let Some(entry) = seen {
                return Decision::Refresh(value, entry);
            }
            match is_fresh {
                false => counters.stale.count(),
                true if self.give_up.is_some() => counters.coalesced.count(),
                true => counters.hits.count(),
            }
            return Decision::Answer(value);
        }
    }

    /// What to answer if the function failed.
    fn spare<V: DeserializeOwned>(&self) -> Option<V> {
        let value = serde_json::from_slice(self.spare.as_ref()?).ok()?;
        self.cache.counters().stale.count();
        Some(value)
    }

    async fn find(&mut self) -> Result<Found, CacheError> {
        while self.laps < MOST_LAPS {
            let Looked {
                entry,
                nonces,
                left,
            } = self.look().await?;
            let json = self.json(entry.as_ref(), &nonces);
            self.spare = None;
            match (json, self.entry.age(left, self.revalidates)) {
                (Some(json), Age::Fresh) => return Ok(Found::Json(json)),
                (Some(json), Age::Stale) => {
                    return Ok(Found::Stale(json, entry.unwrap_or_default()));
                }
                (Some(json), Age::Spare) => self.spare = Some(json),
                _ => {}
            }
            match Load::begin(self.cache, &self.entry, &entry.unwrap_or_default()).await? {
                Begin::Load(load) => return Ok(Found::Load(load)),
                Begin::Filled => self.laps += 1,
                Begin::Busy(holder) => match (self.wait(&holder).await, self.spare.take()) {
                    (Waited::Ended(Loaded::Json(json)), _) => return Ok(Found::Json(json)),
                    (Waited::Ended(Loaded::Failed), Some(json)) => return Ok(Found::Spare(json)),
                    (Waited::Ended(Loaded::Failed) | Waited::LookAgain, _) => {}
                    (Waited::TooLong, spare) => {
                        self.spare = spare;
                        break;
                    }
                },
            }
        }
        Ok(Found::Nothing)
    }

    async fn look(&self) -> Result<Looked, CacheError> {
        let Entry {
            key, tags, windows, ..
        } = &self.entry;
        let store = self.cache.store();
        store.get(key, tags, windows.is_open()).await
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
