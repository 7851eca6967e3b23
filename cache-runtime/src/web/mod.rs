//! What the frameworks' types mean: one file for each, behind its feature.

#[cfg(feature = "actix")]
mod actix;
#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "http")]
mod http;
