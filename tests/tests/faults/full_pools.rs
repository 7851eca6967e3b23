//! A pool whose connections are all in use. The cache has a connection of its own, which goes on.

use std::time::Duration;

use cache_runtime::redis::deadpool_redis::{Config, PoolConfig, Runtime, Timeouts};
use cache_runtime::{BreakerState, Cache, ErrorKind};
use cache_testkit::{MINUTE, RedisServer, cache_builder};

const WAIT: Duration = Duration::from_millis(50);

/// By a pool of one connection, for which nobody waits longer than this.
fn cache_with_one(server: &RedisServer, wait: Option<Duration>) -> Cache {
    let mut config = Config::from_url(server.url());
    config.pool = Some(PoolConfig {
        max_size: 1,
        timeouts: Timeouts {
            wait,
            ..Timeouts::default()
        },
        ..PoolConfig::default()
    });
    let pool = config.create_pool(Some(Runtime::Tokio1)).expect("a pool");
    let cache = cache_builder().pool(pool).response_timeout(WAIT);
    cache.build().expect("right")
}

#[tokio::test]
async fn who_waits_in_vain_for_a_connection_takes_none_from_the_cache() {
    let server = RedisServer::start();
    for wait in [None, Some(WAIT / 2)] {
        let cache = cache_with_one(&server, wait);
        cache.set("page", &1, MINUTE).await.expect("set");
        let _only = cache.connection().await.expect("it is free");
        for _ in 0..5 {
            let waited = cache.connection().await;
            assert!(waited.is_err(), "it is in use");
            assert_eq!(cache.get("page").await.expect("get"), Some(1));
        }
        assert_eq!(cache.stats().breaker, BreakerState::Closed);
    }
}

#[tokio::test]
async fn a_large_value_that_finds_no_connection_says_nothing_of_the_server() {
    let server = RedisServer::start();
    let cache = cache_with_one(&server, Some(WAIT));
    cache.set("page", &1, MINUTE).await.expect("set");
    let only = cache.connection().await.expect("it is free");
    let large = "x".repeat(100_000);
    for _ in 0..5 {
        let error = cache.set("large", &large, MINUTE).await;
        let error = error.expect_err("there is no connection for it");
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        assert_eq!(cache.get("page").await.expect("get"), Some(1));
    }
    assert_eq!(cache.stats().breaker, BreakerState::Closed);
    drop(only);
    cache.set("large", &large, MINUTE).await.expect("set");
}
