//! Settings: their names, their defaults, where they come from.

mod address;
mod builder;
mod connect;
mod environment;
mod tls;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

pub(crate) use self::address::Address;
pub use self::builder::CacheBuilder;

use crate::error::CacheError;
use crate::store::{Names, is_possible};

/// How to reach Redis, and how to use it.
///
/// From the environment with [`Cache::from_env`](crate::Cache::from_env), in code with [`Cache::builder`](crate::Cache::builder), or from any file that
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
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
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
    /// `REDIS_CACHE_CLUSTER_NODES`, such as `one:6379,two:6379`: some nodes of a Redis Cluster, which know of
    /// the others. In the place of host and port. Takes the feature `cluster`.
    #[serde(alias = "REDIS_CACHE_CLUSTER_NODES", deserialize_with = "list")]
    pub cluster_nodes: Vec<String>,
    /// `REDIS_CACHE_SENTINELS`, such as `one:26379,two:26379,three:26379`: who knows which server is the master.
    /// In the place of host and port. Takes the feature `sentinel`.
    #[serde(alias = "REDIS_CACHE_SENTINELS", deserialize_with = "list")]
    pub sentinels: Vec<String>,
    /// `REDIS_CACHE_SENTINEL_MASTER`: the name that the sentinels have for it.
    #[serde(alias = "REDIS_CACHE_SENTINEL_MASTER")]
    pub sentinel_master: String,
    /// `REDIS_CACHE_SENTINEL_USERNAME`, for the sentinels themselves.
    #[serde(alias = "REDIS_CACHE_SENTINEL_USERNAME")]
    pub sentinel_username: String,
    /// `REDIS_CACHE_SENTINEL_PASSWORD`, for the sentinels themselves; empty for none.
    #[serde(alias = "REDIS_CACHE_SENTINEL_PASSWORD")]
    pub sentinel_password: String,
    /// `REDIS_CACHE_TLS`, by default false: all connections are encrypted, as with a URL that begins with
    /// `rediss://`. Takes the feature `tls`.
    #[serde(alias = "REDIS_CACHE_TLS")]
    pub tls: bool,
    /// `REDIS_CACHE_TLS_CA`: a file of certificates, as PEM, one of which has to stand behind the server's. By
    /// default those of the system.
    #[serde(alias = "REDIS_CACHE_TLS_CA")]
    pub tls_ca: Option<PathBuf>,
    /// `REDIS_CACHE_TLS_CERT`: a file with the client's certificate, as PEM.
    #[serde(alias = "REDIS_CACHE_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,
    /// `REDIS_CACHE_TLS_KEY`: a file with the key to that, as PEM.
    #[serde(alias = "REDIS_CACHE_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
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
    /// `REDIS_CACHE_SOCKET_TIMEOUT` in seconds, by default 5: the most that [`Cache::connection`](crate::Cache::connection) takes, and
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
            cluster_nodes: Vec::new(),
            sentinels: Vec::new(),
            sentinel_master: String::new(),
            sentinel_username: String::new(),
            sentinel_password: String::new(),
            tls: false,
            tls_ca: None,
            tls_cert: None,
            tls_key: None,
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

/// Without the passwords, and without the URL, which may hold one.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("username", &self.username)
            .field("db", &self.db)
            .field("url", &self.url.as_ref().map(|_| "…"))
            .field("cluster_nodes", &self.cluster_nodes)
            .field("sentinels", &self.sentinels)
            .field("sentinel_master", &self.sentinel_master)
            .field("sentinel_username", &self.sentinel_username)
            .field("tls", &self.tls)
            .field("tls_ca", &self.tls_ca)
            .field("tls_cert", &self.tls_cert)
            .field("tls_key", &self.tls_key)
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

/// A list, or its items with commas between them.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum List {
        Text(String),
        Items(Vec<String>),
    }
    Ok(match List::deserialize(deserializer)? {
        List::Text(text) => items(&text),
        List::Items(items) => items,
    })
}

fn items(text: &str) -> Vec<String> {
    let items = text.split(',').map(str::trim);
    items
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
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
    fn limits(&self, names: &Names) -> Arc<Limits> {
        Arc::new(Limits {
            deadline: self.deadline,
            connect_timeout: self.socket_connect_timeout,
            socket_timeout: self.socket_timeout,
            health_check_interval: self.health_check_interval,
            retry: self.retry_on_timeout,
            probe_key: names.probe(),
        })
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
        if !is_possible(&self.namespace) {
            let reason =
                "a `{` needs text and a `}` behind it: they choose the hash slot of all keys";
            return Err(CacheError::config("REDIS_CACHE_NAMESPACE", reason));
        }
        Ok(())
    }
}
