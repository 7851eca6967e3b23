//! The handle.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once, PoisonError, RwLock};
use std::task::{Context, Waker};
use std::time::Duration;

use deadpool_redis::{Connection, Pool};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::codec::envelope::{self, Envelope};
use crate::config::Settings;
use crate::error::CacheError;
use crate::flight::Flights;
use crate::health::opens_at_once;
use crate::key::Pattern;
use crate::outbox::Outbox;
use crate::request_context::RequestContext;
use crate::stats::{BreakerState, Counters, Stats};
use crate::store::{LONGEST_LIFE, Looked, Store, Targets};
use crate::upkeep::chance;

/// A cache: a cheap clone, to be made once and handed around or installed.
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
pub struct Cache(Arc<Inner>);

struct Inner {
    store: Store,
    name: String,
    /// Whether writers announce themselves before they write.
    fences: bool,
    jitter: f64,
    flights: Flights,
    outbox: Outbox,
    counters: Counters,
    /// The longest life that was asked for an entry, in milliseconds.
    longest: AtomicU64,
}

/// An hour, which is what an entry lives unless told otherwise.
const DEFAULT_LIFE: u64 = 3_600_000;

static INSTALLED: RwLock<Option<Cache>> = RwLock::new(None);

impl Cache {
    pub(crate) fn new(store: Store, name: String, settings: &Settings) -> Self {
        Self(Arc::new(Inner {
            store,
            name,
            fences: settings.fences,
            jitter: settings.jitter,
            flights: Flights::default(),
            outbox: Outbox::default(),
            counters: Counters::default(),
            longest: AtomicU64::new(DEFAULT_LIFE),
        }))
    }

    /// Makes this the cache of every `#[cache]` function in the process that has no `cache = …`. The last
    /// one installed counts.
    pub fn install(&self) {
        *INSTALLED.write().unwrap_or_else(PoisonError::into_inner) = Some(self.clone());
    }

    /// The explicit cache, the layer's, or the installed one. With none of them the function runs, and the log
    /// says so once.
    pub(crate) fn for_call(
        explicit: Option<Self>,
        ambient: Option<&RequestContext>,
    ) -> Option<Self> {
        static MISSING: Once = Once::new();
        let recorded = || ambient.map(|ambient| ambient.cache.clone());
        let cache = explicit.or_else(recorded).or_else(|| {
            INSTALLED
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .clone()
        });
        if cache.is_none() {
            MISSING.call_once(|| {
                tracing::warn!("no cache is installed, so `#[cache]` functions run uncached: call `Cache::install`");
            });
        }
        cache
    }

    /// The value under a key, if there is one. What was invalidated by its tags is not there.
    ///
    /// # Errors
    ///
    /// If Redis fails, or if what is there is not the JSON of a `T`.
    pub async fn get<T: DeserializeOwned>(
        &self,
        key: impl AsRef<str>,
    ) -> Result<Option<T>, CacheError> {
        let key = self.key(key.as_ref());
        if self.owes(&key, &[]) {
            return Ok(None);
        }
        let mut json = self.0.store.get(&key, &[], false).await?.entry;
        if let Some(envelope) = json.as_ref().and_then(Envelope::parse) {
            let tags: Vec<String> = envelope.tags.into_keys().collect();
            if self.owes(&key, &tags) {
                return Ok(None);
            }
            let Looked { entry, nonces, .. } = self.0.store.get(&key, &tags, false).await?;
            json = entry.and_then(|entry| envelope::value(&entry, &tags, &nonces));
        }
        json.map(|json| serde_json::from_slice(&json))
            .transpose()
            .map_err(CacheError::Json)
    }

    /// Puts a value under a key, as JSON, for so long. A load of that key which is under way will not
    /// overwrite it.
    ///
    /// # Errors
    ///
    /// If Redis fails, the value has no JSON, or the expiration is zero.
    pub async fn set<T: Serialize + ?Sized>(
        &self,
        key: impl AsRef<str>,
        value: &T,
        expiration: Duration,
    ) -> Result<(), CacheError> {
        let json = serde_json::to_vec(value).map_err(CacheError::Json)?;
        self.note_life(expiration);
        self.0
            .store
            .set(&self.key(key.as_ref()), json.into(), expiration)
            .await
    }

    /// Removes these keys in one round trip and says how many there were. No load that is under way will
    /// bring one back.
    ///
    /// # Errors
    ///
    /// If Redis fails. The removal is owed then, as that of a write is: see [`Stats::owed`].
    pub async fn delete<K: AsRef<str>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<u64, CacheError> {
        let targets = Targets {
            keys: keys.into_iter().map(|key| self.key(key.as_ref())).collect(),
            tags: Vec::new(),
        };
        self.remove(&targets, None).await
    }

    /// Makes everything that was stored under these tags a miss, in one round trip, however much it is. The
    /// tags as they are rendered: `user:5`.
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
    /// If Redis fails. It is owed then: see [`Stats::owed`].
    pub async fn invalidate_tags<T: Into<String>>(
        &self,
        tags: impl IntoIterator<Item = T>,
    ) -> Result<(), CacheError> {
        let targets = Targets {
            keys: Vec::new(),
            tags: tags.into_iter().map(Into::into).collect(),
        };
        self.remove(&targets, None).await.map(drop)
    }

    /// Removes every key that matches this glob and says how many there were. As in Redis, `*`, `?` and
    /// `[a-z]` are wildcards and `\` takes their meaning from them; no `*` is appended.
    ///
    /// # Errors
    ///
    /// If Redis fails. It is owed then: see [`Stats::owed`].
    pub async fn delete_pattern(&self, glob: impl AsRef<str>) -> Result<u64, CacheError> {
        self.remove_matching(&self.pattern(Pattern::glob(glob.as_ref())))
            .await
    }

    /// A connection of the pool, for any command and pipeline of Redis. Keys are sent as they are: a
    /// namespace is not put in front.
    ///
    /// # Errors
    ///
    /// [`CacheError::MissingClient`] where there is no Redis, [`CacheError::ManyServers`] where it is a
    /// cluster; otherwise if it can't be reached.
    pub async fn connection(&self) -> Result<Connection, CacheError> {
        self.0.store.connection(None).await
    }

    /// A connection of the pool to the server that has this key, and every key of the same hash slot: to the
    /// only server, where it is not a cluster. The key is meant as it is: a namespace is not put in front.
    ///
    /// # Errors
    ///
    /// [`CacheError::MissingClient`] where there is no Redis; otherwise if it can't be reached.
    pub async fn connection_for(&self, key: impl AsRef<str>) -> Result<Connection, CacheError> {
        self.0.store.connection(Some(key.as_ref())).await
    }

    /// Waits until nothing is owed any more, or for so long, and says how many names are still owed: for a
    /// graceful shutdown, when the last request has been answered.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let cache = cache_runtime::Cache::in_memory();
    /// assert_eq!(cache.flush(std::time::Duration::from_secs(5)).await, 0);
    /// # }
    /// ```
    pub async fn flush(&self, patience: Duration) -> u64 {
        self.deliver();
        if Handle::try_current().is_ok() {
            let _ = timeout(patience, self.0.outbox.settled()).await;
        }
        self.0.outbox.count()
    }

    /// How often what happened since this cache was made.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = self.0.counters.snapshot();
        stats.owed = self.0.outbox.count();
        if !self.0.store.is_healthy() {
            stats.breaker = BreakerState::Open;
        }
        stats
    }

    /// Where entries are kept, for a line in the log: `in-process store` or `redis://127.0.0.1:6379/0`.
    /// Never a password.
    #[must_use]
    pub fn store_name(&self) -> &str {
        &self.0.name
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    pub(crate) fn flights(&self) -> &Flights {
        &self.0.flights
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    /// The longest life that was asked for an entry.
    pub(crate) fn longest_life(&self) -> Duration {
        Duration::from_millis(self.0.longest.load(Ordering::Relaxed))
    }

    pub(crate) fn fences(&self) -> bool {
        self.0.fences
    }

    pub(crate) fn key(&self, key: impl Into<String>) -> String {
        self.0.store.names().entry(key)
    }

    pub(crate) fn pattern(&self, pattern: Pattern) -> Pattern {
        pattern.within(self.0.store.names().namespace())
    }

    /// Does what a dropped future left undone: at once where that needs no waiting, as in the in-process
    /// store, else in a task of its own.
    pub(crate) fn in_background(work: impl Future<Output = ()> + Send + 'static) {
        let mut work = Box::pin(work);
        let mut context = Context::from_waker(Waker::noop());
        if work.as_mut().poll(&mut context).is_pending()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(work);
        }
    }

    /// The handler goes on; the log and the statistics know. Where Redis was not asked, they knew before, and
    /// where the breaker has told the log, it is not told again.
    pub(crate) fn failed(&self, task: &str, error: &CacheError) {
        if matches!(error, CacheError::Unavailable) {
            return;
        }
        let source = error.cause();
        if self.0.counters.fail(error) && !opens_at_once(error) {
            tracing::warn!(%error, source, "the cache could not {task}");
        } else {
            tracing::debug!(%error, source, "the cache could not {task}");
        }
    }

    /// By how much an entry that is to live so long lives shorter.
    pub(crate) fn jitter(&self, life: Duration) -> Duration {
        life.min(LONGEST_LIFE).mul_f64(self.0.jitter * chance())
    }

    pub(crate) fn note_life(&self, life: Duration) {
        let life = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        if self.0.longest.load(Ordering::Relaxed) < life {
            self.0.longest.fetch_max(life, Ordering::Relaxed);
        }
    }
}

impl From<Pool> for Cache {
    fn from(pool: Pool) -> Self {
        Self::from_pool(pool)
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("store", &self.0.name)
            .field("namespace", &self.0.store.names().namespace())
            .finish_non_exhaustive()
    }
}
