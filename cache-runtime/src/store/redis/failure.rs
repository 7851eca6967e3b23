//! Why an operation on Redis failed, as long as redis-rs may be named; outside of this room it is a `CacheError`.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use deadpool_redis::redis::{ParsingError, RedisError};
use deadpool_redis::{PoolError, TimeoutType};

use super::reply_error::{ReplyError, is_broken};
use crate::error::{CacheError, ErrorKind};

#[derive(Debug)]
pub(crate) enum Failure {
    /// There was no reply within this time.
    Timeout(Duration),
    /// The breaker is open: nobody was asked.
    Unavailable,
    NoRuntime,
    /// The server is loading its data.
    Loading,
    /// What the server holds may be out of date.
    Outdated,
    /// A server replied with an error, or the connection broke.
    Redis(RedisError),
    /// No connection could be made.
    Connect(PoolError),
    /// The server is not what a setting says.
    Config(CacheError),
    NoSingleServer,
    TopologyChanged,
    /// It keeps evicting what it is told.
    Evicted,
}

impl Failure {
    pub(super) fn config(setting: &'static str, reason: impl fmt::Display) -> Self {
        Self::Config(CacheError::config(setting, reason))
    }

    fn kind(&self) -> ErrorKind {
        match self {
            Self::Timeout(_) => ErrorKind::Timeout,
            Self::Unavailable | Self::Outdated => ErrorKind::Unavailable,
            Self::NoRuntime => ErrorKind::NoRuntime,
            Self::Redis(error) if is_broken(error) => ErrorKind::Connection,
            Self::Redis(_) | Self::Loading | Self::Evicted => ErrorKind::Server,
            Self::Connect(_) => ErrorKind::Connection,
            Self::Config(_) => ErrorKind::Config,
            Self::NoSingleServer => ErrorKind::NoSingleServer,
            Self::TopologyChanged => ErrorKind::TopologyChanged,
        }
    }

    /// What is behind it, or the whole where nothing is.
    pub(super) fn cause(&self) -> String {
        self.source()
            .map_or_else(|| self.to_string(), ToString::to_string)
    }

    /// Whether it alone says that the server can't be relied on, as opposed to one command or one slot.
    pub(super) fn condemns_server(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Config(_) | Self::Loading => !self.is_full_pool(),
            failure => failure.reply().is_some_and(ReplyError::condemns_server),
        }
    }

    /// Whether all connections of the pool were in use, for so long as its own settings let anybody wait.
    pub(super) fn is_full_pool(&self) -> bool {
        matches!(self, Self::Connect(PoolError::Timeout(TimeoutType::Wait)))
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
        let (kind, condemns_server) = (failure.kind(), failure.condemns_server());
        let message = failure.to_string();
        let error = match failure {
            Failure::Config(error) => error,
            Failure::Redis(error) | Failure::Connect(PoolError::Backend(error)) => {
                Self::with_source(kind, error)
            }
            Failure::Connect(error) => Self::with_source(kind, error),
            _ => Self::new(kind, message),
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
            Self::Loading => f.write_str("Redis is loading its data"),
            Self::Outdated => f.write_str("what Redis holds may be out of date, and is not served"),
            Self::Config(error) => error.fmt(f),
            Self::Evicted => f.write_str("Redis evicts the marks of a removal"),
            other => f.write_str(other.kind().message()),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Redis(error) | Self::Connect(PoolError::Backend(error)) => Some(error),
            // The pool's own text adds nothing to what is behind it.
            Self::Connect(error) => Some(error),
            Self::Config(error) => error.source(),
            _ => None,
        }
    }
}
