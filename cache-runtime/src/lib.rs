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
pub use crate::call::own_ttl::IntoTtl;
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
#[cfg(feature = "admin")]
pub use crate::web::admin::{AdminAccess, AdminRequest, CacheAdmin};
pub use crate::web::layer::CacheLayer;
#[cfg(feature = "poem")]
pub use crate::web::poem::CacheEndpoint;
#[cfg(feature = "tower")]
pub use crate::web::tower::{CacheBody, CacheFuture, CacheService};

#[cfg(all(doctest, feature = "axum"))]
mod pages {
    #[cfg(feature = "admin")]
    #[doc = include_str!("../../docs/admin.md")]
    mod admin {}
    #[doc = include_str!("../../docs/arguments.md")]
    mod arguments {}
    #[doc = include_str!("../../docs/authentication.md")]
    mod authentication {}
    #[doc = include_str!("../../docs/by-hand.md")]
    mod by_hand {}
    #[doc = include_str!("../../docs/coherence.md")]
    mod coherence {}
    #[doc = include_str!("../../docs/configuration.md")]
    mod configuration {}
    #[doc = include_str!("../../docs/deploys.md")]
    mod deploys {}
    #[doc = include_str!("../../docs/failures.md")]
    mod failures {}
    #[doc = include_str!("../../docs/first-steps.md")]
    mod first_steps {}
    #[doc = include_str!("../../docs/frameworks.md")]
    mod frameworks {}
    #[doc = include_str!("../../docs/from-cached.md")]
    mod from_cached {}
    #[doc = include_str!("../../docs/from-fusioncache.md")]
    mod from_fusioncache {}
    #[doc = include_str!("../../docs/from-python.md")]
    mod from_python {}
    #[doc = include_str!("../../docs/jobs.md")]
    mod jobs {}
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
    #[doc = include_str!("../../docs/performance.md")]
    mod performance {}
    #[doc = include_str!("../../docs/reads.md")]
    mod reads {}
    #[doc = include_str!("../../docs/responses.md")]
    mod responses {}
    #[doc = include_str!("../../docs/scale.md")]
    mod scale {}
    #[doc = include_str!("../../docs/servers.md")]
    mod servers {}
    #[doc = include_str!("../../docs/stability.md")]
    mod stability {}
    #[doc = include_str!("../../docs/tags.md")]
    mod tags {}
    #[cfg(feature = "testing")]
    #[doc = include_str!("../../docs/testing.md")]
    mod testing {}
    #[doc = include_str!("../../docs/tokens.md")]
    mod tokens {}
    #[doc = include_str!("../../docs/transactions.md")]
    mod transactions {}
    #[doc = include_str!("../../docs/values.md")]
    mod values {}
    #[doc = include_str!("../../docs/verify.md")]
    mod verify {}
    #[doc = include_str!("../../docs/writes.md")]
    mod writes {}
}
