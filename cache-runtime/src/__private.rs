//! What the attribute's output names. Of one version with the attribute, and nobody else's business.

/// What the crate's `macro_rules` call.
pub use cache_runtime_macros as macros;
#[cfg(feature = "map")]
pub use inventory;

/// What the map of the program is told, which is nothing without the feature `map`.
pub use crate::__mapped as mapped;
pub use crate::call::Windows;
pub use crate::call::detached::Detached;
pub use crate::call::handler::Handler;
pub use crate::call::own_ttl::OwnTtl;
pub use crate::call::read::{Read, read, tags};
pub use crate::call::refresh::{Disabled, Spawn};
pub use crate::call::rules::holds;
pub use crate::call::write::{Invalidations, Write, write};
pub use crate::codec::dispatch::output_of;
pub use crate::codec::outcome::{any_failure, no_failure};
#[cfg(feature = "map")]
pub use crate::key::values_of;
pub use crate::key::{CacheKey, CachePattern, CacheTag, Value, key, pattern};
#[cfg(feature = "map")]
pub use crate::map::{Registered, RegisteredTemplate};
pub use crate::method::{Access, access_of};
pub use crate::stats::Function;
#[cfg(feature = "actix")]
pub use crate::web::actix::{DetachedLocal, SpawnLocal};

/// The traits that method resolution falls back on. A glob import of them brings no name into scope.
pub mod dispatch {
    pub use crate::codec::dispatch::{
        AnyLayer as _, AnyOutcome as _, NoCodec as _, PlainCodec as _, SilentError as _,
    };
    pub use crate::codec::hold::LocalError as _;
    pub use crate::key::{
        DisplayPart as _, HashPart as _, NoAccess as _, NoClone as _, NoHash as _, NoPart as _,
    };
    #[cfg(feature = "poem")]
    pub use crate::web::PoemError as _;
    #[cfg(feature = "actix")]
    pub use crate::web::actix::ActixError as _;
    #[cfg(feature = "actix")]
    pub use crate::web::sent::SentByActix as _;
    #[cfg(feature = "axum")]
    pub use crate::web::sent::SentByAxum as _;
    pub use crate::web::sent::SentByNobody as _;
    #[cfg(feature = "poem")]
    pub use crate::web::sent::SentByPoem as _;
    #[cfg(feature = "rocket")]
    pub use crate::web::sent::SentByRocket as _;
    #[cfg(feature = "salvo")]
    pub use crate::web::sent::SentBySalvo as _;
    #[cfg(feature = "warp")]
    pub use crate::web::sent::SentByWarp as _;
}

/// There is no map: what it would be told vanishes.
#[cfg(not(feature = "map"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __mapped {
    ($($told:tt)*) => {};
}
