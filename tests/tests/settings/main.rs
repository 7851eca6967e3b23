//! How a cache finds its server by its settings, and what it says where it does not.

#![allow(
    clippy::items_after_statements,
    reason = "a test declares the function that it calls"
)]

mod configuration;
mod connections;
mod credentials;
mod environment;
mod incidents;
mod mistakes;
mod ping;
mod rights;
mod sentinel;
mod times;
mod tls;

use cache_runtime::{BreakerState, CacheBuilder};
use cache_testkit::{Blog, Log};

/// The functions return as if there were no cache, and the log says why in one line.
async fn is_bypassed_and_says(settings: CacheBuilder, parts: &[&str]) {
    let log = Log::start();
    let blog = Blog::new(settings);
    blog.answers().await;
    let stats = blog.cache.stats();
    assert_eq!((stats.hits, stats.fills), (0, 0), "{stats:?}");
    assert_eq!(stats.breaker, BreakerState::Open);
    log.says(parts);
}
