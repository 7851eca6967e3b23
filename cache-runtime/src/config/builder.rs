//! A cache out of settings.

#[cfg(feature = "tls")]
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Settings;
use crate::cache::{Cache, Engine, Policy};
use crate::error::CacheError;
#[cfg(feature = "memory")]
use crate::store::MemoryStore;
use crate::store::redis::{ConnectionOptions, Node, Pool, Pools, Role, Server, Topology};
use crate::store::{Keyspace, RedisStore, Store};

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
    #[cfg(feature = "memory")]
    Memory {
        bytes: u64,
    },
}

/// What the in-process store holds unless told otherwise: 64 MiB of keys and values.
#[cfg(feature = "memory")]
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
    #[cfg(feature = "memory")]
    pub fn in_memory(mut self, bytes: u64) -> Self {
        self.source = Source::Memory { bytes };
        self
    }

    /// The cache. Does no I/O.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if a setting can't be used.
    pub fn build(self) -> Result<Cache, CacheError> {
        let Self { settings, source } = self;
        settings.check()?;
        let keyspace = Keyspace::new(&settings.namespace);
        let options = settings.options(&keyspace);
        let (topology, name) = match source {
            #[cfg(feature = "memory")]
            Source::Memory { bytes } => {
                let store = Store::Memory(MemoryStore::new(keyspace, bytes));
                return Ok(made(store, IN_PROCESS.to_owned(), &settings));
            }
            Source::Pool(pool) => (over_pool(pool, options), OWN_POOL.to_owned()),
            Source::ClusterPools(pools) => settings.cluster(pools, options)?,
            Source::Settings => settings.topology(options)?,
        };
        let store = Store::Redis(RedisStore::new(topology, keyspace));
        Ok(made(store, name, &settings))
    }

    /// A cache over this pool, with the default settings, which are never wrong.
    pub(crate) fn build_over(pool: Pool) -> Cache {
        let settings = Settings::default();
        let keyspace = Keyspace::new("");
        let topology = over_pool(pool, settings.options(&keyspace));
        let store = Store::Redis(RedisStore::new(topology, keyspace));
        made(store, OWN_POOL.to_owned(), &settings)
    }

    pub(crate) fn set_pool(&mut self, pool: Pool) {
        self.source = Source::Pool(pool);
    }

    pub(crate) fn set_cluster_pools(&mut self, pools: Pools) {
        self.source = Source::ClusterPools(pools);
    }
}

#[cfg(feature = "memory")]
const IN_PROCESS: &str = "in-process store";

const OWN_POOL: &str = "redis, by its own pool";

fn over_pool(pool: Pool, options: Arc<ConnectionOptions>) -> Topology {
    let server = Server {
        name: OWN_POOL.to_owned(),
        role: Role::Standalone,
    };
    Topology::Standalone(Node::new(server, pool, options))
}

fn made(store: Store, name: String, settings: &Settings) -> Cache {
    let policy = Policy {
        fences: settings.fences,
        jitter: settings.jitter,
    };
    Cache(Engine::new(store, name, policy))
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
    /// [`ErrorKind::Config`](crate::ErrorKind::Config), with a text that names the variable and never its value.
    pub fn from_env() -> Result<Self, CacheError> {
        match Settings::from_variables(|name| std::env::var(name).ok())? {
            Some(settings) => CacheBuilder::new(settings).build(),
            #[cfg(feature = "memory")]
            None => Ok(Self::in_memory()),
            #[cfg(not(feature = "memory"))]
            None => Err(CacheError::config(
                "REDIS_CACHE_URL",
                "must be set, or the feature `memory` of cache-runtime turned on, which keeps entries in the process",
            )),
        }
    }

    /// Settings in code; what is not set has its default.
    pub fn builder() -> CacheBuilder {
        CacheBuilder::new(Settings::default())
    }

    /// A cache without a Redis: 64 MiB of keys and values, in this process.
    #[cfg(feature = "memory")]
    #[must_use]
    pub fn in_memory() -> Self {
        let store = Store::Memory(MemoryStore::new(Keyspace::new(""), MEMORY_BYTES));
        made(store, IN_PROCESS.to_owned(), &Settings::default())
    }
}
