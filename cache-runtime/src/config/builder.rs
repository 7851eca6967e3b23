//! A cache out of settings.

use std::fmt;
#[cfg(feature = "tls")]
use std::path::PathBuf;
use std::sync::Arc;

use deadpool_redis::{CreatePoolError, Pool};

use super::environment::Environment;
use super::{Address, Limits, Settings};
use crate::cache::Cache;
use crate::error::CacheError;
use crate::store::{Lane, MemoryStore, Names, Place, Pools, RedisStore, Role, Servers, Store};

/// Makes a [`Cache`] step by step.
///
/// ```
/// use std::time::Duration;
/// use cache_runtime::Cache;
///
/// let cache = Cache::builder()
///     .url("redis://127.0.0.1:6379/0")
///     .namespace("blog")
///     .deadline(Duration::from_millis(50))
///     .build()?;
/// # Ok::<(), cache_runtime::CacheError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct CacheBuilder {
    pub(super) settings: Settings,
    source: Source,
}

#[derive(Clone)]
enum Source {
    /// What the settings say.
    Settings,
    Pool(Pool),
    ClusterPools(Pools),
    Memory {
        bytes: u64,
    },
}

/// A pool of the application's own would show how it connects.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Settings => "Settings",
            Self::Pool(_) => "Pool",
            Self::ClusterPools(_) => "ClusterPools",
            Self::Memory { .. } => "Memory",
        })
    }
}

/// What the in-process store holds unless told otherwise: 64 MiB of keys and values.
const MEMORY_BYTES: u64 = 64 * 1024 * 1024;

impl CacheBuilder {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            source: Source::Settings,
        }
    }

    /// Some nodes of a Redis Cluster, and the application's own pool for each node that there turns out to be: how
    /// it connects is its own affair.
    ///
    /// ```
    /// use cache_runtime::Cache;
    /// use cache_runtime::deadpool_redis::{Config, Runtime};
    ///
    /// let cache = Cache::builder().cluster_pools(["one:6379", "two:6379"], |host, port| {
    ///     let config = Config::from_url(format!("redis://:secret@{host}:{port}"));
    ///     config.create_pool(Some(Runtime::Tokio1))
    /// });
    /// # cache.build()?;
    /// # Ok::<(), cache_runtime::CacheError>(())
    /// ```
    pub fn cluster_pools<T, F>(mut self, nodes: impl IntoIterator<Item = T>, pool: F) -> Self
    where
        T: Into<String>,
        F: Fn(&str, u16) -> Result<Pool, CreatePoolError> + Send + Sync + 'static,
    {
        let make = move |address: &Address| {
            let pool = pool(&address.host, address.port);
            pool.map_err(|error| CacheError::config("REDIS_CACHE_CLUSTER_NODES", error))
        };
        self.source = Source::ClusterPools(Pools(Arc::new(make)));
        self.cluster_nodes(nodes)
    }

    /// Sentinels, as `host:port`, and the name that they have for the master, in the place of host and port.
    ///
    /// Not set by default. Environment variables: `REDIS_CACHE_SENTINELS` and `REDIS_CACHE_SENTINEL_MASTER`.
    pub fn sentinels<T: Into<String>>(
        mut self,
        sentinels: impl IntoIterator<Item = T>,
        master: impl Into<String>,
    ) -> Self {
        self.settings.sentinels = sentinels.into_iter().map(Into::into).collect();
        self.settings.sentinel_master = master.into();
        self
    }

    /// PEM files of the client's own certificate and of its key.
    ///
    /// Not set by default. Environment variables: `REDIS_CACHE_TLS_CERT` and `REDIS_CACHE_TLS_KEY`.
    #[cfg(feature = "tls")]
    pub fn tls_client(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.settings.tls_cert = Some(certificate.into());
        self.settings.tls_key = Some(key.into());
        self
    }

    /// Keeps up to this many bytes of keys and values in this process, in the place of Redis. [`Cache::in_memory`]
    /// keeps 67108864, which is 64 MiB.
    pub fn in_memory(mut self, bytes: u64) -> Self {
        self.source = Source::Memory { bytes };
        self
    }

    /// Connects by a pool of the application's own, in the place of all settings that say where Redis is and how
    /// to connect. Namespace, deadline, response timeout, health check and retry remain those of this builder.
    pub fn pool(mut self, pool: Pool) -> Self {
        self.source = Source::Pool(pool);
        self
    }

    /// The cache. Does no I/O.
    ///
    /// # Errors
    ///
    /// [`CacheError::Config`] if a setting can't be used.
    pub fn build(self) -> Result<Cache, CacheError> {
        let Self { settings, source } = self;
        settings.check_values()?;
        let names = Names::new(&settings.namespace);
        let limits = settings.limits(&names);
        let (place, name) = match source {
            Source::Memory { bytes } => {
                let store = MemoryStore::new(bytes);
                (Place::Memory(store), IN_PROCESS.to_owned())
            }
            Source::Pool(pool) => (of_pool(pool, limits), OWN_POOL.to_owned()),
            Source::ClusterPools(pools) => {
                let (servers, name) = settings.cluster(pools, limits)?;
                (Place::Redis(RedisStore::new(servers)), name)
            }
            Source::Settings => {
                let (servers, name) = settings.servers(limits)?;
                (Place::Redis(RedisStore::new(servers)), name)
            }
        };
        let store = Store::new(place, names);
        Ok(Cache::new(store, name, &settings))
    }
}

pub(super) const IN_PROCESS: &str = "in-process store";

const OWN_POOL: &str = "redis, by its own pool";

fn of_pool(pool: Pool, limits: Arc<Limits>) -> Place {
    let lane = Lane::new(OWN_POOL.to_owned(), Role::Alone, pool, limits);
    Place::Redis(RedisStore::new(Servers::One(lane)))
}

impl From<Settings> for CacheBuilder {
    fn from(settings: Settings) -> Self {
        Self::new(settings)
    }
}

impl Cache {
    /// The cache that the environment describes: Redis if any of the `REDIS_CACHE_…` variables that [`Settings`]
    /// lists is set, else the in-process store. Does no I/O: the application starts whether Redis is there or not.
    ///
    /// An empty variable counts as unset. Variables that Kubernetes or a container link makes for a service called
    /// `redis-cache`, such as `REDIS_CACHE_PORT=tcp://10.0.0.5:6379`, are ignored, and listed in one line of the log
    /// at `INFO`. A `REDIS_CACHE_…` variable of an unknown name is ignored too, and the log says so at `WARN`, with
    /// the name that was probably meant.
    ///
    /// # Errors
    ///
    /// [`CacheError::Config`], which names the variable and what it accepts, and never a secret.
    pub fn from_env() -> Result<Self, CacheError> {
        let environment = Environment::new(std::env::vars_os());
        environment.report();
        match environment.settings()? {
            Some(settings) => CacheBuilder::new(settings).build(),
            None => Ok(Self::in_memory()),
        }
    }

    /// Settings in code; what is not set has its default.
    pub fn builder() -> CacheBuilder {
        CacheBuilder::new(Settings::default())
    }

    /// A cache without a Redis: 64 MiB of keys and values, in this process.
    #[must_use]
    pub fn in_memory() -> Self {
        let place = Place::Memory(MemoryStore::new(MEMORY_BYTES));
        Self::of(place, IN_PROCESS)
    }

    /// A cache over a pool of the application's own.
    #[must_use]
    pub fn from_pool(pool: Pool) -> Self {
        let limits = Settings::default().limits(&Names::new(""));
        Self::of(of_pool(pool, limits), OWN_POOL)
    }

    fn of(place: Place, name: &str) -> Self {
        let store = Store::new(place, Names::new(""));
        Self::new(store, name.to_owned(), &Settings::default())
    }
}
