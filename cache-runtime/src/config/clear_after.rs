//! When entries are cleared because the server that has them may have missed their removal.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::value::Value;

/// After what the entries of a server are removed before any of them is served.
///
/// Data that a server has loaded from its disk can be older than the last invalidations, and so can those of a
/// replica that has become master.
///
/// ```
/// use cache_runtime::{Cache, ClearAfter};
///
/// let cache = Cache::builder()
///     .url("redis://127.0.0.1:6379/0")
///     .namespace("blog")
///     .clear_after(ClearAfter::Failover)
///     .build()?;
/// # Ok::<(), cache_runtime::CacheError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ClearAfter {
    /// Nothing: what has come back from a disk is served until it expires.
    Never,
    /// A restart that has loaded data. A replica that has once copied the data of its master looks the same when it
    /// becomes master.
    #[default]
    Restart,
    /// A restart, and each failover. Needs a namespace.
    Failover,
}

impl Value for ClearAfter {
    fn from_text(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "never" => Some(Self::Never),
            "restart" => Some(Self::Restart),
            "failover" => Some(Self::Failover),
            _ => None,
        }
    }

    fn from_file<'de, D: Deserializer<'de>>(file: D) -> Result<Self, D::Error> {
        let text = String::deserialize(file)?;
        Self::from_text(&text).ok_or_else(|| D::Error::custom("must be restart, failover or never"))
    }
}
