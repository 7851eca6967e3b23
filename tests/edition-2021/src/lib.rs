//! A crate of edition 2021 that knows `cache-runtime` by another name.

#![deny(warnings)]

use std::fmt::Display;

use remember::{cache, Cache};

pub use remember as remembered;

pub mod bare;
pub mod generated;

#[cfg(test)]
mod tests;

/// Reads.
#[cache(
    "text:{gen}:{try_}", crate = remember, cache = cache, tags = ["gen:{gen}"], condition = !try_.is_empty(),
    unless = |text| text.len() > 3 && *text != try_, stale_while_revalidate = "1m", stale_if_error = 60
)]
pub async fn text(
    cache: Cache,
    gen: u64,
    try_: String,
) -> Result<String, Box<dyn std::error::Error>> {
    if gen == 0 {
        return Err("none".into());
    }
    Ok(try_ + "!")
}

/// Writes.
#[cache(
    "text:{gen}:a", crate = remember, cache = cache, method = "PUT",
    to_invalidate_extra = {"late:{result}": "{gen}"}, tags_to_invalidate = ["gen:{gen}"],
    pattern_to_invalidate_extra = ["number:{gen}:*"]
)]
pub async fn write(cache: &Cache, gen: u64) -> impl Display {
    gen
}

/// Borrows for as long as its future lives, which in this edition has to be written down.
#[cache("borrowed:{text}", crate = remember, cache = cache, skip(T))]
pub async fn borrowed<'a, T: Display>(cache: &'a Cache, text: T) -> String {
    text.to_string()
}
