//! One cache of the process, and tests that each have a runtime of their own.

use std::sync::{LazyLock, OnceLock};
use std::thread;

use cache_runtime::{Cache, cache};
use cache_testkit::{Authority, MINUTE, RedisServer, Runs, Validity};
use tokio::runtime::Builder;

static CACHE: OnceLock<Cache> = OnceLock::new();

fn cache() -> Cache {
    CACHE.get().expect("its test has set it").clone()
}

#[cache("value", cache = cache(), skip(runs))]
async fn read(runs: &Runs, id: u64) -> u64 {
    runs.count()
}

#[cache("large", cache = cache(), skip(runs))]
async fn large(runs: &Runs, id: u64) -> String {
    runs.count();
    "large".repeat(100_000)
}

/// As `#[tokio::test]` does.
fn in_a_runtime_of_its_own<T>(test: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(test)
}

/// What is sent once and no more.
async fn set(cache: &Cache) {
    cache.set("key", &1, MINUTE).await.expect("set");
    assert_eq!(cache.get("key").await.expect("get"), Some(1));
}

#[test]
fn a_connection_whose_runtime_has_ended_is_made_anew_before_anything_is_sent() {
    let server = RedisServer::start();
    CACHE.set(server.cache()).expect("no other test sets it");
    for id in 0..5 {
        in_a_runtime_of_its_own(async {
            set(&cache()).await;
            let runs = Runs::default();
            for _ in 0..2 {
                read(&runs, id).await;
                large(&runs, id).await;
            }
            assert_eq!(runs.get(), 2);
        });
    }
    let stats = cache().stats();
    assert_eq!((stats.misses, stats.hits, stats.bypassed), (10, 10, 0));
    assert_eq!(stats.errors.total(), 0, "{stats:?}");
}

#[test]
fn so_is_one_of_a_pool_and_one_that_is_encrypted() {
    use cache_runtime::redis::deadpool_redis::{Config, Runtime};

    let server = RedisServer::start();
    let pool = Config::from_url(server.url()).create_pool(Some(Runtime::Tokio1));
    let pool = Cache::from_pool(pool.expect("the URL is right"));
    let authority = Authority::new();
    let encrypted = RedisServer::start_tls(&authority, &["127.0.0.1"], Validity::Now, false);
    let tls = encrypted.cache_builder().tls_ca(authority.ca_file());
    for cache in [pool, tls.build().expect("right")] {
        for _ in 0..5 {
            in_a_runtime_of_its_own(set(&cache));
        }
        assert_eq!(cache.stats().errors.total(), 0);
    }
}

#[test]
fn a_cache_in_the_process_serves_runtimes_side_by_side() {
    static IN_PROCESS: LazyLock<Cache> = LazyLock::new(Cache::in_memory);

    #[cache("value", cache = IN_PROCESS.clone(), skip(runs))]
    async fn read(runs: &Runs, id: u64) -> u64 {
        tokio::task::yield_now().await;
        runs.count()
    }

    let tests = [(); 4].map(|()| {
        thread::spawn(|| {
            let runs = Runs::default();
            let calls = async {
                for id in 0..50 {
                    read(&runs, id).await;
                }
            };
            in_a_runtime_of_its_own(calls);
            runs.get()
        })
    });
    let runs: u64 = tests
        .map(|test| test.join().expect("no panic"))
        .iter()
        .sum();
    assert_eq!(runs, 50, "one load for each key");
    assert_eq!(IN_PROCESS.stats().bypassed, 0);
}
