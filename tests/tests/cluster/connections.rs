//! The application's own ways to the nodes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use cache_runtime::ErrorKind;
use cache_runtime::redis::deadpool_redis::{Config, Runtime};
use cache_testkit::{MINUTE, RedisCluster, cache_builder};

use crate::connected;

#[tokio::test]
async fn there_is_a_connection_to_the_node_of_a_key_and_none_to_all() {
    let cluster = RedisCluster::exclusive().await;
    let cache = connected(&cluster).await;
    assert!(matches!(
        cache.connection().await,
        Err(error) if error.kind() == ErrorKind::NoSingleServer
    ));
    for node in 0..3 {
        let key = cluster.key_at(node, |number| format!("key:{number}"));
        let mut connection = cache.connection_for(&key).await.expect("a connection");
        let () = cache_runtime::redis::cmd("SET")
            .arg(&[key.as_str(), "7"])
            .query_async(&mut connection)
            .await
            .expect("it is there");
        assert_eq!(cluster.node(node).keys(), [key.as_str()]);
        assert_eq!(cache.get(&key).await.expect("get"), Some(7));
    }
}

#[tokio::test]
async fn the_applications_own_pools_are_used_for_each_node() {
    let cluster = RedisCluster::exclusive().await;
    let ports = Arc::new(Mutex::new(BTreeSet::new()));
    let asked = ports.clone();
    let node = cluster.node(0).address();
    let cache = cache_builder().cluster_pools([node], move |host, port| {
        asked.lock().expect("no panic").insert(port);
        let config = Config::from_url(format!("redis://{host}:{port}"));
        config.create_pool(Some(Runtime::Tokio1))
    });
    let cache = cache.build().expect("one node is enough");
    for node in 0..3 {
        let key = cluster.key_at(node, |number| format!("own:{number}"));
        cache.set(&key, &node, MINUTE).await.expect("set");
        assert_eq!(cache.get(&key).await.expect("get"), Some(node));
    }
    let primaries = [0, 1, 2].map(|node| cluster.node(node).port());
    assert_eq!(*ports.lock().expect("no panic"), primaries.into());
}
