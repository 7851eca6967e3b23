//! A cache out of settings.

#[cfg(feature = "tls")]
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::{CreatePoolError, Pool};

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
    settings: Settings,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    /// What the settings say.
    Settings,
    Pool(Pool),
    ClusterPools(Pools),
    Memory {
        bytes: u64,
    },
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

    /// The server's name or address.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.settings.host = host.into();
        self
    }

    /// The server's port.
    pub fn port(mut self, port: u16) -> Self {
        self.settings.port = port;
        self
    }

    /// The user, for servers with users of their own.
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.settings.username = username.into();
        self
    }

    /// The password.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.settings.password = password.into();
        self
    }

    /// The number of the database.
    pub fn db(mut self, db: i64) -> Self {
        self.settings.db = db;
        self
    }

    /// All of the above at once: `redis://user:password@host:6379/0`.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.settings.url = Some(url.into());
        self
    }

    /// Some nodes of a Redis Cluster, as `host:port`, in the place of host and port. They know of the others.
    pub fn cluster_nodes<T: Into<String>>(mut self, nodes: impl IntoIterator<Item = T>) -> Self {
        self.settings.cluster_nodes = nodes.into_iter().map(Into::into).collect();
        self
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
    pub fn sentinels<T: Into<String>>(
        mut self,
        sentinels: impl IntoIterator<Item = T>,
        master: impl Into<String>,
    ) -> Self {
        self.settings.sentinels = sentinels.into_iter().map(Into::into).collect();
        self.settings.sentinel_master = master.into();
        self
    }

    /// The user, for the sentinels themselves.
    pub fn sentinel_username(mut self, username: impl Into<String>) -> Self {
        self.settings.sentinel_username = username.into();
        self
    }

    /// The password, for the sentinels themselves.
    pub fn sentinel_password(mut self, password: impl Into<String>) -> Self {
        self.settings.sentinel_password = password.into();
        self
    }

    /// Whether connections are encrypted, as they are with a URL that begins with `rediss://`. The server's
    /// certificate and its name are checked.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: bool) -> Self {
        self.settings.tls = tls;
        self
    }

    /// A file of certificates, as PEM, one of which has to stand behind the server's: in the place of those of the
    /// system.
    #[cfg(feature = "tls")]
    pub fn tls_ca(mut self, file: impl Into<PathBuf>) -> Self {
        self.settings.tls_ca = Some(file.into());
        self
    }

    /// Files with the client's certificate and its key, as PEM.
    #[cfg(feature = "tls")]
    pub fn tls_client(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.settings.tls_cert = Some(certificate.into());
        self.settings.tls_key = Some(key.into());
        self
    }

    /// Stands in front of every key, with a colon behind it.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.settings.namespace = namespace.into();
        self
    }

    /// The pool's size. All cached calls share one of its connections.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.settings.max_connections = connections;
        self
    }

    /// The most that a call waits for one operation, connecting and its retry included. Where Redis takes
    /// longer, the call goes on without it.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = deadline;
        self
    }

    /// By up to this part of their expiration entries live shorter, so that they do not all expire at once.
    /// From 0 to 1.
    pub fn jitter(mut self, jitter: f64) -> Self {
        self.settings.jitter = jitter;
        self
    }

    /// The most that [`Cache::connection`] takes, and each command on what it gives.
    pub fn socket_timeout(mut self, timeout: Duration) -> Self {
        self.settings.socket_timeout = timeout;
        self
    }

    /// The most that connecting takes, where no call waits for it.
    pub fn socket_connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.socket_connect_timeout = timeout;
        self
    }

    /// Whether TCP keeps idle connections alive.
    pub fn socket_keepalive(mut self, keepalive: bool) -> Self {
        self.settings.socket_keepalive = keepalive;
        self
    }

    /// How long the shared connection is used before a `PING` goes ahead of the next command.
    pub fn health_check_interval(mut self, interval: Duration) -> Self {
        self.settings.health_check_interval = interval;
        self
    }

    /// Whether a command whose connection broke is sent once more.
    pub fn retry_on_timeout(mut self, retry: bool) -> Self {
        self.settings.retry_on_timeout = retry;
        self
    }

    /// Whether a write announces itself before it runs, so that what it made stale goes away within half a
    /// minute even if its process dies before it could say so. It costs a write one round trip.
    pub fn fences(mut self, fences: bool) -> Self {
        self.settings.fences = fences;
        self
    }

    /// No Redis: at most so many bytes of keys and values, in this process.
    pub fn in_memory(mut self, bytes: u64) -> Self {
        self.source = Source::Memory { bytes };
        self
    }

    /// A pool of the application's own. How it connects is its own affair; the namespace, the socket
    /// timeout, the health check and the retry are this cache's.
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
        settings.check()?;
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

const IN_PROCESS: &str = "in-process store";

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
    /// The cache that the environment describes: Redis where any `REDIS_CACHE_…` variable is set, else the
    /// in-process store. Does no I/O: the application starts whether Redis is there or not.
    ///
    /// # Errors
    ///
    /// [`CacheError::Config`], which names the variable and never its value.
    pub fn from_env() -> Result<Self, CacheError> {
        match Settings::from_variables(|name| std::env::var(name).ok())? {
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
