//! How a cache finds its server by its settings, and what it says where it does not.

#![allow(
    clippy::items_after_statements,
    reason = "a test declares the function that it calls"
)]

mod blog;
mod environment;
mod log;
mod mistakes;
mod readme;
mod rights;
mod sentinel;
mod times;
mod tls;

use std::time::Duration;

use cache_runtime::{Cache, CacheBuilder};

const MINUTE: Duration = Duration::from_secs(60);

/// A busy machine must not look like a slow server, nor chance like a mistake.
fn patient() -> CacheBuilder {
    Cache::builder()
        .deadline(Duration::from_secs(5))
        .jitter(0.0)
}

/// Waits for what happens in the background.
async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    for _ in 0..6000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain until {what}");
}
