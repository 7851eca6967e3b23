//! `#[cache]` on functions that are called by hand, on every store.

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

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use cache_runtime::{Cache, CacheBuilder};
use cache_testkit::{RedisCluster, RedisServer};

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

/// Runs one test on the in-process store, on a real server and on a real cluster.
async fn on_every_store<F: Future<Output = ()>>(test: impl Fn(Cache) -> F) {
    test(Cache::in_memory()).await;
    let server = RedisServer::start();
    test(on(&server)).await;
    drop(server);
    let cluster = shared_cluster();
    test(on_cluster(&cluster)).await;
}

/// A part of the cluster that no other test uses.
fn on_cluster(cluster: &RedisCluster) -> Cache {
    let cache = Cache::builder()
        .cluster_nodes(cluster.nodes().split(','))
        .namespace(uuid::Uuid::new_v4().to_string())
        .deadline(Duration::from_secs(5))
        .jitter(0.0);
    cache.build().expect("the nodes are right")
}

/// One for all tests that run at the same time. It ends with the last of them.
fn shared_cluster() -> Arc<RedisCluster> {
    static SHARED: Mutex<Weak<RedisCluster>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let cluster = Arc::new(RedisCluster::start().without_failure_detection());
        *shared = Arc::downgrade(&cluster);
        cluster
    })
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
