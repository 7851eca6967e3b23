//! What could not be removed while Redis was away.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;

use cache_runtime::redis::deadpool_redis::{Config, Runtime};
use cache_runtime::{BreakerState, Cache, cache};
use cache_testkit::proxy::{Fault, Proxy};
use cache_testkit::{MINUTE, RedisServer, SECOND, cache_builder, eventually};
use tokio::runtime::Builder;

fn behind(proxy: &Proxy) -> Cache {
    let cache = cache_builder().url(proxy.url()).build();
    cache.expect("the URL is right")
}

#[tokio::test]
async fn what_one_cache_could_not_remove_is_served_by_no_other_of_the_process() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let [one, other] = [0, 1].map(|_| behind(&proxy));
    for cache in [&one, &other] {
        cache.set("key", &1, MINUTE).await.expect("set");
    }
    proxy.set(Fault::Reset);
    assert!(one.delete(["key"]).await.is_err());
    assert_eq!(other.get::<u8>("key").await.expect("a miss"), None);
    assert_eq!(other.stats().pending_invalidations, 1);
    proxy.set(Fault::None);
    assert_eq!(other.drain(MINUTE).await, 0);
    assert_eq!(server.keys(), [""; 0]);
    assert_eq!(one.stats().pending_invalidations, 0);
}

#[tokio::test]
async fn what_one_pool_could_not_remove_is_not_delivered_by_another_pool() {
    let servers = [0, 1].map(|_| RedisServer::start());
    let proxies = servers.each_ref().map(|server| Proxy::start(server.port()));
    let pools = proxies.each_ref().map(|proxy| {
        let pool = Config::from_url(proxy.url()).create_pool(Some(Runtime::Tokio1));
        pool.expect("the URL is right")
    });
    let [one, other, again] = [0, 1, 0].map(|pool| Cache::from_pool(pools[pool].clone()));
    for cache in [&one, &other] {
        cache.set("key", &1, MINUTE).await.expect("set");
    }
    proxies[0].set(Fault::Reset);
    assert!(one.delete(["key"]).await.is_err());
    assert_eq!(other.get::<u8>("key").await.expect("a hit"), Some(1));
    assert_eq!(other.drain(SECOND).await, 0);
    assert_eq!(one.stats().pending_invalidations, 1);
    assert_eq!(
        again.stats().pending_invalidations,
        1,
        "it is the same pool"
    );
    proxies[0].set(Fault::None);
    assert_eq!(again.drain(MINUTE).await, 0);
    assert_eq!(one.stats().pending_invalidations, 0);
    assert_eq!(servers[0].keys(), [""; 0]);
}

#[tokio::test]
async fn any_number_of_names_is_removed_in_time() {
    let server = RedisServer::start();
    let cache = server.cache();
    let keys = || (0..30_000).map(|id| format!("key:{id}"));
    for key in ["key:0", "key:29999", "other"] {
        cache.set(key, &1, MINUTE).await.expect("set");
    }
    assert_eq!(cache.delete(keys()).await.expect("it is in time"), 2);
    assert_eq!(cache.stats().pending_invalidations, 0);
    assert_eq!(server.keys(), ["other"]);
}

#[cache("in_doubt", cache = cache, method = "PUT")]
async fn fail_with_redis(cache: &Cache, proxy: &Proxy, id: u64) -> Result<(), String> {
    proxy.set(Fault::Reset);
    Err("nobody knows".to_owned())
}

#[tokio::test]
async fn a_write_in_doubt_is_removed_later_where_its_fence_could_not_be_renewed() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let cache = behind(&proxy);
    let fenced = async || cache.set("in_doubt:1", &1, MINUTE).await.expect("set");
    fenced().await;
    assert!(fail_with_redis(&cache, &proxy, 1).await.is_err());
    assert_eq!(cache.stats().pending_invalidations, 1);
    proxy.set(Fault::None);
    eventually("it is served meanwhile", async || {
        cache.get::<u8>("in_doubt:1").await.ok().flatten() == Some(1)
    })
    .await;
    assert_eq!(cache.stats().pending_invalidations, 1);

    // With a fence that stands anew there is no need.
    assert!(
        fail_with_redis(&cache, &Proxy::start(server.port()), 2)
            .await
            .is_err()
    );
    assert_eq!(cache.stats().pending_invalidations, 1);
}

/// Its invalidation is queued as well.
#[tokio::test]
async fn so_is_one_that_was_dropped() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let cache = behind(&proxy);
    cache.set("in_doubt:1", &1, MINUTE).await.expect("set");
    {
        let mut writer = pin!(hang_with_redis(&cache, &proxy, 1));
        let poll = poll_fn(|context| Poll::Ready(writer.as_mut().poll(context)));
        assert!(poll.await.is_pending());
        eventually("the function has begun", async || {
            let poll = poll_fn(|context| Poll::Ready(writer.as_mut().poll(context)));
            assert!(poll.await.is_pending());
            cache.get::<u8>("in_doubt:1").await.is_err()
        })
        .await;
    }
    eventually("its removal has failed", async || {
        cache.stats().pending_invalidations == 2
    })
    .await;
    proxy.set(Fault::None);
    let is_there = || server.run::<bool>(&["EXISTS", "in_doubt:1"]);
    eventually("it is removed", async || !is_there()).await;
    // The reply comes a little later.
    eventually("and once more later", async || {
        cache.stats().pending_invalidations == 1
    })
    .await;
}

#[cache("in_doubt", cache = cache, method = "PUT")]
async fn hang_with_redis(cache: &Cache, proxy: &Proxy, id: u64) {
    proxy.set(Fault::Reset);
    pending::<()>().await;
}

/// A runtime that nobody drives any more keeps the task that was to deliver.
#[test]
fn what_a_runtime_that_stands_still_was_to_deliver_is_delivered_on_another() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let cache = behind(&proxy);
    let runtime = || {
        Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
    };
    let standing = runtime();
    standing.block_on(async {
        cache.set("key", &1, MINUTE).await.expect("set");
        proxy.set(Fault::Reset);
        assert!(cache.delete(["key"]).await.is_err());
        // The task begins, and then waits for its next attempt.
        eventually("Redis is given up", async || {
            cache.stats().breaker == BreakerState::Open
        })
        .await;
        tokio::task::yield_now().await;
    });
    proxy.set(Fault::None);
    runtime().block_on(async {
        assert_eq!(cache.drain(MINUTE).await, 0);
        assert_eq!(server.keys(), [""; 0]);
    });
    drop(standing);
}

/// A runtime that ends takes its task with it, and leaves what is queued to the next one.
#[test]
fn what_a_runtime_that_has_ended_was_to_deliver_is_delivered_on_another() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let cache = behind(&proxy);
    let (ended, has_ended) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = Builder::new_multi_thread().enable_all().build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(async {
                cache.set("key", &1, MINUTE).await.expect("set");
                proxy.set(Fault::Reset);
                assert!(cache.delete(["key"]).await.is_err());
            });
            runtime.shutdown_timeout(SECOND);
            ended.send(()).expect("awaited");
        });
        has_ended.recv().expect("it ends");
        proxy.set(Fault::None);
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            assert_eq!(cache.drain(MINUTE).await, 0);
            assert_eq!(server.keys(), [""; 0]);
        });
    });
}
