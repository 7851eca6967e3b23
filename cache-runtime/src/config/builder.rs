//! A cache out of settings.

use std::error::Error;
use std::fmt;
#[cfg(feature = "tls")]
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Settings;
use super::connect::Logins;
use super::environment::Environment;
use crate::cache::{Cache, Engine, Policy};
use crate::error::CacheError;
use crate::log;
#[cfg(feature = "memory")]
use crate::store::MemoryStore;
use crate::store::redis::{
    ConnectionOptions, Credentials, CredentialsSource, Node, Pool, Pools, Role, Server, Topology,
};
#[cfg(feature = "testing")]
use crate::store::script::Script;
use crate::store::{Keyspace, LONGEST_NEAR, RedisStore, Store};

/// Makes a [`Cache`] step by step. What is not set has its default, and [`build`](Self::build) says what can't be used.
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
///
/// let cluster = Cache::builder()
///     .cluster_nodes(["one:6379", "two:6379"])
///     .username("an-app")
///     .password("s3cret")
///     .namespace("blog")
///     .near(Duration::from_millis(10))
///     .max_value_size(64 * 1024)
///     .build()?;
///
/// let error = Cache::builder().url("redis://one:6379").cluster_nodes(["two:6379"]).build();
/// assert_eq!(error.unwrap_err().setting(), Some("REDIS_CACHE_URL"));
/// # Ok::<(), cache_runtime::CacheError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct CacheBuilder {
    pub(super) settings: Settings,
    source: Source,
    logins: Logins,
}

#[derive(Clone)]
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

impl Source {
    /// Why there can be no copies in memory.
    fn obstacle_to_copies(&self) -> Option<&'static str> {
        match self {
            Self::Settings => None,
            Self::Pool(_) | Self::ClusterPools(_) => Some(
                "needs connections of the cache's own: set where Redis is in the place of a pool",
            ),
            #[cfg(feature = "memory")]
            Self::Memory { .. } => {
                Some("is of no use in the process, where all entries are in memory already")
            }
        }
    }
}

/// A pool of the application's own would show how it connects.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Settings => "Settings",
            Self::Pool(_) => "Pool",
            Self::ClusterPools(_) => "ClusterPools",
            #[cfg(feature = "memory")]
            Self::Memory { .. } => "Memory",
        })
    }
}

/// What the in-process store takes unless told otherwise: 64 MiB.
#[cfg(feature = "memory")]
const MEMORY_BYTES: u64 = 64 * 1024 * 1024;

impl CacheBuilder {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            source: Source::Settings,
            logins: Logins::default(),
        }
    }

    /// Sentinels, as `host:port`, and the name that they have for the master, in the place of host and port.
    ///
    /// Not set by default. Environment variables: `REDIS_CACHE_SENTINELS` and `REDIS_CACHE_SENTINEL_MASTER`.
    ///
    /// ```
    /// # use cache_runtime::Cache;
    /// let cache = Cache::builder().sentinels(["one:26379", "two:26379", "three:26379"], "mymaster").build()?;
    /// # Ok::<(), cache_runtime::CacheError>(())
    /// ```
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
    ///
    /// ```no_run
    /// # use cache_runtime::Cache;
    /// let cache = Cache::builder()
    ///     .url("rediss://cache.example.org:6379/0")
    ///     .tls_client("/run/secrets/client.pem", "/run/secrets/client.key")
    ///     .build()?;
    /// # Ok::<(), cache_runtime::CacheError>(())
    /// ```
    #[cfg(feature = "tls")]
    pub fn tls_client(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.settings.tls_cert = Some(certificate.into());
        self.settings.tls_key = Some(key.into());
        self
    }

    /// Asks for the user name and the password of each new connection, in the place of settings that would have them once
    /// and for all: for tokens that expire, such as those of IAM. Whatever connects asks: the connection that calls share
    /// and those beside it, each node of a cluster, the master that sentinels name, the probe, and
    /// [`Cache::connection`]. A connection that there is stays as it is; where the server ends it, the next one asks anew.
    ///
    /// It has the time that connecting has: the deadline of the call that needs the connection, and ten deadlines in the
    /// background. So keep a token as long as it is good, and leave it to a task of the application to get the next one
    /// in time, where that takes a round trip.
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use cache_runtime::{Cache, Credentials};
    ///
    /// # async fn token() -> String { "token".to_owned() }
    /// let cache = Cache::builder()
    ///     .host("cache.example.org")
    ///     .credentials(async || Ok::<_, Infallible>(Credentials::new("an-app", token().await)))
    ///     .build()?;
    /// # Ok::<(), cache_runtime::CacheError>(())
    /// ```
    ///
    /// Where it returns an error, no connection is made: calls run uncached, and the log has the error's text.
    /// [`build`](Self::build) refuses it beside `username`, `password`, `password_file` or a URL with one of them, and
    /// beside a pool of the application's own or the in-process store. The future has to be `Send`: a closure that keeps
    /// something clones it into the future (`move || { let tokens = tokens.clone(); async move { … } }`).
    ///
    /// Not set by default.
    pub fn credentials<F, R, E>(mut self, credentials: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<Credentials, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.logins.servers = Some(CredentialsSource::new(credentials));
        self
    }

    /// The same as [`credentials`](Self::credentials), for connections to the sentinels themselves. It takes the place of
    /// `sentinel_username` and `sentinel_password`.
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use cache_runtime::{Cache, Credentials};
    ///
    /// # async fn token() -> String { "token".to_owned() }
    /// let cache = Cache::builder()
    ///     .sentinels(["one:26379", "two:26379"], "mymaster")
    ///     .sentinel_credentials(async || Ok::<_, Infallible>(Credentials::new("an-app", token().await)))
    ///     .build()?;
    /// # Ok::<(), cache_runtime::CacheError>(())
    /// ```
    ///
    /// Not set by default.
    pub fn sentinel_credentials<F, R, E>(mut self, credentials: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<Credentials, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.logins.sentinels = Some(CredentialsSource::new(credentials));
        self
    }

    /// Keeps entries in this process, in the place of Redis, which take up to this many bytes: keys and values, and all
    /// that is kept beside them, which is about 400 bytes for each. [`Cache::in_memory`] takes 67108864, which is 64 MiB.
    /// When there is no more room, what is used least makes room; a value that would not fit by itself is not stored.
    ///
    /// ```
    /// # use cache_runtime::Cache;
    /// let cache = Cache::builder().in_memory(16 * 1024 * 1024).jitter(0.0).build()?;
    /// # Ok::<(), cache_runtime::CacheError>(())
    /// ```
    #[cfg(feature = "memory")]
    pub fn in_memory(mut self, bytes: u64) -> Self {
        self.source = Source::Memory { bytes };
        self
    }

    /// Makes the cache. It connects when a call needs it, and not here: a Redis that is away is no error. The only files
    /// that are read are the password's and those of TLS.
    ///
    /// ```
    /// use cache_runtime::{Cache, ErrorKind};
    ///
    /// let cache = Cache::builder().host("redis.example.org").build()?; // whether it is there or not
    /// let error = Cache::builder().jitter(2.0).build().unwrap_err();
    /// assert_eq!((error.kind(), error.setting()), (ErrorKind::Config, Some("REDIS_CACHE_JITTER")));
    /// # Ok::<(), cache_runtime::CacheError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if a setting can't be used, or contradicts another one.
    /// [`CacheError::setting`] names it.
    pub fn build(self) -> Result<Cache, CacheError> {
        let Self {
            mut settings,
            source,
            logins,
        } = self;
        settings.check_values()?;
        settings.check_clearing()?;
        settings.check_near(source.obstacle_to_copies())?;
        let keyspace = Keyspace::new(&settings.namespace);
        if !settings.enabled {
            return Ok(off(keyspace, &settings));
        }
        if !matches!(source, Source::Settings) && logins.servers.is_some() {
            let reason = "`credentials` needs connections of the cache's own: set where Redis is in the place of a pool or the in-process store";
            return Err(CacheError::config("REDIS_CACHE_PASSWORD", reason));
        }
        settings.check_logins(&logins)?;
        if let Source::Settings = source {
            settings.check_servers()?;
            settings.read_password_file()?;
        }
        let options = settings.connection_options(&keyspace);
        let (topology, name, place) = match source {
            #[cfg(feature = "memory")]
            Source::Memory { bytes } => {
                let store = Store::Memory(MemoryStore::new(keyspace, bytes));
                return Ok(made(store, IN_PROCESS.to_owned(), IN_PROCESS, &settings));
            }
            Source::Pool(pool) => {
                let place = place_of(&pool);
                (over_pool(pool, options), OWN_POOL.to_owned(), place)
            }
            Source::ClusterPools(pools) => {
                let place = format!("{:p}", pools.0);
                let (topology, name) = settings.cluster(pools, options)?;
                (topology, name, place)
            }
            Source::Settings => {
                let (topology, name) = settings.topology(options, &logins)?;
                let place = format!("{name} {}", settings.db);
                (topology, name, place)
            }
        };
        if settings.deadline > LONG_DEADLINE {
            log::deadline_long(settings.deadline);
        }
        let store = Store::Redis(RedisStore::new(topology, keyspace, settings.near_bytes));
        Ok(made(store, name, &place, &settings))
    }

    /// A cache over this pool, with the default settings, which are never wrong.
    pub(crate) fn build_over(pool: Pool) -> Cache {
        let settings = Settings::default();
        let keyspace = Keyspace::new("");
        let place = place_of(&pool);
        let topology = over_pool(pool, settings.connection_options(&keyspace));
        let store = Store::Redis(RedisStore::new(topology, keyspace, settings.near_bytes));
        made(store, OWN_POOL.to_owned(), &place, &settings)
    }

    /// A cache in the process, and what a test says of its store.
    #[cfg(feature = "testing")]
    pub(crate) fn build_scripted() -> (Cache, Arc<Script>) {
        let settings = Settings {
            jitter: 0.0,
            ..Settings::default()
        };
        let script = Arc::new(Script::new(settings.deadline));
        let store = MemoryStore::new(Keyspace::new(""), MEMORY_BYTES).scripted(script.clone());
        let store = Store::Memory(store);
        let cache = made(store, IN_PROCESS.to_owned(), IN_PROCESS, &settings);
        (cache, script)
    }

    pub(crate) fn set_pool(&mut self, pool: Pool) {
        self.source = Source::Pool(pool);
    }

    pub(crate) fn set_cluster_pools(&mut self, pools: Pools) {
        self.source = Source::ClusterPools(pools);
    }
}

/// Whoever sets a longer one has probably meant milliseconds.
const LONG_DEADLINE: Duration = Duration::from_secs(10);

const OFF: &str = "off";

fn off(keyspace: Keyspace, settings: &Settings) -> Cache {
    made(Store::Off(keyspace), OFF.to_owned(), OFF, settings)
}

const IN_PROCESS: &str = "in-process store";

const OWN_POOL: &str = "redis, by its own pool";

/// Of a pool that is not ours nothing is known but whether it is the same: where it lies in memory.
fn place_of(pool: &Pool) -> String {
    format!("{:p}", pool.manager())
}

fn over_pool(pool: Pool, options: Arc<ConnectionOptions>) -> Topology {
    let server = Server {
        name: OWN_POOL.to_owned(),
        role: Role::Standalone,
    };
    Topology::Standalone(Node::new(server, pool, options))
}

fn made(store: Store, name: String, place: &str, settings: &Settings) -> Cache {
    let policy = Policy {
        fences: settings.fences,
        jitter: settings.jitter,
        max_value_size: settings.max_value_size,
        near: settings.near,
        longest_near: settings.deadline.min(LONGEST_NEAR),
        verify: settings.verify,
        trace_keys: settings.trace_keys,
    };
    Cache(Engine::new(store, name, place, policy))
}

impl From<Settings> for CacheBuilder {
    fn from(settings: Settings) -> Self {
        Self::new(settings)
    }
}

impl Cache {
    /// Makes the cache that the environment describes. With `REDIS_CACHE_ENABLED=false` it is [off](Self::off). If any other
    /// of the `REDIS_CACHE_…` variables that [`Settings`] lists is set, it is in Redis, otherwise in this process. It connects
    /// when a call needs it: the application starts whether Redis is there or not.
    ///
    /// ```
    /// let cache = cache_runtime::Cache::from_env()?;
    /// cache.install();
    /// # Ok::<(), cache_runtime::CacheError>(())
    /// ```
    ///
    /// An empty variable counts as unset. Variables that Kubernetes or a container link makes for a service called
    /// `redis-cache`, such as `REDIS_CACHE_PORT=tcp://10.0.0.5:6379`, are ignored, and listed in one line of the log
    /// at `INFO`. A `REDIS_CACHE_…` variable of an unknown name is ignored too, and the log says so at `WARN`, with
    /// the name that was probably meant.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config), with a text that names the variable and what it accepts, and never
    /// a secret.
    pub fn from_env() -> Result<Self, CacheError> {
        let environment = Environment::new(std::env::vars_os());
        environment.report(IN_PROCESS);
        match environment.settings()? {
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

    /// Makes a cache of settings in code. What is not set has its default; the environment is not read.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_runtime::Cache;
    /// let cache = Cache::builder().host("redis").namespace("blog").deadline(Duration::from_millis(50)).build()?;
    /// # Ok::<(), cache_runtime::CacheError>(())
    /// ```
    pub fn builder() -> CacheBuilder {
        CacheBuilder::new(Settings::default())
    }

    /// A cache that keeps nothing: functions run, and nothing connects. Reads are counted as bypassed, and writes remove
    /// nothing, without an error or a line in the log; what [`get`](Self::get) asks for is not there, and
    /// [`set`](Self::set) stores nothing. Installed, it says that a process is meant to have no cache; as the scope of a
    /// test it turns off every other ([`Cache::scope`]).
    ///
    /// ```
    /// use cache_runtime::{Cache, cache};
    ///
    /// #[cache("greeting:{name}", cache = cache)]
    /// async fn greeting(cache: &Cache, name: &str) -> String {
    ///     format!("Hello, {name}")
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let cache = Cache::off();
    /// greeting(&cache, "John").await;
    /// greeting(&cache, "John").await;
    /// assert_eq!((cache.stats().bypassed, cache.stats().hits), (2, 0));
    /// # }
    /// ```
    #[must_use]
    pub fn off() -> Self {
        off(Keyspace::new(""), &Settings::default())
    }

    /// A cache without a Redis, whose entries take up to 64 MiB of this process. [`CacheBuilder::in_memory`] makes one of
    /// another size, and says what counts. It needs the feature `memory`, which is on by default.
    ///
    /// ```
    /// let cache = cache_runtime::Cache::in_memory();
    /// assert_eq!(cache.store_name(), "in-process store");
    /// ```
    #[cfg(feature = "memory")]
    #[must_use]
    pub fn in_memory() -> Self {
        let store = Store::Memory(MemoryStore::new(Keyspace::new(""), MEMORY_BYTES));
        made(
            store,
            IN_PROCESS.to_owned(),
            IN_PROCESS,
            &Settings::default(),
        )
    }
}
