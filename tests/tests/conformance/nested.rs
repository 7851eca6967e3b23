//! Cached functions that read through other cached functions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cache_runtime::{Cache, cache};
use cache_testkit::{RedisServer, Row, on_every_store};

#[cache("list:all", cache = cache, skip(row))]
async fn list(cache: &Cache, row: &Row) -> u64 {
    row.load()
}

#[cache("profile:all", cache = cache, skip(row))]
async fn profile(cache: &Cache, row: &Row) -> u64 {
    list(cache, row).await
}

#[cache("page:all", cache = cache, tags = ["pages"], skip(row))]
async fn page(cache: &Cache, row: &Row) -> u64 {
    profile(cache, row).await
}

/// It names all that depends on the row.
#[cache(
    "profile:all", cache = cache, method = "PUT",
    tags_to_invalidate = ["pages"], pattern_to_invalidate_extra = ["list:*"]
)]
async fn write(cache: &Cache, row: &Row) -> u64 {
    row.commit()
}

/// Reads all of it, again and again, while writes go on; and looks at it whenever a write has returned.
async fn nobody_sees_less_than_what_was_written(cache: Cache) {
    const WRITES: u64 = 10;
    let row = Arc::new(Row::default());
    let is_over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (cache, row, is_over) = (cache.clone(), row.clone(), is_over.clone());
            tokio::spawn(async move {
                while !is_over.load(Ordering::SeqCst) {
                    page(&cache, &row).await;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for version in 1..=WRITES {
        assert_eq!(write(&cache, &row).await, version);
        assert_eq!(page(&cache, &row).await, version, "the page");
        assert_eq!(profile(&cache, &row).await, version, "the profile");
        assert_eq!(list(&cache, &row).await, version, "the list");
    }
    is_over.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await.expect("no panic");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_loaded_from_other_entries_is_as_new_as_they_are() {
    on_every_store(nobody_sees_less_than_what_was_written).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn also_while_a_pattern_is_looked_for_among_many_keys() {
    let server = RedisServer::start();
    let fill = "for i = 1, 30000 do redis.call('SET', 'other:' .. i, i) end";
    let () = server.run(&["EVAL", fill, "0"]);
    nobody_sees_less_than_what_was_written(server.cache()).await;
}
