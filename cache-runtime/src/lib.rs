#![doc = include_str!("../../README.md")]
#![cfg_attr(
    not(all(
        feature = "actix",
        feature = "axum",
        feature = "poem",
        feature = "rocket",
        feature = "salvo",
        feature = "warp"
    )),
    allow(
        dead_code,
        unreachable_pub,
        unused_imports,
        unused_macros,
        reason = "some code serves frameworks only: whether it is used shows where all of them are on"
    )
)]

mod cache;
mod codec;
mod config;
mod delivery;
mod error;
mod flight;
mod health;
mod key;
mod lease;
mod method;
mod nested;
mod nonce;
mod outbox;
mod read;
mod refresh;
mod request_context;
mod stats;
mod store;
mod upkeep;
mod web;
mod write;

#[doc(hidden)]
pub mod __private;

pub use cache_macro::cache;
pub use deadpool_redis;
pub use deadpool_redis::redis;

pub use crate::cache::Cache;
pub use crate::codec::Cached;
pub use crate::config::{CacheBuilder, Settings};
pub use crate::error::CacheError;
pub use crate::method::RequestMethod;
pub use crate::stats::{BreakerState, Errors, Stats};
#[cfg(feature = "actix")]
pub use crate::web::actix::CacheMiddleware;
pub use crate::web::layer::CacheLayer;
#[cfg(feature = "poem")]
pub use crate::web::poem::CacheEndpoint;
#[cfg(feature = "tower")]
pub use crate::web::tower::{CacheFuture, CacheService};
