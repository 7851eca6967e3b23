//! Readers at the moment when Redis comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cache_runtime::{BreakerState, Cache, cache};
use cache_testkit::RedisServer;
use cache_testkit::proxy::{Fault, Proxy};
use tokio::task::yield_now;

type Database = Arc<AtomicU64>;

#[cache("version", cache = cache, skip(database))]
async fn read(cache: &Cache, database: &Database, id: u64) -> u64 {
    database.load(Ordering::SeqCst)
}

#[cache("version", method = "PUT", cache = cache)]
async fn write(cache: &Cache, database: &Database, id: u64) {
    database.fetch_add(1, Ordering::SeqCst);
}

/// Between the breaker, which a probe closes, and what is owed, which is delivered a little later, nobody
/// reads what is stale.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_reader_slips_through_between_a_probe_and_what_is_owed() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let cache = Cache::builder()
        .url(proxy.url())
        .deadline(Duration::from_secs(5));
    let cache = cache.build().expect("the URL is right");
    let database = Database::default();
    for _ in 0..40 {
        while cache.stats().breaker == BreakerState::Open {
            yield_now().await;
        }
        read(&cache, &database, 1).await;
        proxy.set(Fault::Refuse);
        while cache.stats().breaker == BreakerState::Closed {
            read(&cache, &database, 1).await;
        }
        write(&cache, &database, 1).await;
        assert_eq!(cache.stats().owed, 1);
        let over = Arc::new(AtomicBool::new(false));
        let readers = [0; 3].map(|_| {
            let (cache, database, over) = (cache.clone(), database.clone(), over.clone());
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let least = database.load(Ordering::SeqCst);
                    assert_eq!(read(&cache, &database, 1).await, least, "an old value");
                    yield_now().await;
                }
            })
        });
        proxy.set(Fault::None);
        assert_eq!(cache.flush(Duration::from_secs(30)).await, 0);
        over.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.await.expect("it saw no old value");
        }
    }
}
