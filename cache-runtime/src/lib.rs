// The page has an example on axum, which compiles with that feature only.
#![cfg_attr(any(not(doctest), feature = "axum"), doc = include_str!("../README.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod ambient;
mod cache;
mod cached;
mod config;
mod delivery;
mod envelope;
mod error;
mod flight;
mod glob;
mod health;
mod key;
mod label;
mod lease;
mod nested;
mod outbox;
mod read;
mod refresh;
mod request;
mod stats;
#[cfg(any(feature = "http", feature = "layer"))]
mod status;
mod store;
mod upkeep;
mod value;
mod web;
mod write;

#[doc(hidden)]
pub mod __private;

pub use cache_runtime_macros::cache;
pub use deadpool_redis;
pub use deadpool_redis::redis;

pub use crate::cache::Cache;
pub use crate::cached::Cached;
pub use crate::config::{CacheBuilder, Settings};
pub use crate::error::CacheError;
pub use crate::request::RequestMethod;
pub use crate::stats::{BreakerState, Errors, Stats};
#[cfg(feature = "actix")]
pub use crate::web::actix::CacheMiddleware;
#[cfg(feature = "layer")]
pub use crate::web::layer::CacheLayer;
#[cfg(feature = "poem")]
pub use crate::web::poem::CacheEndpoint;
#[cfg(feature = "tower")]
pub use crate::web::tower::{CacheFuture, CacheService};
