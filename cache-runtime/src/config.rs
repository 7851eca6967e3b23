//! Settings: their names, their defaults, where they come from.

use std::fmt;
use std::time::Duration;

use deadpool_redis::redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use deadpool_redis::redis::{
    AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _,
};
use deadpool_redis::{Manager, Pool, Runtime};
use serde::{Deserialize, Deserializer};

use crate::cache::Cache;
use crate::error::CacheError;
use crate::store::{MemoryStore, Names, Place, RedisStore, Store};

/// How to reach Redis, and how to use it.
///
/// From the environment with [`Cache::from_env`], in code with [`Cache::builder`], or from any file that
/// serde can read:
///
/// ```
/// let settings: cache_runtime::Settings =
///     serde_json::from_str(r#"{"host": "redis", "password": "secret", "socket_timeout": 2.5}"#)?;
/// assert_eq!(settings.port, 6379);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Settings {
    /// `REDIS_CACHE_HOST`, by default `localhost`.
    #[serde(alias = "REDIS_CACHE_HOST")]
    pub host: String,
    /// `REDIS_CACHE_PORT`, by default 6379.
    #[serde(alias = "REDIS_CACHE_PORT")]
    pub port: u16,
    /// `REDIS_CACHE_USERNAME`, for servers with users of their own.
    #[serde(alias = "REDIS_CACHE_USERNAME")]
    pub username: String,
    /// `REDIS_CACHE_PASSWORD`; empty for none.
    #[serde(alias = "REDIS_CACHE_PASSWORD")]
    pub password: String,
    /// `REDIS_CACHE_DB`, by default 0.
    #[serde(alias = "REDIS_CACHE_DB")]
    pub db: i64,
    /// `REDIS_CACHE_URL`, such as `redis://:password@host:6379/0`. Beats the five settings above.
    #[serde(alias = "REDIS_CACHE_URL")]
    pub url: Option<String>,
    /// `REDIS_CACHE_NAMESPACE`: stands in front of every key, with a colon behind it.
    #[serde(alias = "REDIS_CACHE_NAMESPACE")]
    pub namespace: String,
    /// `REDIS_CACHE_MAX_CONNECTIONS`, by default 20: the pool's size. All cached calls share one of them.
    #[serde(alias = "REDIS_CACHE_MAX_CONNECTIONS")]
    pub max_connections: usize,
    /// `REDIS_CACHE_DEADLINE` in seconds, by default 0.1: the most that a call waits for one operation,
    /// connecting and its retry included. Where Redis takes longer, the call goes on without it.
    #[serde(alias = "REDIS_CACHE_DEADLINE", deserialize_with = "seconds")]
    pub deadline: Duration,
    /// `REDIS_CACHE_JITTER`, by default 0.1: by up to this part of their expiration entries live shorter, so
    /// that they do not all expire at once. From 0 to 1.
    #[serde(alias = "REDIS_CACHE_JITTER")]
    pub jitter: f64,
    /// `REDIS_CACHE_SOCKET_TIMEOUT` in seconds, by default 5: the most that [`Cache::connection`] takes, and
    /// each command on what it gives.
    #[serde(alias = "REDIS_CACHE_SOCKET_TIMEOUT", deserialize_with = "seconds")]
    pub socket_timeout: Duration,
    /// `REDIS_CACHE_SOCKET_CONNECT_TIMEOUT` in seconds, by default 5: the most that connecting takes, where
    /// no call waits for it.
    #[serde(
        alias = "REDIS_CACHE_SOCKET_CONNECT_TIMEOUT",
        deserialize_with = "seconds"
    )]
    pub socket_connect_timeout: Duration,
    /// `REDIS_CACHE_SOCKET_KEEPALIVE`, by default true: TCP keeps idle connections alive.
    #[serde(alias = "REDIS_CACHE_SOCKET_KEEPALIVE")]
    pub socket_keepalive: bool,
    /// `REDIS_CACHE_HEALTH_CHECK_INTERVAL` in seconds, by default 30: how long the shared connection is
    /// used before a `PING` goes ahead of the next command.
    #[serde(
        alias = "REDIS_CACHE_HEALTH_CHECK_INTERVAL",
        deserialize_with = "seconds"
    )]
    pub health_check_interval: Duration,
    /// `REDIS_CACHE_RETRY_ON_TIMEOUT`, by default true: a command whose connection broke is sent once more.
    #[serde(alias = "REDIS_CACHE_RETRY_ON_TIMEOUT")]
    pub retry_on_timeout: bool,
    /// `REDIS_CACHE_FENCES`, by default true: a write announces itself before it runs, so that what it made
    /// stale goes away even if its process dies before it could say so. False saves a write one round trip.
    #[serde(alias = "REDIS_CACHE_FENCES")]
    pub fences: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: "localhost".into(),
            port: 6379,
            username: String::new(),
            password: String::new(),
            db: 0,
            url: None,
            namespace: String::new(),
            max_connections: 20,
            deadline: Duration::from_millis(100),
            jitter: 0.1,
            socket_timeout: Duration::from_secs(5),
            socket_connect_timeout: Duration::from_secs(5),
            socket_keepalive: true,
            health_check_interval: Duration::from_secs(30),
            retry_on_timeout: true,
            fences: true,
        }
    }
}

/// Without the password, and without the URL, which may hold one.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("username", &self.username)
            .field("db", &self.db)
            .field("url", &self.url.as_ref().map(|_| "…"))
            .field("namespace", &self.namespace)
            .field("max_connections", &self.max_connections)
            .field("deadline", &self.deadline)
            .field("jitter", &self.jitter)
            .field("socket_timeout", &self.socket_timeout)
            .field("socket_connect_timeout", &self.socket_connect_timeout)
            .field("socket_keepalive", &self.socket_keepalive)
            .field("health_check_interval", &self.health_check_interval)
            .field("retry_on_timeout", &self.retry_on_timeout)
            .field("fences", &self.fences)
            .finish_non_exhaustive()
    }
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    duration(seconds)
        .ok_or_else(|| serde::de::Error::custom("must be seconds above zero, such as 5 or 0.5"))
}

fn duration(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| !duration.is_zero())
}

/// What an operation on Redis may take.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) deadline: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) socket_timeout: Duration,
    pub(crate) health_check_interval: Duration,
    pub(crate) retry: bool,
    /// What a probe writes.
    pub(crate) probe_key: String,
}

impl Settings {
    fn limits(&self, names: &Names) -> Limits {
        Limits {
            deadline: self.deadline,
            connect_timeout: self.socket_connect_timeout,
            socket_timeout: self.socket_timeout,
            health_check_interval: self.health_check_interval,
            retry: self.retry_on_timeout,
            probe_key: names.probe(),
        }
    }

    /// What can't be used, whether it came from the environment or from code.
    fn check(&self) -> Result<(), CacheError> {
        let above_zero = [
            ("REDIS_CACHE_DEADLINE", self.deadline),
            ("REDIS_CACHE_SOCKET_TIMEOUT", self.socket_timeout),
            (
                "REDIS_CACHE_SOCKET_CONNECT_TIMEOUT",
                self.socket_connect_timeout,
            ),
        ];
        if let Some((name, _)) = above_zero.into_iter().find(|(_, time)| time.is_zero()) {
            return Err(CacheError::config(name, "must be above zero"));
        }
        if !(0.0..=1.0).contains(&self.jitter) {
            let reason = "must be a number from 0 to 1, such as 0.1";
            return Err(CacheError::config("REDIS_CACHE_JITTER", reason));
        }
        Ok(())
    }
}

impl Settings {
    /// The settings that the environment gives; nothing if it gives none.
    pub(crate) fn from_variables(
        get: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, CacheError> {
        let mut settings = Self::default();
        let mut found = false;
        let mut read =
            |name: &'static str, set: &mut dyn FnMut(String) -> Result<(), &'static str>| {
                let Some(value) = get(name) else {
                    return Ok(());
                };
                found = true;
                set(value).map_err(|reason| CacheError::config(name, reason))
            };
        read("REDIS_CACHE_HOST", &mut |value| {
            text(value, &mut settings.host)
        })?;
        read("REDIS_CACHE_PORT", &mut |value| {
            number(&value, &mut settings.port, "must be a port, 0 to 65535")
        })?;
        read("REDIS_CACHE_USERNAME", &mut |value| {
            text(value, &mut settings.username)
        })?;
        read("REDIS_CACHE_PASSWORD", &mut |value| {
            text(value, &mut settings.password)
        })?;
        read("REDIS_CACHE_DB", &mut |value| {
            number(&value, &mut settings.db, "must be a number, such as 0")
        })?;
        read("REDIS_CACHE_URL", &mut |value| {
            settings.url = (!value.is_empty()).then_some(value);
            Ok(())
        })?;
        read("REDIS_CACHE_NAMESPACE", &mut |value| {
            text(value, &mut settings.namespace)
        })?;
        read("REDIS_CACHE_MAX_CONNECTIONS", &mut |value| {
            number(
                &value,
                &mut settings.max_connections,
                "must be a number above zero, such as 20",
            )
        })?;
        read("REDIS_CACHE_DEADLINE", &mut |value| {
            time(&value, &mut settings.deadline)
        })?;
        read("REDIS_CACHE_JITTER", &mut |value| {
            number(
                &value,
                &mut settings.jitter,
                "must be a number from 0 to 1, such as 0.1",
            )
        })?;
        read("REDIS_CACHE_SOCKET_TIMEOUT", &mut |value| {
            time(&value, &mut settings.socket_timeout)
        })?;
        read("REDIS_CACHE_SOCKET_CONNECT_TIMEOUT", &mut |value| {
            time(&value, &mut settings.socket_connect_timeout)
        })?;
        read("REDIS_CACHE_SOCKET_KEEPALIVE", &mut |value| {
            switch(&value, &mut settings.socket_keepalive)
        })?;
        read("REDIS_CACHE_HEALTH_CHECK_INTERVAL", &mut |value| {
            time(&value, &mut settings.health_check_interval)
        })?;
        read("REDIS_CACHE_RETRY_ON_TIMEOUT", &mut |value| {
            switch(&value, &mut settings.retry_on_timeout)
        })?;
        read("REDIS_CACHE_FENCES", &mut |value| {
            switch(&value, &mut settings.fences)
        })?;
        Ok(found.then_some(settings))
    }

    fn connection_info(&self) -> Result<ConnectionInfo, CacheError> {
        let info = match &self.url {
            Some(url) => parse_url(url)?,
            None => self.address()?,
        };
        let tcp = TcpSettings::default().set_nodelay(true);
        let keepalive = TcpKeepalive::new().with_time(self.health_check_interval);
        Ok(info.set_tcp_settings(if self.socket_keepalive {
            tcp.set_keepalive(keepalive)
        } else {
            tcp
        }))
    }

    fn address(&self) -> Result<ConnectionInfo, CacheError> {
        let address = ConnectionAddr::Tcp(self.host.clone(), self.port);
        let info = address.into_connection_info()?;
        let mut redis = info.redis_settings().clone().set_db(self.db);
        if !self.username.is_empty() {
            redis = redis.set_username(&self.username);
        }
        if !self.password.is_empty() {
            redis = redis.set_password(&self.password);
        }
        Ok(info.set_redis_settings(redis))
    }

    fn pool(&self) -> Result<(Pool, String), CacheError> {
        if self.max_connections == 0 {
            return Err(CacheError::config(
                "REDIS_CACHE_MAX_CONNECTIONS",
                "must be above zero",
            ));
        }
        let info = self.connection_info()?;
        let name = format!("redis://{}/{}", info.addr(), info.redis_settings().db());
        let connection = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.socket_connect_timeout))
            .set_response_timeout(Some(self.socket_timeout));
        let manager = Manager::new_with_config(info, connection)?;
        let pool = Pool::builder(manager)
            .max_size(self.max_connections)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(self.socket_timeout))
            .create_timeout(Some(self.socket_connect_timeout))
            .recycle_timeout(Some(self.socket_timeout))
            .build()
            .map_err(|error| CacheError::config("REDIS_CACHE_URL", error))?;
        Ok((pool, name))
    }
}

fn parse_url(url: &str) -> Result<ConnectionInfo, CacheError> {
    const ACCEPTED: &str = "must look like redis://user:password@host:6379/0";
    if url.starts_with("rediss:") {
        return Err(CacheError::config(
            "REDIS_CACHE_URL",
            "TLS (rediss://) is not supported yet",
        ));
    }
    // The reason that the parser gives may quote the URL, and with it the password.
    url.into_connection_info()
        .map_err(|_| CacheError::config("REDIS_CACHE_URL", ACCEPTED))
}

#[expect(clippy::unnecessary_wraps, reason = "one of four setters of one shape")]
fn text(value: String, setting: &mut String) -> Result<(), &'static str> {
    *setting = value;
    Ok(())
}

fn number<T: std::str::FromStr>(
    value: &str,
    setting: &mut T,
    accepted: &'static str,
) -> Result<(), &'static str> {
    *setting = value.trim().parse().map_err(|_| accepted)?;
    Ok(())
}

fn time(value: &str, setting: &mut Duration) -> Result<(), &'static str> {
    let seconds = value.trim().parse().ok().and_then(duration);
    *setting = seconds.ok_or("must be seconds above zero, such as 5 or 0.5")?;
    Ok(())
}

fn switch(value: &str, setting: &mut bool) -> Result<(), &'static str> {
    *setting = match value.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => true,
        "false" | "0" | "no" | "off" => false,
        _ => return Err("must be true or false"),
    };
    Ok(())
}

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
    Redis,
    Pool(Pool),
    Memory { bytes: u64 },
}

/// What the in-process store holds unless told otherwise: 64 MiB of keys and values.
const MEMORY_BYTES: u64 = 64 * 1024 * 1024;

impl CacheBuilder {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            source: Source::Redis,
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
            Source::Memory { bytes } => (
                Place::Memory(MemoryStore::new(bytes)),
                "in-process store".to_owned(),
            ),
            Source::Pool(pool) => (
                Place::Redis(RedisStore::new(pool, limits)),
                "redis, by its own pool".to_owned(),
            ),
            Source::Redis => {
                let (pool, name) = settings.pool()?;
                (Place::Redis(RedisStore::new(pool, limits)), name)
            }
        };
        let store = Store::new(place, names);
        Ok(Cache::new(store, name, &settings))
    }
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
        Self::of(place, "in-process store")
    }

    /// A cache over a pool of the application's own.
    #[must_use]
    pub fn from_pool(pool: Pool) -> Self {
        let limits = Settings::default().limits(&Names::new(""));
        let place = Place::Redis(RedisStore::new(pool, limits));
        Self::of(place, "redis, by its own pool")
    }

    fn of(place: Place, name: &str) -> Self {
        let store = Store::new(place, Names::new(""));
        Self::new(store, name.to_owned(), &Settings::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Settings>, CacheError> {
        Settings::from_variables(|name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn no_variable_means_no_redis() {
        assert!(read(&[]).expect("nothing is wrong").is_none());
    }

    #[test]
    fn variables_override_the_defaults_of_the_reference() {
        let settings = read(&[
            ("REDIS_CACHE_PORT", "7000"),
            ("REDIS_CACHE_SOCKET_TIMEOUT", "0.5"),
        ]);
        let settings = settings.expect("both are right").expect("two are set");
        assert_eq!(
            (settings.host.as_str(), settings.port, settings.db),
            ("localhost", 7000, 0)
        );
        assert_eq!(settings.socket_timeout, Duration::from_millis(500));
        assert_eq!(settings.max_connections, 20);
        assert_eq!(settings.health_check_interval, Duration::from_secs(30));
        assert!(settings.retry_on_timeout && settings.socket_keepalive);
    }

    #[test]
    fn a_mistake_is_named_and_its_value_is_not() {
        for (name, value) in [
            ("REDIS_CACHE_PORT", "s3cret"),
            ("REDIS_CACHE_DB", "s3cret"),
            ("REDIS_CACHE_SOCKET_TIMEOUT", "-1"),
            ("REDIS_CACHE_SOCKET_KEEPALIVE", "s3cret"),
            ("REDIS_CACHE_URL", "redis://:s3cret@:port:/x"),
            ("REDIS_CACHE_MAX_CONNECTIONS", "0"),
            ("REDIS_CACHE_DEADLINE", "0"),
            ("REDIS_CACHE_JITTER", "1.5"),
            ("REDIS_CACHE_JITTER", "NaN"),
        ] {
            let outcome = read(&[(name, value)])
                .and_then(|found| CacheBuilder::new(found.unwrap_or_default()).build());
            let message = outcome.expect_err(name).to_string();
            assert!(message.starts_with(name), "{message}");
            assert!(!message.contains("s3cret"), "{message}");
        }
    }

    #[test]
    fn a_password_shows_neither_in_the_settings_nor_in_the_cache() {
        let settings = read(&[
            ("REDIS_CACHE_PASSWORD", "s3cret"),
            ("REDIS_CACHE_URL", "redis://:s3cret@db:1/2"),
        ]);
        let settings = settings.expect("both are right").expect("two are set");
        assert!(!format!("{settings:?}").contains("s3cret"));
        let cache = CacheBuilder::new(settings)
            .build()
            .expect("the URL is right");
        assert!(!format!("{cache:?}").contains("s3cret"), "{cache:?}");
        assert_eq!(cache.store_name(), "redis://db:1/2");
    }
}
