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

#[cache("item:all", cache = cache, skip(row))]
async fn item(cache: &Cache, row: &Row) -> u64 {
    row.load()
}

#[cache("menu:all", cache = cache, skip(row))]
async fn menu(cache: &Cache, row: &Row) -> u64 {
    item(cache, row).await
}

/// It names the inner entry by its key, and the outer one by a pattern.
#[cache("item:all", cache = cache, method = "PUT", pattern_to_invalidate_extra = ["menu:*"])]
async fn write_item(cache: &Cache, row: &Row) -> u64 {
    row.commit()
}

/// All that depends on the row, by patterns alone.
#[cache(
    cache = cache, method = "PUT",
    pattern_to_invalidate_extra = ["list:*", "profile:*", "page:*"]
)]
async fn write_by_patterns(cache: &Cache, row: &Row) -> u64 {
    row.commit()
}

/// A key between two patterns.
#[cache(
    "profile:all", cache = cache, method = "PUT",
    pattern_to_invalidate_extra = ["page:*", "list:*"]
)]
async fn write_between_patterns(cache: &Cache, row: &Row) -> u64 {
    row.commit()
}

/// Calls `$read` again and again while writes go on; and each of `$entries` whenever a write has returned.
macro_rules! nobody_sees_less_than_what_was_written {
    ($name:ident: $write:ident, $read:ident, $($entries:ident),+) => {
        async fn $name(cache: Cache) {
            let row = Arc::new(Row::default());
            let is_over = Arc::new(AtomicBool::new(false));
            let readers: Vec<_> = (0..4)
                .map(|_| {
                    let (cache, row, is_over) = (cache.clone(), row.clone(), is_over.clone());
                    tokio::spawn(async move {
                        while !is_over.load(Ordering::SeqCst) {
                            $read(&cache, &row).await;
                            tokio::task::yield_now().await;
                        }
                    })
                })
                .collect();
            for version in 1..=WRITES {
                assert_eq!($write(&cache, &row).await, version);
                $(assert_eq!($entries(&cache, &row).await, version, stringify!($entries));)+
            }
            is_over.store(true, Ordering::SeqCst);
            for reader in readers {
                reader.await.expect("no panic");
            }
        }
    };
}

const WRITES: u64 = 10;

nobody_sees_less_than_what_was_written!(inner_by_pattern: write, page, page, profile, list);
nobody_sees_less_than_what_was_written!(outer_by_pattern: write_item, menu, menu, item);
nobody_sees_less_than_what_was_written!(all_by_patterns: write_by_patterns, page, page, profile, list);
nobody_sees_less_than_what_was_written!(
    between_patterns: write_between_patterns, page, page, profile, list
);

/// So many that a scan takes a while.
fn with_other_keys(server: &RedisServer) {
    let fill = "for i = 1, 30000 do redis.call('SET', 'other:' .. i, i) end";
    let () = server.run(&["EVAL", fill, "0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_loaded_from_other_entries_is_as_new_as_they_are() {
    on_every_store(inner_by_pattern).await;
    on_every_store(outer_by_pattern).await;
    on_every_store(all_by_patterns).await;
    on_every_store(between_patterns).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn also_while_a_pattern_is_looked_for_among_many_keys() {
    let server = RedisServer::start();
    with_other_keys(&server);
    inner_by_pattern(server.cache()).await;
    outer_by_pattern(server.cache()).await;
    all_by_patterns(server.cache()).await;
    between_patterns(server.cache()).await;
}
