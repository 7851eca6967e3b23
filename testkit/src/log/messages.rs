//! The messages of `cache-runtime` that tests look for, as the beginning or a part of a line of [`Log::lines`]
//! or of an application's log. A message that changes there is changed here.
//!
//! [`Log::lines`]: super::Log::lines

/// The breaker opens.
pub const OUTAGE_BEGINS: &str = "WARN cache_runtime: Redis is unavailable";
/// The breaker closes.
pub const OUTAGE_ENDS: &str = "INFO cache_runtime: Redis is available again";
/// What a server does not say is not in the log either.
pub const NO_CONNECTION: &str = "no connection to Redis";
/// A cluster as a whole takes no commands.
pub const CLUSTER_IS_DOWN: &str = "cluster is down";
/// The address of a sentinel leads to something else.
pub const NOT_A_SENTINEL: &str = "not a sentinel";
/// A `#[cache]` function was called before `Cache::install`.
pub const NO_CACHE_INSTALLED: &str = "no cache is installed";

/// Of a cluster's slots only so many are served.
#[must_use]
pub fn served_slots(count: u16) -> String {
    format!("served={count} slots=16384")
}

/// A user lacks the right to one command.
#[must_use]
pub fn missing_command(name: &str) -> String {
    format!("this user may not do what the cache needs: {name} server=")
}

/// A user lacks the right to keys like this one.
#[must_use]
pub fn missing_keys(key: &str) -> String {
    format!("this user may not use keys such as `{key}` server=")
}
