//! The handle, and nothing but its public methods.

mod engine;
mod limits;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use self::engine::{Engine, Policy, Reader};

use crate::codec::envelope::{self, Envelope};
use crate::codec::{Body, to_json};
use crate::error::{CacheError, ErrorKind};
use crate::key::{IntoKey, IntoPattern, IntoTag, Tag, never_stored};
use crate::stats::{BreakerState, FunctionStats, NearStats, Stats};
use crate::store::{Fence, Fetch, Fetched, Targets};

/// A cache. Make it once, and install it, put it around handlers as a [`layer`](Self::layer), or hand it around: a clone
/// is cheap, and shares everything with the first.
///
/// Nothing here panics. A method that asks Redis waits for each operation no longer than the deadline, which is 0.1 seconds
/// by default, and needs a Tokio runtime with timers around it. Its errors are told apart by [`CacheError::kind`]; a
/// function under `#[cache]` never sees one.
///
/// ```
/// use std::time::Duration;
/// use cache_runtime::Cache;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cache_runtime::CacheError> {
/// let cache = Cache::in_memory();
/// cache.set("custom_key", &"custom value", Duration::from_secs(3600)).await?;
/// assert_eq!(cache.get("custom_key").await?, Some("custom value".to_owned()));
/// assert_eq!(cache.delete(["custom_key"]).await?, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Cache(pub(crate) Arc<Engine>);

static INSTALLED: RwLock<Option<Cache>> = RwLock::new(None);

impl Cache {
    /// Makes this the cache of every `#[cache]` function in the process that has no `cache = …` and is not called
    /// under a layer or in a [`scope`](Self::scope). The last cache that was installed counts.
    ///
    /// While none is installed, such functions run uncached. If they write, they use the only cache of the process, apart
    /// from those that are [off](Self::off). If there is not exactly one, the log has an error that says what was not
    /// removed.
    ///
    /// ```
    /// use cache_runtime::{Cache, cache};
    ///
    /// #[cache("square:{n}")]
    /// async fn square(n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let cache = Cache::in_memory();
    /// cache.install();
    /// square(7).await;
    /// square(7).await;
    /// assert_eq!(cache.stats().hits, 1);
    /// # }
    /// ```
    pub fn install(&self) {
        *INSTALLED.write() = Some(self.clone());
    }

    pub(crate) fn installed() -> Option<Self> {
        INSTALLED.read().clone()
    }

    /// The value under a key, if there is one. What was invalidated by its tags is not there, and neither is what a queued
    /// invalidation is about. The namespace is put in front of the key.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cache_runtime::CacheError> {
    /// use cache_runtime::{Cache, key};
    ///
    /// let cache = Cache::in_memory();
    /// let id = 7;
    /// let post: Option<String> = cache.get(key!("post:{id}")).await?;
    /// assert_eq!(post, None);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If Redis fails, if what is there is not the JSON of a `T` ([`ErrorKind::Json`](crate::ErrorKind::Json)), or if
    /// [`key!`](crate::key!) could not make the key.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does nothing else.
    pub async fn get<T: DeserializeOwned>(
        &self,
        key: impl IntoKey,
    ) -> Result<Option<T>, CacheError> {
        let (store, invalidation) = (&self.0.store, &self.0.invalidation);
        let key = self.0.key(key.into_key()?);
        if invalidation.is_pending(&key, &[]) {
            return Ok(None);
        }
        let entry = store.get(&key, &[], Fetch::Value).await?.entry;
        let mut json = entry.map(Body::into_bytes);
        if let Some(envelope) = json.as_ref().and_then(Envelope::parse) {
            let tags: Vec<Tag> = envelope.tags.into_keys().map(Tag::new).collect();
            if invalidation.is_pending(&key, &tags) {
                return Ok(None);
            }
            let Fetched {
                entry, tag_nonces, ..
            } = store.get(&key, &tags, Fetch::Value).await?;
            json = entry.and_then(|entry| envelope::value(entry.bytes(), &tags, &tag_nonces));
        }
        json.map(|json| serde_json::from_slice(&json))
            .transpose()
            .map_err(CacheError::json)
    }

    /// Puts a value under a key, as JSON, for as long as `ttl` says: at least a millisecond, without jitter. A load of that
    /// key which is under way will not overwrite it. The namespace is put in front of the key.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cache_runtime::CacheError> {
    /// use std::time::Duration;
    /// use cache_runtime::{Cache, key};
    ///
    /// let cache = Cache::in_memory();
    /// let id = 7;
    /// cache.set(key!("post:{id}"), "a post", Duration::from_secs(60)).await?;
    /// assert_eq!(cache.get("post:7").await?, Some("a post".to_owned()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If Redis fails, if the value has no JSON or is larger than `max_value_size`, or if the TTL is zero. Where the
    /// connection breaks, the value is not sent again; it may have been stored, and where there was no reply in time it
    /// may still be, also behind a later [`delete`](Self::delete).
    ///
    /// # Cancel safety
    ///
    /// Where the future is dropped before its end, the value may be stored or not.
    pub async fn set<T: Serialize + ?Sized>(
        &self,
        key: impl IntoKey,
        value: &T,
        ttl: Duration,
    ) -> Result<(), CacheError> {
        let key = key.into_key()?;
        if cfg!(debug_assertions) {
            never_stored::note_set(&key);
        }
        let key = self.0.key(key);
        let json = to_json(value).map_err(CacheError::json)?;
        if self.0.is_too_large(&json) {
            return Err(ErrorKind::ValueTooLarge.into());
        }
        self.0.invalidation.note_ttl(ttl);
        self.0.store.set(&key, json, ttl).await
    }

    /// Removes these keys, up to 2000 in one round trip, and says how many there were. No load that is under way will
    /// bring one back.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cache_runtime::CacheError> {
    /// use cache_runtime::{Cache, key};
    ///
    /// # let cache = Cache::in_memory();
    /// cache.delete(["latest_posts:global"]).await?;
    /// let username = "john";
    /// cache.delete([7, 8].map(|id| key!("{username}_post_cache:{id}"))).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If Redis fails. The removal is queued then, as that of a write is: see [`Stats::pending_invalidations`]. If
    /// [`key!`](crate::key!) could not make one of the keys: the others are removed all the same.
    ///
    /// # Cancel safety
    ///
    /// Where the future is dropped before its end, the removal is queued, and done in a task of its own.
    pub async fn delete<K: IntoKey>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<u64, CacheError> {
        let (keys, all_made) = made(keys.into_iter().map(IntoKey::into_key));
        let targets = Targets {
            keys: keys.into_iter().map(|key| self.0.key(key)).collect(),
            ..Targets::default()
        };
        let removed = self.0.invalidation.remove(&targets, Fence::None).await?;
        all_made.map(|()| removed)
    }

    /// Makes everything that was stored under these tags a miss, in one round trip, however much it is. The
    /// tags are given as they are rendered, `user:5`, or as [`tag!`](crate::tag!) makes them.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cache_runtime::CacheError> {
    /// use cache_runtime::{Cache, cache};
    ///
    /// #[cache("user", tags = ["user:{user_id}"], cache = cache)]
    /// async fn name(cache: &Cache, user_id: u64) -> String {
    ///     format!("user {user_id}")
    /// }
    ///
    /// let cache = Cache::in_memory();
    /// name(&cache, 5).await;
    /// cache.invalidate_tags(["user:5"]).await?;
    /// name(&cache, 5).await;
    /// assert_eq!(cache.stats().misses, 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If Redis fails. The invalidation is queued then: see [`Stats::pending_invalidations`]. If
    /// [`tag!`](crate::tag!) could not make one of the tags: the others are invalidated all the same.
    ///
    /// # Cancel safety
    ///
    /// Where the future is dropped before its end, the invalidation is queued, and done in a task of its own.
    pub async fn invalidate_tags<T: IntoTag>(
        &self,
        tags: impl IntoIterator<Item = T>,
    ) -> Result<(), CacheError> {
        let (tags, all_made) = made(tags.into_iter().map(IntoTag::into_tag));
        let targets = Targets {
            tags: tags.into_iter().map(Tag::new).collect(),
            ..Targets::default()
        };
        self.0.invalidation.remove(&targets, Fence::None).await?;
        all_made
    }

    /// Removes every key that matches this glob and says how many there were. As in Redis, `*`, `?` and
    /// `[a-z]` are wildcards and `\` takes their meaning from them; no `*` is appended. Values are put into a pattern
    /// with [`pattern!`](crate::pattern!). Redis goes through all of its keys twice for it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cache_runtime::CacheError> {
    /// use std::time::Duration;
    /// use cache_runtime::{Cache, pattern};
    ///
    /// let cache = Cache::in_memory();
    /// for page in ["john_posts:page_1", "john_posts:page_2", "jane_posts:page_1"] {
    ///     cache.set(page, "a page", Duration::from_secs(60)).await?;
    /// }
    /// let username = "john";
    /// assert_eq!(cache.delete_pattern(pattern!("{username}_posts:*")).await?, 2);
    /// assert_eq!(cache.delete_pattern("*_posts:*").await?, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If [`pattern!`](crate::pattern!) could not make the pattern, or if Redis fails. The removal is queued then: see
    /// [`Stats::pending_invalidations`].
    ///
    /// # Cancel safety
    ///
    /// Where the future is dropped before its end, the removal is queued, and done in a task of its own.
    pub async fn delete_pattern(&self, pattern: impl IntoPattern) -> Result<u64, CacheError> {
        let pattern = pattern.into_pattern()?;
        let targets = Targets {
            patterns: vec![self.0.store.keyspace().pattern(pattern)],
            ..Targets::default()
        };
        self.0.invalidation.remove(&targets, Fence::None).await
    }

    /// Asks Redis for a reply, for a health check: the only server, the master that sentinels name, or each node of a
    /// cluster that holds entries. Takes no longer than the deadline. An in-process store and a cache that is
    /// [off](Self::off) are always there.
    ///
    /// A server that did not reply lately is not asked, so that what this says is what calls experience: a probe in the
    /// background finds out when it is back. An application works without its Redis, and only more slowly: a health check
    /// that restarts the process for it would make things worse.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let cache = cache_runtime::Cache::in_memory();
    /// let health = match cache.ping().await {
    ///     Ok(()) => "ok".to_owned(),
    ///     Err(error) => error.to_string(),
    /// };
    /// # assert_eq!(health, "ok");
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Why the first that gave no reply did not: [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) where it was
    /// not asked.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does nothing else.
    pub async fn ping(&self) -> Result<(), CacheError> {
        self.0.store.ping().await
    }

    /// Waits until all queued invalidations are delivered, for at most `timeout`, and says how many names are still
    /// queued: for a graceful shutdown, when the last response has been sent.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let cache = cache_runtime::Cache::in_memory();
    /// assert_eq!(cache.drain(std::time::Duration::from_secs(5)).await, 0);
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: delivery goes on in a task of its own.
    pub async fn drain(&self, timeout: Duration) -> u64 {
        self.0.invalidation.drain(timeout).await
    }

    /// How often what happened since this cache was made, in all functions together. Each process counts for itself.
    ///
    /// ```
    /// let cache = cache_runtime::Cache::in_memory();
    /// let stats = cache.stats();
    /// assert_eq!((stats.hits, stats.errors.total(), stats.pending_invalidations), (0, 0, 0));
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = self.0.counters.snapshot();
        stats.pending_invalidations = self.0.invalidation.pending();
        stats.near = NearStats {
            hits: stats.near.hits,
            ..self.0.store.near_stats()
        };
        if !self.0.store.is_healthy() {
            stats.breaker = BreakerState::Open;
        }
        stats
    }

    /// How often what happened since this cache was made, by function. A function is there once this cache has served it.
    /// Its name is its path, as `module_path!()` and its own name make it: `blog::posts::list_posts`. Methods have the path
    /// of their module, and functions of one path are counted together.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use cache_runtime::{Cache, cache};
    ///
    /// #[cache("square:{n}", cache = cache)]
    /// async fn square(cache: &Cache, n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// let cache = Cache::in_memory();
    /// for _ in 0..3 {
    ///     square(&cache, 7).await;
    /// }
    /// let stats = cache.stats_by_function();
    /// let square = &stats[concat!(module_path!(), "::square")];
    /// assert_eq!((square.misses, square.fills, square.hits), (1, 1, 2));
    /// # }
    /// ```
    #[must_use]
    pub fn stats_by_function(&self) -> BTreeMap<&'static str, FunctionStats> {
        self.0.counters.by_function()
    }

    /// Where entries are kept, for a line in the log: `in-process store`, `redis://127.0.0.1:6379/0`, or `off`.
    /// Never a password.
    ///
    /// ```
    /// # use cache_runtime::Cache;
    /// let cache = Cache::builder().url("redis://:secret@127.0.0.1/1").build()?;
    /// assert_eq!(cache.store_name(), "redis://127.0.0.1:6379/1");
    /// # Ok::<(), cache_runtime::CacheError>(())
    /// ```
    #[must_use]
    pub fn store_name(&self) -> &str {
        &self.0.store_name
    }
}

/// The names that could be made, and why the first of the others could not.
fn made(
    names: impl Iterator<Item = Result<String, CacheError>>,
) -> (Vec<String>, Result<(), CacheError>) {
    let mut all_made = Ok(());
    let mut keep = |error| {
        if all_made.is_ok() {
            all_made = Err(error);
        }
    };
    let names = names
        .filter_map(|name| name.map_err(&mut keep).ok())
        .collect();
    (names, all_made)
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("store", &self.0.store_name)
            .field("namespace", &self.0.store.keyspace().namespace())
            .finish_non_exhaustive()
    }
}
