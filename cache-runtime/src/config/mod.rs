//! Settings: what they are, where they come from, and the way from them to a cache.

mod address;
mod builder;
mod check;
mod connect;
mod environment;
mod secret;
mod settings;
#[cfg(test)]
mod tests;
mod tls;
mod value;

use std::time::Duration;

pub(crate) use self::address::Address;
pub use self::builder::CacheBuilder;
pub use self::secret::Secret;
pub use self::settings::Settings;

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
