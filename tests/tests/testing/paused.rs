//! A clock that stands still, and jumps when there is nothing to do.

use std::time::Duration;

use cache_runtime::{Cache, cache};
use cache_testkit::{
    MINUTE, RedisCluster, RedisServer, Runs, SECOND, SentinelSet, eventually, proxy,
};
use futures_util::future::{join, join_all};
use tokio::task::yield_now;
use tokio::time::{Instant, advance, pause};

#[cache("value", expiration = 60, tags = ["all"], skip(runs))]
async fn read(runs: &Runs, id: u64) -> u64 {
    yield_now().await;
    runs.count()
}

#[cache(
    "value", method = "PUT", tags_to_invalidate = ["all"], pattern_to_invalidate_extra = ["value:*"]
)]
async fn write(id: u64) {
    yield_now().await;
}

#[cache("large", skip(runs))]
async fn large(runs: &Runs) -> String {
    runs.count();
    "large".repeat(100_000)
}

#[cache("near", near = "20ms", skip(runs))]
async fn near(runs: &Runs) -> u64 {
    runs.count()
}

/// On a store whose deadline is that of production.
async fn nothing_times_out(cache: &Cache) {
    let (runs, start) = (Runs::default(), Instant::now());
    let calls = async {
        for id in 1..=20 {
            assert_eq!(read(&runs, id).await, id);
            assert_eq!(read(&runs, id).await, id);
        }
        large(&runs).await;
        large(&runs).await;
        write(1).await;
        read(&runs, 1).await;
        join_all((21..=40).map(|id| read(&runs, id))).await;
    };
    cache.scope(calls).await;
    cache.set("key", &1, MINUTE).await.expect("set");
    assert_eq!(cache.get("key").await.expect("get"), Some(1));
    assert_eq!(cache.delete(["key"]).await.expect("delete"), 1);
    assert!(cache.delete_pattern("value:*").await.expect("delete") > 0);
    let stats = cache.stats();
    assert_eq!(stats.errors.total(), 0, "{stats:?}");
    assert_eq!(
        (stats.misses, stats.hits, stats.bypassed),
        (20 + 1 + 1 + 20, 20 + 1, 0)
    );
    assert_eq!((stats.fills, stats.invalidations), (42, 1));
    assert_eq!(Instant::now(), start, "no timer has made the clock jump");
}

#[tokio::test(start_paused = true)]
async fn no_operation_times_out_because_the_clock_jumped() {
    let (server, set, cluster) = (
        RedisServer::start(),
        SentinelSet::start(),
        RedisCluster::shared(),
    );
    let builder = || Cache::builder().jitter(0.0).deadline(SECOND);
    for settings in [
        builder().in_memory(1 << 24),
        builder().url(server.url()),
        builder().sentinels(set.sentinels().split(','), set.name()),
        builder()
            .cluster_nodes(cluster.nodes().split(','))
            .namespace("paused"),
    ] {
        nothing_times_out(&settings.build().expect("right")).await;
    }
}

#[tokio::test]
async fn neither_does_one_on_a_connection_that_is_older_than_the_pause() {
    let server = RedisServer::start();
    let cache = Cache::builder().url(server.url()).deadline(SECOND).build();
    let cache = cache.expect("right");
    cache.set("key", &1, MINUTE).await.expect("set");
    pause();
    for _ in 0..100 {
        assert_eq!(cache.get("key").await.expect("get"), Some(1));
    }
}

#[tokio::test(start_paused = true)]
async fn neither_does_one_that_is_under_way_while_the_test_advances_the_clock() {
    let server = RedisServer::start();
    let cache = Cache::builder().url(server.url()).deadline(SECOND).build();
    let cache = cache.expect("right");
    cache.set("key", &1, MINUTE).await.expect("set");
    for _ in 0..100 {
        let (value, ()) = join(cache.get::<u64>("key"), advance(MINUTE)).await;
        assert_eq!(value.expect("get"), Some(1));
    }
}

#[tokio::test(start_paused = true)]
async fn copies_in_memory_are_as_coherent_as_ever() {
    let server = RedisServer::start();
    let [one, other] = [(); 2].map(|()| {
        let cache = Cache::builder().url(server.url()).deadline(SECOND).build();
        cache.expect("right")
    });
    let runs = Runs::default();
    eventually("there are copies", async || {
        one.scope(near(&runs)).await;
        one.stats().near.hits > 0
    })
    .await;
    for value in 100..110 {
        other.set("near", &value, MINUTE).await.expect("set");
        assert_eq!(one.scope(near(&runs)).await, value);
    }
    assert_eq!(one.stats().errors.total(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_still_costs_one_deadline() {
    let server = RedisServer::start();
    let proxy = proxy::Proxy::start(server.port());
    let cache = Cache::builder().host("127.0.0.1").port(proxy.port());
    let cache = cache.deadline(Duration::from_millis(50)).build();
    let cache = cache.expect("right");
    cache.set("key", &1, MINUTE).await.expect("set");
    proxy.set(proxy::Fault::Hang);
    let runs = Runs::default();
    for _ in 0..5 {
        cache.scope(read(&runs, 1)).await;
    }
    assert_eq!(runs.get(), 5);
    let stats = cache.stats();
    assert!((1..=3).contains(&stats.errors.timeouts), "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn entries_in_the_process_expire_by_the_clock_of_the_test_alone() {
    const SHORT: Duration = Duration::from_millis(20);
    let cache = Cache::in_memory();
    cache.set("key", &1, SHORT).await.expect("set");
    // What a test does takes time on the clock of the machine.
    std::thread::sleep(3 * SHORT);
    assert_eq!(cache.get("key").await.expect("get"), Some(1));
    advance(SHORT).await;
    assert_eq!(cache.get("key").await.expect("get"), Some(1));
    advance(Duration::from_millis(1)).await;
    assert_eq!(cache.get::<u64>("key").await.expect("get"), None);
}
