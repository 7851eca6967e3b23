//! What can go wrong, for whoever calls the cache by hand. A handler never sees any of it.

use std::fmt::Display;

use deadpool_redis::PoolError;

/// ForwardReason the cache could not do what it was asked.
///
/// Its text names settings and never holds a password, a key's value or an answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// There is no Redis behind this cache: it keeps everything in the process.
    #[error("there is no Redis client: this cache keeps its entries in the process")]
    MissingClient,
    /// A function that invalidates was called by a request that only reads.
    #[error(
        "a read reached a function that invalidates: say `method = \"GET\"`, or route writes to it"
    )]
    InvalidRequest,
    /// A setting can't be used.
    #[error("{setting}: {reason}")]
    Config {
        /// The environment variable, also for a setting that was given in code.
        setting: &'static str,
        /// What is wrong with it, and what is accepted. Never the value of a secret.
        reason: String,
    },
    /// A part of a key can't be written: its `Display` or `Serialize` failed.
    #[error("a key can't be made: {0}")]
    Key(String),
    /// An entry has to live for a while: its expiration was zero.
    #[error("an expiration of zero: an entry has to live for at least a millisecond")]
    Expiration,
    /// Redis did not answer in time.
    #[error("Redis did not answer within {0:?}")]
    Timeout(std::time::Duration),
    /// Redis did not answer lately, so it was not asked: a probe looks after it.
    #[error("Redis is unavailable, and was not asked")]
    Unavailable,
    /// A cluster is more than one server: [`Cache::connection_for`](crate::Cache::connection_for) connects to
    /// that of a key.
    #[error("a cluster has no one connection: ask for that of a key, with `connection_for`")]
    ManyServers,
    /// The servers changed their parts again and again while something was looked for on all of them.
    #[error("the servers changed their parts meanwhile")]
    Rearranged,
    /// There is no Tokio runtime to reach Redis on.
    #[error("Redis is reached through a Tokio runtime, and none is running here")]
    NoRuntime,
    /// Redis answered with an error, or the connection broke.
    #[error("Redis failed")]
    Redis(#[source] deadpool_redis::redis::RedisError),
    /// No connection could be had from the pool.
    #[error("no connection to Redis")]
    Pool(#[source] deadpool_redis::PoolError),
    /// A value can't be written as JSON, or what is stored is not JSON of this type.
    #[error("not the JSON of this type")]
    Json(#[source] serde_json::Error),
}

impl CacheError {
    /// What is behind it, for the log.
    pub(crate) fn cause(&self) -> Option<String> {
        if let Self::Pool(PoolError::Backend(error)) = self {
            return Some(error.to_string());
        }
        std::error::Error::source(self).map(ToString::to_string)
    }

    pub(crate) fn config(setting: &'static str, reason: impl Display) -> Self {
        Self::Config {
            setting,
            reason: reason.to_string(),
        }
    }
}

impl From<deadpool_redis::redis::RedisError> for CacheError {
    fn from(error: deadpool_redis::redis::RedisError) -> Self {
        Self::Redis(error)
    }
}
