//! A server that goes and comes, and the application's own ways to it.

use cache_runtime::redis::deadpool_redis::{Config, Runtime};
use cache_runtime::{BreakerState, Cache};
use cache_testkit::{MINUTE, RedisServer, Runs, SECOND, cache_builder, eventually, free_port};

use crate::posts::{read_post, write_post};

#[tokio::test]
async fn without_its_redis_a_function_answers_and_with_it_again_it_is_cached() {
    let (port, runs) = (free_port(), Runs::default());
    let cache = cache_builder().host("127.0.0.1").port(port).build();
    let cache = cache.expect("right");
    assert_eq!(read_post(&cache, &runs, 1).await, Ok(1));
    assert_eq!(write_post(&cache, 1, "x", false).await, Ok((1, 9)));
    assert_eq!(cache.stats().breaker, BreakerState::Open);
    assert_eq!(
        cache.stats().pending_invalidations,
        4,
        "three keys and a pattern"
    );
    let server = RedisServer::start_on(port);
    assert_eq!(cache.drain(30 * SECOND).await, 0);
    assert_eq!(cache.stats().breaker, BreakerState::Closed);
    assert_eq!(read_post(&cache, &runs, 1).await, Ok(2));
    assert_eq!(read_post(&cache, &runs, 1).await, Ok(2));
    drop(server);
    assert_eq!(read_post(&cache, &runs, 1).await, Ok(3));
    let _server = RedisServer::start_on(port);
    let is_closed = async || cache.stats().breaker == BreakerState::Closed;
    eventually("the breaker is closed", is_closed).await;
    assert_eq!(read_post(&cache, &runs, 1).await, Ok(4));
    assert_eq!(read_post(&cache, &runs, 1).await, Ok(4));
}

#[tokio::test]
async fn users_databases_and_pools_of_the_application_are_used() {
    let server = RedisServer::start();
    let () = server.run(&["ACL", "SETUSER", "app", "on", ">s3cret", "~*", "+@all"]);
    let by_password = |password| {
        let settings = cache_builder().host("127.0.0.1").port(server.port());
        settings.username("app").password(password)
    };
    let by_user = by_password("s3cret").db(3).build().expect("right");
    by_user.set("key", &1, MINUTE).await.expect("set");
    assert_eq!(server.keys(), [""; 0], "database 0 is empty");
    let url = format!("redis://app:s3cret@{}/3", server.address());
    let pool = Config::from_url(url).create_pool(Some(Runtime::Tokio1));
    let pool = pool.expect("a pool");
    let from_pool = Cache::from_pool(pool.clone());
    assert_eq!(from_pool.get("key").await.expect("get"), Some(1));
    let named = cache_builder().pool(pool).namespace("blog:").build();
    let named = named.expect("right");
    named.set("key", &2, MINUTE).await.expect("set");
    assert_eq!(by_user.get("blog:key").await.expect("get"), Some(2));
    let wrong = by_password("wrong").build().expect("no I/O");
    let error = wrong.get::<u8>("key").await.expect_err("refused");
    assert!(!format!("{error:?}").contains("wrong\""), "{error:?}");
}
