//! What can go wrong, for whoever calls the cache by hand. A cached function never sees any of it.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// Why the cache could not do what it was asked.
///
/// [`kind`](Self::kind) tells the cases apart, and [`source`](Error::source) has what is behind it, where there is
/// something. The text names settings and never holds a password, a key's value or a stored value.
///
/// ```
/// use cache_runtime::{Cache, ErrorKind};
///
/// let error = Cache::builder().url("http://redis").build().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Config);
/// assert_eq!(error.setting(), Some("REDIS_CACHE_URL"));
/// ```
pub struct CacheError(Box<Repr>);

#[derive(Debug)]
struct Repr {
    kind: ErrorKind,
    message: Cow<'static, str>,
    setting: Option<&'static str>,
    source: Option<Box<dyn Error + Send + Sync>>,
    /// The log is told of it as an incident of its server.
    is_reported: bool,
}

/// What kind of thing went wrong.
///
/// ```
/// use std::time::Duration;
/// use cache_runtime::{Cache, ErrorKind};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let cache = Cache::in_memory();
/// let error = cache.set("post:7", "a post", Duration::ZERO).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::ZeroTtl);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no Redis behind this cache: it keeps its entries in the process, or is off.
    MissingClient,
    /// A request that only reads reached a function that invalidates.
    InvalidRequest,
    /// A setting can't be used: [`CacheError::setting`] names it.
    Config,
    /// A part of a key can't be written: its `Display` or `Serialize` failed.
    Key,
    /// The TTL was zero, and an entry has to live for a while.
    ZeroTtl,
    /// Redis did not reply within the deadline.
    Timeout,
    /// Redis did not reply lately, so it was not asked: a probe looks after it.
    Unavailable,
    /// A cluster is more than one server: [`Cache::connection_for`](crate::Cache::connection_for) connects to that of
    /// a key.
    NoSingleServer,
    /// Slots or nodes changed again and again while something was looked for on all of them.
    TopologyChanged,
    /// Redis is reached through a Tokio runtime with timers, and none is running here.
    NoRuntime,
    /// Redis replied with an error.
    Server,
    /// No connection to Redis could be made, or it broke.
    Connection,
    /// A value is larger than what is stored: [`CacheBuilder::max_value_size`](crate::CacheBuilder::max_value_size).
    ValueTooLarge,
    /// A value can't be written as JSON, or what is stored is not the JSON of this type.
    Json,
}

impl ErrorKind {
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::MissingClient => {
                "there is no Redis client: this cache keeps its entries in the process, or is off"
            }
            Self::InvalidRequest => {
                "a read reached a function that invalidates: say `method = \"GET\"`, or route writes to it"
            }
            Self::Config => "a setting can't be used",
            Self::Key => "a key can't be made",
            Self::ValueTooLarge => "the value is larger than REDIS_CACHE_MAX_VALUE_SIZE",
            Self::ZeroTtl => "the TTL is zero: an entry has to live for at least a millisecond",
            Self::Timeout => "Redis did not reply in time",
            Self::Unavailable => "Redis is unavailable, and was not asked",
            Self::NoSingleServer => {
                "a cluster has no one connection: ask for that of a key, with `connection_for`"
            }
            Self::TopologyChanged => "slots or nodes changed meanwhile",
            Self::NoRuntime => "Redis is reached through a Tokio runtime, and none is running here",
            Self::Server => "Redis replied with an error",
            Self::Connection => "no connection to Redis",
            Self::Json => "not the JSON of this type",
        }
    }
}

impl CacheError {
    /// What kind of thing went wrong.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_runtime::{Cache, ErrorKind};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let cache = Cache::in_memory();
    /// let error = cache.set("a", &1, Duration::ZERO).await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::ZeroTtl);
    /// # }
    /// ```
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The environment variable of the setting that can't be used, also where the setting was given in code.
    ///
    /// ```
    /// let error = cache_runtime::Cache::builder().port(0).build().unwrap_err();
    /// assert_eq!(error.setting(), Some("REDIS_CACHE_PORT"));
    /// ```
    pub fn setting(&self) -> Option<&'static str> {
        self.0.setting
    }

    pub(crate) fn config(setting: &'static str, reason: impl fmt::Display) -> Self {
        let mut error = Self::new(ErrorKind::Config, format!("{setting}: {reason}"));
        error.0.setting = Some(setting);
        error
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Repr {
            kind,
            message: message.into(),
            setting: None,
            source: None,
            is_reported: false,
        }))
    }

    pub(crate) fn with_source(
        kind: ErrorKind,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        let mut error = Self::from(kind);
        error.0.source = Some(source.into());
        error
    }

    /// The same once more, with the text of what is behind it.
    pub(crate) fn again(&self) -> Self {
        let source = self.source().map(|source| source.to_string().into());
        Self(Box::new(Repr {
            kind: self.kind(),
            message: self.0.message.clone(),
            setting: self.setting(),
            source,
            is_reported: self.is_reported(),
        }))
    }

    /// The same, where the log is told of it as an incident of its server.
    pub(crate) fn reported(mut self) -> Self {
        self.0.is_reported = true;
        self
    }

    pub(crate) fn is_reported(&self) -> bool {
        self.0.is_reported
    }

    pub(crate) fn json(source: serde_json::Error) -> Self {
        Self::with_source(ErrorKind::Json, source)
    }
}

impl From<ErrorKind> for CacheError {
    fn from(kind: ErrorKind) -> Self {
        Self::new(kind, kind.message())
    }
}

impl fmt::Display for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for CacheError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.0.source.as_deref()?;
        Some(source)
    }
}
