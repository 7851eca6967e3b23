//! Several processes, as far as their server can tell.

use std::sync::atomic::{AtomicUsize, Ordering};

use cache_runtime::Cache;
use cache_testkit::{RedisCluster, RedisServer};

/// Tells apart those that share the cluster.
static NAMESPACE: AtomicUsize = AtomicUsize::new(0);

/// Caches of different processes, as far as their servers can tell.
pub(crate) async fn on_every_server<F: Future<Output = ()>>(test: impl Fn([Cache; 3]) -> F) {
    let server = RedisServer::start();
    test([(); 3].map(|()| server.cache())).await;
    drop(server);
    let cluster = RedisCluster::shared();
    let namespace = format!("fleet{}", NAMESPACE.fetch_add(1, Ordering::Relaxed));
    let cache = || cluster.cache_builder().namespace(&namespace).build();
    test([(); 3].map(|()| cache().expect("right"))).await;
}
