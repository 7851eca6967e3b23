//! Runtimes that can't do all that the cache would use.

use cache_runtime::{Cache, cache};
use cache_testkit::{RedisCluster, RedisServer, Runs, SECOND, SentinelSet};
use tokio::runtime::Builder;
use tokio::task::yield_now;

#[cache("value", expiration = 60, stale_while_revalidate = 60, cache = cache, skip(runs))]
async fn read(cache: Cache, runs: Runs) -> u64 {
    yield_now().await;
    runs.count()
}

#[cache("value", method = "PUT", pattern_to_invalidate_extra = ["value*"], cache = cache)]
async fn write(cache: &Cache) -> u64 {
    yield_now().await;
    7
}

#[test]
fn without_timers_functions_return_as_without_a_cache() {
    let (server, set, cluster) = (
        RedisServer::start(),
        SentinelSet::start(),
        RedisCluster::shared(),
    );
    for settings in [
        server.cache_builder(),
        set.cache_builder(),
        cluster.cache_builder(),
        Cache::builder().in_memory(1 << 20),
    ] {
        let cache = settings.build().expect("right");
        let runs = Runs::default();
        let runtime = Builder::new_current_thread().build();
        runtime.expect("a runtime").block_on(async {
            for _ in 0..3 {
                // Two at once: one might wait for the other.
                let calls = [0; 2].map(|_| read(cache.clone(), runs.clone()));
                let [first, second] = calls;
                let (first, second) = tokio::join!(first, second);
                assert!(first > 0 && second > 0);
                assert_eq!(write(&cache).await, 7);
            }
            let _ = cache.drain(SECOND).await;
        });
        assert!(runs.get() >= 3, "each write made it stale");
    }
}
