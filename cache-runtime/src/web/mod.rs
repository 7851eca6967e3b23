//! What the frameworks' types mean: one file for each, behind its feature.

#[cfg(feature = "actix")]
pub(crate) mod actix;
#[cfg(feature = "admin")]
pub(crate) mod admin;
#[cfg(feature = "axum")]
mod axum;
#[cfg(any(
    feature = "actix",
    feature = "poem",
    feature = "rocket",
    feature = "salvo",
    feature = "tower"
))]
mod deferred;
mod headers;
#[cfg(feature = "http")]
mod http;
#[cfg(any(
    feature = "actix",
    feature = "axum",
    feature = "poem",
    feature = "rocket",
    feature = "salvo"
))]
mod json;
pub(crate) mod layer;
#[cfg(feature = "poem")]
pub(crate) mod poem;
#[cfg(feature = "rocket")]
mod rocket;
#[cfg(feature = "salvo")]
mod salvo;
pub(crate) mod sent;
#[cfg(feature = "tower")]
pub(crate) mod tower;
#[cfg(feature = "warp")]
mod warp;

#[cfg(feature = "poem")]
pub use self::poem::PoemError;
