//! Caches on the servers of a test, and on every store that there is.

use std::sync::atomic::{AtomicU64, Ordering};

use cache_runtime::{Cache, CacheBuilder};

use crate::{RedisCluster, RedisServer, SECOND, SentinelSet};

/// Settings for a test: a busy machine must not look like a slow server, nor chance like a mistake.
pub fn cache_builder() -> CacheBuilder {
    Cache::builder().deadline(5 * SECOND).jitter(0.0)
}

impl RedisServer {
    /// The settings of a cache on this server.
    pub fn cache_builder(&self) -> CacheBuilder {
        cache_builder().url(self.url())
    }

    /// A cache on this server.
    #[must_use]
    pub fn cache(&self) -> Cache {
        let cache = self.cache_builder().build();
        cache.expect("the URL is right")
    }
}

impl RedisCluster {
    /// The settings of a cache on this cluster.
    pub fn cache_builder(&self) -> CacheBuilder {
        cache_builder().cluster_nodes(self.nodes().split(','))
    }
}

impl SentinelSet {
    /// The settings of a cache on the master that these sentinels name.
    pub fn cache_builder(&self) -> CacheBuilder {
        cache_builder().sentinels(self.sentinels().split(','), self.name())
    }
}

/// Runs one test on the in-process store, on a server and on a cluster.
pub async fn on_every_store<F: Future<Output = ()>>(test: impl Fn(Cache) -> F) {
    test(Cache::in_memory()).await;
    let server = RedisServer::start();
    test(server.cache()).await;
    drop(server);
    let cluster = RedisCluster::shared();
    test(in_a_namespace(&cluster)).await;
}

/// A part of the cluster that no other test of this process uses.
fn in_a_namespace(cluster: &RedisCluster) -> Cache {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let cache = cluster.cache_builder().namespace(format!("test{number}"));
    cache.build().expect("the nodes are right")
}
