//! No prelude, and names of its own for what the prelude has.

#![no_implicit_prelude]

use ::std::string::{String, ToString as _};

/// Not the prelude's.
#[derive(::std::fmt::Debug)]
pub struct Option;

/// Not the prelude's.
#[derive(::std::fmt::Debug)]
pub struct Result;

/// Not the prelude's.
pub trait Clone {
    /// Not a clone.
    fn clone(&self) {}
}

/// Reads.
#[::remember::cache(
    "bare:{name}", crate = ::remember, cache = cache, skip(limit), unless = |text| text.len() > limit.len(),
    expiration = |text| text.len() + limit.len(),
    stale_if_error = {60, errors = |error| error.len() > limit.len()}
)]
pub async fn read(
    cache: &::remember::Cache,
    name: String,
    limit: String,
) -> ::std::result::Result<String, String> {
    let _ = limit;
    ::std::result::Result::Ok(name)
}

/// Writes.
#[::remember::cache("bare:{name}", crate = ::remember, cache = cache, method = "DELETE")]
pub async fn remove(cache: &::remember::Cache, name: &str) -> String {
    name.to_string()
}
