//! What the log tells of an incident: that it begins, and that it is over.

use cache_runtime::BreakerState;
use cache_testkit::log::Event;
use cache_testkit::{
    Log, MINUTE, RedisCluster, RedisServer, SECOND, cache_builder, eventually, free_port,
};
use tracing::Level;

/// The events with one of these messages, in their order.
fn told(log: &Log, messages: &[&str]) -> Vec<Event> {
    let is_meant = |event: &Event| messages.contains(&event.message.as_str());
    log.events().into_iter().filter(is_meant).collect()
}

#[tokio::test]
async fn an_outage_begins_and_ends_with_how_many_invalidations_were_delivered() {
    const MADE: &str = "cache is ready";
    const GONE: &str = "Redis is unavailable, and calls run uncached";
    const QUEUED: &str =
        "invalidations are queued and retried, and this process does not serve what they name";
    const BACK: &str = "Redis is available again";
    const DELIVERED: &str = "queued invalidations were delivered";
    let log = Log::start();
    let port = free_port();
    let cache = cache_builder().host("127.0.0.1").port(port).build();
    let cache = cache.expect("right");
    for keys in [["a", "b"], ["b", "c"]] {
        assert!(cache.delete(keys).await.is_err());
    }
    let server = RedisServer::start_on(port);
    assert_eq!(cache.drain(30 * SECOND).await, 0);
    let events = told(&log, &[MADE, GONE, QUEUED, BACK, DELIVERED]);
    let messages: Vec<&str> = events.iter().map(|event| event.message.as_str()).collect();
    assert_eq!(messages, [MADE, GONE, QUEUED, BACK, DELIVERED]);
    let levels: Vec<Level> = events.iter().map(|event| event.level).collect();
    assert_eq!(
        levels,
        [
            Level::INFO,
            Level::WARN,
            Level::INFO,
            Level::INFO,
            Level::INFO
        ]
    );
    let address = server.address();
    let store = format!("redis://{address}/0");
    assert_eq!(events[0].field("store"), Some(store.as_str()));
    assert_eq!(events[1].field("server"), Some(address.as_str()));
    assert_eq!(events[4].field("delivered"), Some("3"));
    assert!(events.iter().all(|event| event.target == "cache_runtime"));
}

#[tokio::test]
async fn a_node_that_is_back_is_told_of() {
    const GONE: &str = "cluster node is unavailable, and calls for its slots run uncached";
    const BACK: &str = "cluster node is available again";
    let log = Log::start();
    let options = ["--cluster-require-full-coverage", "no"];
    let mut cluster = RedisCluster::start_with(&options).without_failure_detection();
    let cache = cluster.cache_builder().build().expect("right");
    let number = cluster.number_at(1, |number| format!("key:{number}"));
    let key = format!("key:{number}");
    cache.set(&key, &1, MINUTE).await.expect("set");
    cluster.node_mut(1).kill();
    eventually("the node is not asked any more", async || {
        let _ = cache.get::<u8>(&key).await;
        cache.stats().breaker == BreakerState::Open
    })
    .await;
    cluster.node_mut(1).restart();
    eventually("the node is asked again", async || {
        let _ = cache.get::<u8>(&key).await;
        !told(&log, &[BACK]).is_empty()
    })
    .await;
    let events = told(&log, &[GONE, BACK]);
    let messages: Vec<&str> = events.iter().map(|event| event.message.as_str()).collect();
    assert_eq!(messages, [GONE, BACK]);
    assert_eq!(events[0].field("server"), events[1].field("server"));
}

#[tokio::test]
async fn slots_that_nobody_serves_are_told_of_until_they_are_served_again() {
    const UNSERVED: &str =
        "cluster does not serve all slots, and calls for the others run uncached";
    const WHOLE: &str = "cluster is whole again";
    let log = Log::start();
    let options = ["--cluster-require-full-coverage", "no"];
    let cluster = RedisCluster::start_with(&options).without_failure_detection();
    let slot = cluster.slot("key");
    cluster.uncover(slot);
    let cache = cluster.cache_builder().build().expect("right");
    eventually("the slot is missed", async || {
        let _ = cache.get::<u8>("key").await;
        !told(&log, &[UNSERVED]).is_empty()
    })
    .await;
    cluster.cover(slot, 0);
    eventually("the slot is found", async || {
        let _ = cache.get::<u8>("key").await;
        !told(&log, &[WHOLE]).is_empty()
    })
    .await;
    let events = told(&log, &[UNSERVED, WHOLE]);
    assert_eq!(events.len(), 2, "{events:#?}");
    assert_eq!(events[0].field("served"), Some("16383"));
    let setting = events[0].field("setting");
    assert_eq!(setting, Some("REDIS_CACHE_CLUSTER_NODES"));
}
