//! Large values behind a slow link: they hurt only themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cache_runtime::{BreakerState, Cache, ErrorKind, cache};
use cache_testkit::proxy::{Fault, Proxy};
use cache_testkit::{Log, MINUTE, RedisServer, Runs, SECOND, cache_builder};
use tokio::task::JoinSet;

const MEGABYTE: usize = 1_000_000;

/// Bytes in a second: a megabyte takes half of a deadline.
const RATE: u32 = 2_000_000;

#[cache("page", cache = cache, skip(runs))]
async fn page(cache: &Cache, runs: &Runs, id: usize) -> String {
    runs.count();
    "x".repeat(MEGABYTE)
}

#[cache("number", cache = cache, skip(runs))]
async fn number(cache: &Cache, runs: &Runs, id: usize) -> usize {
    runs.count();
    id
}

/// Calls of a small key, one after the other, until the work is over; says how many there were.
async fn meanwhile(cache: &Cache, runs: &Runs, work: JoinSet<()>) -> u64 {
    let is_over = Arc::new(AtomicBool::new(false));
    let waiting = tokio::spawn({
        let is_over = is_over.clone();
        async move {
            work.join_all().await;
            is_over.store(true, Ordering::SeqCst);
        }
    });
    let mut calls = 0;
    while !is_over.load(Ordering::SeqCst) {
        number(cache, runs, 1).await;
        calls += 1;
    }
    waiting.await.expect("no panic");
    calls
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn small_values_go_on_hitting_while_large_ones_are_under_way() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let cache = cache_builder().url(proxy.url()).deadline(SECOND);
    let cache = cache.max_value_size(2 * MEGABYTE).build().expect("right");
    let (pages, numbers) = (Runs::default(), Runs::default());
    number(&cache, &numbers, 1).await;
    page(&cache, &pages, 0).await;
    proxy.set(Fault::Rate(RATE));
    for _ in 0..2 {
        // First they are stored, and then read.
        let mut work = JoinSet::new();
        for id in 1..=5 {
            let (cache, pages) = (cache.clone(), pages.clone());
            work.spawn(async move { drop(page(&cache, &pages, id).await) });
        }
        let calls = meanwhile(&cache, &numbers, work).await;
        assert!(calls > 10, "{calls} calls");
        assert_eq!(
            numbers.get(),
            1,
            "all others were hits: {:?}",
            cache.stats()
        );
        assert_eq!(cache.stats().breaker, BreakerState::Closed);
    }
    // By itself, each is stored and read.
    page(&cache, &pages, 1).await;
    let runs = pages.get();
    page(&cache, &pages, 1).await;
    assert_eq!(pages.get(), runs, "{:?}", cache.stats());
}

#[tokio::test]
async fn what_is_too_large_is_returned_and_not_stored() {
    const TOLD: &str = "value is too large and is not stored";
    let server = RedisServer::start();
    let log = Log::start();
    for cache in [
        server.cache_builder().max_value_size(MEGABYTE).build(),
        Cache::builder()
            .in_memory(1 << 30)
            .max_value_size(MEGABYTE)
            .build(),
    ] {
        let (cache, runs) = (cache.expect("right"), Runs::default());
        let told = log.count(TOLD);
        for _ in 0..3 {
            assert_eq!(page(&cache, &runs, 1).await.len(), MEGABYTE);
        }
        assert_eq!(runs.get(), 3);
        assert_eq!(cache.stats().fills, 0);
        let error = cache.set("page", &"x".repeat(MEGABYTE), MINUTE).await;
        let error = error.expect_err("it is too large");
        assert_eq!(error.kind(), ErrorKind::ValueTooLarge);
        // With its quotes it has just the size.
        let value = "x".repeat(MEGABYTE - 2);
        cache.set("page", &value, MINUTE).await.expect("it fits");
        assert_eq!(log.count(TOLD), told + 1, "{:#?}", log.lines());
    }
}
