// The page has an example on axum, which compiles with that feature only.
#![cfg_attr(any(not(doctest), feature = "axum"), doc = include_str!("../README.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(all(
        feature = "actix",
        feature = "axum",
        feature = "map",
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
        reason = "some code serves frameworks only, or the map: whether it is used shows where all of them are on"
    )
)]

mod cache;
mod call;
mod codec;
mod config;
mod error;
mod invalidation;
mod key;
mod log;
#[cfg(feature = "map")]
mod map;
mod meter;
mod method;
mod nonce;
pub mod redis;
mod stats;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod util;
mod web;

#[doc(hidden)]
pub mod __private;

pub use cache_runtime_macros::cache;

pub use crate::cache::Cache;
pub use crate::call::deferred::Deferred;
pub use crate::call::get_or_load::GetOrLoad;
pub use crate::codec::Cached;
pub use crate::codec::outcome::HttpStatus;
pub use crate::config::{CacheBuilder, ClearAfter, Secret, Settings};
pub use crate::error::{CacheError, ErrorKind};
pub use crate::key::{CacheKey, CachePattern, CacheTag, IntoKey, IntoPattern, IntoTag};
#[cfg(feature = "map")]
pub use crate::map::{Finding, FindingKind, Map, MapEntry, MapEntryKind, Removal, map};
pub use crate::method::RequestMethod;
pub use crate::stats::{BreakerState, Bypassed, Errors, FunctionStats, NearStats, Removed, Stats};
pub use crate::store::redis::Credentials;
#[cfg(feature = "actix")]
pub use crate::web::actix::CacheMiddleware;
pub use crate::web::layer::CacheLayer;
#[cfg(feature = "poem")]
pub use crate::web::poem::CacheEndpoint;
#[cfg(feature = "tower")]
pub use crate::web::tower::{CacheBody, CacheFuture, CacheService};

#[cfg(all(doctest, feature = "axum"))]
mod pages {
    #[doc = include_str!("../../docs/frameworks.md")]
    mod frameworks {}
    #[doc = include_str!("../../docs/keys.md")]
    mod keys {}
    #[doc = include_str!("../../docs/loads.md")]
    mod loads {}
    #[cfg(feature = "map")]
    #[doc = include_str!("../../docs/map.md")]
    mod map {}
    #[doc = include_str!("../../docs/near.md")]
    mod near {}
    #[doc = include_str!("../../docs/operations.md")]
    mod operations {}
    #[doc = include_str!("../../docs/servers.md")]
    mod servers {}
    #[cfg(feature = "testing")]
    #[doc = include_str!("../../docs/testing.md")]
    mod testing {}
    #[doc = include_str!("../../docs/transactions.md")]
    mod transactions {}
}
