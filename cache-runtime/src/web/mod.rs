//! What the frameworks' types mean: one file for each, behind its feature.

#[cfg(feature = "actix")]
pub(crate) mod actix;
#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "layer")]
mod headers;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "layer")]
pub(crate) mod layer;
#[cfg(feature = "tower")]
pub(crate) mod tower;
