//! `#[cache]` on a Redis Cluster: which node is asked what, slots that move, nodes that go.

#![allow(
    clippy::items_after_statements,
    reason = "a test declares the function that it calls"
)]

mod connections;
mod load;
mod migration;
mod nested;
mod nodes;
mod redirects;
mod routing;
mod slots;
mod strangers;
mod under_load;

use cache_runtime::Cache;
use cache_testkit::{MINUTE, RedisCluster};

/// A cache that is connected to all nodes.
async fn connected(cluster: &RedisCluster) -> Cache {
    let cache = cluster.cache_builder().build();
    let cache = cache.expect("the nodes are right");
    for node in 0..3 {
        let key = cluster.key_at(node, |number| format!("warm:{number}"));
        cache.set(&key, &0, MINUTE).await.expect("set");
        assert_eq!(cache.delete([key]).await.expect("deleted"), 1);
    }
    cache
}
