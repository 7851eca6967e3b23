//! `#[cache]` on functions that are called by hand, on both stores.

#![allow(
    clippy::items_after_statements,
    reason = "a test declares the function that it calls"
)]

mod coherence;
mod keys;
mod more_shapes;
mod pressure;
mod processes;
mod shapes;
mod stores;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_runtime::Cache;
use cache_tests::RedisServer;

/// How often a function's body ran.
#[derive(Clone, Default)]
struct Runs(Arc<AtomicU64>);

impl Runs {
    fn count(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

fn on(server: &RedisServer) -> Cache {
    Cache::builder()
        .url(server.url())
        .build()
        .expect("the URL is right")
}

/// Runs one test on the in-process store and on a real server.
async fn on_both_stores<F: Future<Output = ()>>(test: impl Fn(Cache) -> F) {
    test(Cache::in_memory()).await;
    let server = RedisServer::start();
    test(on(&server)).await;
}

const MINUTE: Duration = Duration::from_secs(60);
