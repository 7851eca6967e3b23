//! `#[cache]` on a Redis Cluster: which node is asked what, slots that move, nodes that go.

#![allow(
    clippy::items_after_statements,
    reason = "a test declares the function that it calls"
)]

mod counting;
mod faults;
mod moving;
mod nodes;

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use cache_runtime::{Cache, CacheBuilder};
use cache_testkit::RedisCluster;

const MINUTE: Duration = Duration::from_secs(60);

/// A busy machine must not look like a slow server, nor chance like a mistake.
fn patient(cluster: &RedisCluster) -> CacheBuilder {
    Cache::builder()
        .cluster_nodes(cluster.nodes().split(','))
        .deadline(Duration::from_secs(5))
        .jitter(0.0)
}

/// A cache that is connected to all nodes.
async fn on(cluster: &RedisCluster) -> Cache {
    let cache = patient(cluster).build().expect("the nodes are right");
    for node in 0..3 {
        let key = name_at(cluster, node, |number| format!("warm:{number}"));
        cache.set(&key, &0, MINUTE).await.expect("set");
        assert_eq!(cache.delete([key]).await.expect("deleted"), 1);
    }
    cache
}

/// The first of these names that this node serves.
fn name_at(cluster: &RedisCluster, node: usize, name: impl Fn(u64) -> String) -> String {
    let mut names = (0..).map(name);
    let found = names.find(|name| cluster.owner(name) == node);
    found.expect("one of many")
}

/// The same, where the number is what is wanted.
fn number_at(cluster: &RedisCluster, node: usize, name: impl Fn(u64) -> String) -> u64 {
    let mut numbers = 0..;
    let found = numbers.find(|&number| cluster.owner(&name(number)) == node);
    found.expect("one of many")
}

/// The cluster that the tests share, empty and for one test alone.
struct Turn {
    cluster: Arc<RedisCluster>,
    _alone: tokio::sync::MutexGuard<'static, ()>,
}

/// It ends with the last test that waits for it.
async fn cluster() -> Turn {
    static SHARED: Mutex<Weak<RedisCluster>> = Mutex::new(Weak::new());
    static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let cluster = {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let cluster = Arc::new(RedisCluster::start().without_failure_detection());
            *shared = Arc::downgrade(&cluster);
            cluster
        })
    };
    let alone = ALONE.lock().await;
    for node in 0..3 {
        let () = cluster.node(node).run(&["FLUSHALL"]);
    }
    Turn {
        cluster,
        _alone: alone,
    }
}

impl Deref for Turn {
    type Target = RedisCluster;

    fn deref(&self) -> &RedisCluster {
        &self.cluster
    }
}
