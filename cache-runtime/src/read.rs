//! The flow of a read: a hit, or the function and a fill.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::cache::Cache;
use crate::envelope::{self, Envelope};
use crate::error::CacheError;
use crate::lease::{Begin, Entry, Load};
use crate::nested;
use crate::request::Access;
use crate::store::LEASE_LIFE;
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
    /// From `condition = …`.
    pub condition: bool,
}

/// Answers from the cache, and drops the handler's future unpolled; or runs it and stores its answer.
pub async fn read<C, U, F>(call: Read, _codec: C, unless: U, handler: F) -> C::Answer
where
    C: Codec,
    U: FnOnce(&C::Value) -> bool,
    F: Future<Output = C::Answer>,
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
    let load = loop {
        match lookup.next().await {
            Found::Json(json) => match serde_json::from_slice(&json) {
                Ok(value) => {
                    lookup.serve();
                    return C::answer(value);
                }
                Err(_) => lookup.reject(json),
            },
            Found::Nothing => return handler.await,
            Found::Load(load) => break load,
        }
    };
    let answer = load.run(Box::pin(handler)).await;
    let json = C::value(&answer)
        .filter(|value| !unless(value))
        .map(serde_json::to_vec);
    match json {
        Some(Ok(json)) => load.fill(json.into()).await,
        Some(Err(error)) => cache.failed("write an answer as JSON", &CacheError::Json(error)),
        None => {}
    }
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
            (Ok(key), Ok(tags)) => (cache.key(&key), tags),
            (Err(error), _) | (_, Err(error)) => {
                cache.failed("make a key", &error);
                return None;
            }
        };
        let life = self.expiration;
        (!nested::is_busy_with(&key, &tags)).then_some(Entry { key, tags, life })
    }
}

/// How long a call waits for another's load before it runs the function itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// The same within a load, which others may wait for: each could be waiting for the other.
const NESTED_PATIENCE: Duration = Duration::from_secs(1);

/// The pauses between two looks at a load in another process grow between these.
const PAUSES: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(100)];

/// How often an entry may change under our eyes before we give up on it.
const MOST_LAPS: u32 = 8;

/// One read, until it has an entry that can be used, or the right to fill it.
struct Lookup<'c> {
    cache: &'c Cache,
    entry: Entry,
    /// It does not decode.
    rejected: Option<Bytes>,
    laps: u32,
    pause: Duration,
    give_up: Option<Instant>,
}

enum Found {
    Json(Bytes),
    Load(Load),
    /// Neither an entry nor the right to fill it: run the function.
    Nothing,
}

enum Waited {
    Shared(Bytes),
    LookAgain,
    TooLong,
}

impl<'c> Lookup<'c> {
    fn new(cache: &'c Cache, entry: Entry) -> Self {
        Self {
            cache,
            entry,
            rejected: None,
            laps: 0,
            pause: PAUSES[0],
            give_up: None,
        }
    }

    async fn next(&mut self) -> Found {
        let found = self.find().await.unwrap_or_else(|error| {
            self.cache.failed("read an entry", &error);
            Found::Nothing
        });
        match found {
            Found::Load(_) => self.cache.counters().misses.count(),
            Found::Nothing => self.cache.counters().bypassed.count(),
            Found::Json(_) => {}
        }
        found
    }

    async fn find(&mut self) -> Result<Found, CacheError> {
        while self.laps < MOST_LAPS {
            let seen = match self.look().await? {
                Ok(json) => return Ok(Found::Json(json)),
                Err(seen) => seen.unwrap_or_default(),
            };
            match Load::begin(self.cache, &self.entry, &seen).await? {
                Begin::Load(load) => return Ok(Found::Load(load)),
                Begin::Filled => self.laps += 1,
                Begin::Busy(holder) => match self.wait(&holder).await {
                    Waited::Shared(json) => return Ok(Found::Json(json)),
                    Waited::LookAgain => {}
                    Waited::TooLong => break,
                },
            }
        }
        Ok(Found::Nothing)
    }

    /// The entry's JSON; else what is there that can't be used.
    async fn look(&self) -> Result<Result<Bytes, Option<Bytes>>, CacheError> {
        let Entry { key, tags, .. } = &self.entry;
        let (entry, nonces) = self.cache.store().get(key, tags).await?;
        let json = entry.as_ref().and_then(|entry| {
            if !tags.is_empty() {
                envelope::value(entry, tags, &nonces)
            } else if Envelope::parse(entry).is_none() {
                Some(entry.clone())
            } else {
                // It has tags that this function knows nothing of.
                None
            }
        });
        let json = json.filter(|json| self.rejected.as_ref() != Some(json));
        Ok(json.ok_or(entry))
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
                Ok(Some(json)) => Waited::Shared(json),
                Ok(None) | Err(_) => Waited::LookAgain,
            };
        }
        sleep(jittered(self.pause).min(left)).await;
        self.pause = (self.pause * 2).min(PAUSES[1]);
        Waited::LookAgain
    }

    fn serve(&self) {
        let counters = self.cache.counters();
        if self.give_up.is_some() {
            counters.coalesced.count();
        } else {
            counters.hits.count();
        }
    }

    fn reject(&mut self, json: Bytes) {
        self.laps += 1;
        self.rejected = Some(json);
    }
}

/// Between half of it and the whole, so that those who wait do not ask all at once.
fn jittered(pause: Duration) -> Duration {
    let chance = Uuid::new_v4().as_bytes()[0];
    pause / 2 + pause * u32::from(chance) / 512
}
