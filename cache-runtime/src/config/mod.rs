//! Settings: what they are, where they come from, and the way from them to a cache.

mod builder;
mod check;
mod clear_after;
mod connect;
mod environment;
mod secret;
mod settings;
#[cfg(test)]
mod tests;
mod value;

pub use self::builder::CacheBuilder;
pub use self::clear_after::ClearAfter;
pub use self::secret::Secret;
pub use self::settings::Settings;
