//! Why an operation on Redis failed, as long as redis-rs may be named; outside of this room it is a `CacheError`.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use deadpool_redis::PoolError;
use deadpool_redis::redis::{ParsingError, RedisError};

use super::reply_error::{ReplyError, is_broken};
use crate::error::{CacheError, ErrorKind};

#[derive(Debug)]
pub(crate) enum Failure {
    /// There was no reply within this time.
    Timeout(Duration),
    /// The breaker is open: nobody was asked.
    Unavailable,
    NoRuntime,
    /// A server replied with an error, or the connection broke.
    Redis(RedisError),
    /// No connection could be made.
    Connect(PoolError),
    /// The server is not what a setting says.
    Config(CacheError),
    NoSingleServer,
    TopologyChanged,
}

impl Failure {
    pub(super) fn config(setting: &'static str, reason: impl fmt::Display) -> Self {
        Self::Config(CacheError::config(setting, reason))
    }

    /// Whether it alone says that the server can't be relied on, as opposed to one command or one slot.
    pub(super) fn condemns_server(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Config(_) => true,
            failure => failure.reply().is_some_and(ReplyError::condemns_server),
        }
    }

    /// What the server's error means; nothing where there was none.
    pub(super) fn reply(&self) -> Option<ReplyError> {
        match self {
            Self::Redis(error) => ReplyError::of(error),
            _ => None,
        }
    }
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

impl From<ParsingError> for Failure {
    fn from(error: ParsingError) -> Self {
        Self::Redis(error.into())
    }
}

impl From<CacheError> for Failure {
    /// Only settings can be wrong before a server is asked.
    fn from(error: CacheError) -> Self {
        Self::Config(error)
    }
}

impl From<Failure> for CacheError {
    fn from(failure: Failure) -> Self {
        let condemns_server = failure.condemns_server();
        let error = match failure {
            Failure::Timeout(time) => CacheError::new(
                ErrorKind::Timeout,
                format!("Redis did not reply within {time:?}"),
            ),
            Failure::Unavailable => ErrorKind::Unavailable.into(),
            Failure::NoRuntime => ErrorKind::NoRuntime.into(),
            Failure::Redis(error) if is_broken(&error) => {
                CacheError::with_source(ErrorKind::Connection, error)
            }
            Failure::Redis(error) => CacheError::with_source(ErrorKind::Server, error),
            // The pool's own text adds nothing to what is behind it.
            Failure::Connect(PoolError::Backend(error)) => {
                CacheError::with_source(ErrorKind::Connection, error)
            }
            Failure::Connect(error) => CacheError::with_source(ErrorKind::Connection, error),
            Failure::Config(error) => error,
            Failure::NoSingleServer => ErrorKind::NoSingleServer.into(),
            Failure::TopologyChanged => ErrorKind::TopologyChanged.into(),
        };
        if condemns_server {
            error.reported()
        } else {
            error
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(time) => write!(f, "Redis did not reply within {time:?}"),
            Self::Unavailable => f.write_str("Redis is unavailable, and was not asked"),
            Self::NoRuntime => f.write_str("no Tokio runtime is running here"),
            Self::Redis(error) | Self::Connect(PoolError::Backend(error)) => error.fmt(f),
            Self::Connect(error) => error.fmt(f),
            Self::Config(error) => error.fmt(f),
            Self::NoSingleServer => f.write_str("a cluster has no one connection"),
            Self::TopologyChanged => f.write_str("slots or nodes changed meanwhile"),
        }
    }
}

impl Error for Failure {}
