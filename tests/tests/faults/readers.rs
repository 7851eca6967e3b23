//! Readers at the moment when Redis comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cache_runtime::{BreakerState, Cache, cache};
use cache_testkit::proxy::{Fault, Proxy};
use cache_testkit::{RedisServer, Row, SECOND, cache_builder};
use tokio::task::yield_now;

#[cache("version", cache = cache, skip(row))]
async fn read(cache: &Cache, row: &Row, id: u64) -> u64 {
    row.load()
}

#[cache("version", method = "PUT", cache = cache)]
async fn write(cache: &Cache, row: &Row, id: u64) {
    row.commit();
}

/// Between the breaker, which a probe closes, and what is owed, which is delivered a little later, nobody
/// reads what is stale.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_reader_slips_through_between_a_probe_and_what_is_owed() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let cache = cache_builder().url(proxy.url()).build();
    let cache = cache.expect("the URL is right");
    let row = Arc::new(Row::default());
    for _ in 0..40 {
        while cache.stats().breaker == BreakerState::Open {
            yield_now().await;
        }
        read(&cache, &row, 1).await;
        proxy.set(Fault::Refuse);
        while cache.stats().breaker == BreakerState::Closed {
            read(&cache, &row, 1).await;
        }
        write(&cache, &row, 1).await;
        assert_eq!(cache.stats().pending_invalidations, 1);
        let over = Arc::new(AtomicBool::new(false));
        let readers = [0; 3].map(|_| {
            let (cache, row, over) = (cache.clone(), row.clone(), over.clone());
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let least = row.version();
                    assert_eq!(read(&cache, &row, 1).await, least, "an old value");
                    yield_now().await;
                }
            })
        });
        proxy.set(Fault::None);
        assert_eq!(cache.drain(30 * SECOND).await, 0);
        over.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.await.expect("it saw no old value");
        }
    }
}
