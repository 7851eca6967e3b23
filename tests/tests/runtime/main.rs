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
mod stale;
mod stores;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_runtime::{Cache, CacheBuilder};
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
    patient(server).build().expect("the URL is right")
}

/// A busy machine must not look like a slow server, nor chance like a mistake.
fn patient(server: &RedisServer) -> CacheBuilder {
    Cache::builder()
        .url(server.url())
        .deadline(Duration::from_secs(5))
        .jitter(0.0)
}

/// Runs one test on the in-process store and on a real server.
async fn on_both_stores<F: Future<Output = ()>>(test: impl Fn(Cache) -> F) {
    test(Cache::in_memory()).await;
    let server = RedisServer::start();
    test(on(&server)).await;
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Waits for what happens in the background.
async fn eventually(is_so: impl AsyncFn() -> bool) {
    for _ in 0..1000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not happen");
}
