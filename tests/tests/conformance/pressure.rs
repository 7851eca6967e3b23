//! Callers that go away at any moment, a server that has no room, and many entries at once.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use cache_runtime::{Cache, cache};
use cache_testkit::RedisServer;
use tokio::task::{JoinSet, yield_now};

use crate::{eventually, on, on_every_store, patient};

type Database = Arc<[AtomicU64]>;

fn database(rows: usize) -> Database {
    (0..rows).map(|_| AtomicU64::new(0)).collect()
}

#[cache("version", cache = cache, skip(database), tags = ["all"])]
async fn tagged(cache: &Cache, database: Database, id: usize) -> (u64, String) {
    load(&database, id).await
}

#[cache("plain", cache = cache, skip(database))]
async fn plain(cache: &Cache, database: Database, id: usize) -> (u64, String) {
    load(&database, id).await
}

/// With as much ballast as fills a small server.
async fn load(database: &Database, id: usize) -> (u64, String) {
    let version = database[id].load(Ordering::SeqCst);
    yield_now().await;
    (version, "-".repeat(4096))
}

#[cache("plain", cache = cache, method = "PUT", tags_to_invalidate = ["all"])]
async fn bump(cache: &Cache, database: Database, id: usize) -> u64 {
    yield_now().await;
    let version = database[id].fetch_add(1, Ordering::SeqCst) + 1;
    yield_now().await;
    version
}

/// The answer, unless the future is still at work after so many polls: then it is dropped.
async fn polled<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let (mut future, mut left) = (pin!(future), polls);
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[tokio::test]
async fn a_call_that_is_dropped_at_any_await_leaves_no_harm() {
    on_every_store(async |cache| {
        let rows = database(1);
        let mut polls = 0;
        loop {
            polls += 1;
            cache.delete(["plain:0"]).await.expect("deleted");
            let read = polled(plain(&cache, rows.clone(), 0), polls).await;
            let version = rows[0].load(Ordering::SeqCst);
            assert_eq!(plain(&cache, rows.clone(), 0).await.0, version);
            assert_eq!(tagged(&cache, rows.clone(), 0).await.0, version);

            let write = polled(bump(&cache, rows.clone(), 0), polls).await;
            // What a dropped write left to do is done in the background.
            eventually(async || {
                let seen = plain(&cache, rows.clone(), 0).await.0;
                seen == rows[0].load(Ordering::SeqCst)
            })
            .await;
            let version = rows[0].load(Ordering::SeqCst);
            assert_eq!(plain(&cache, rows.clone(), 0).await.0, version);
            assert_eq!(tagged(&cache, rows.clone(), 0).await.0, version);
            if read.is_some() && write.is_some() {
                break;
            }
            assert!(polls < 100, "it does not end");
        }
        assert!(polls > 2, "it was dropped at {polls} places");
        assert_eq!(cache.stats().errors.total(), 0);
    })
    .await;
}

#[tokio::test]
async fn whatever_a_full_server_evicts_no_reader_sees_an_old_version() {
    const ROWS: usize = 400;
    let server =
        RedisServer::start_with(&["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru"]);
    let cache = on(&server);
    let (rows, floors) = (database(ROWS), database(ROWS));
    let mut calls = JoinSet::new();
    for task in 0..16_usize {
        let (cache, rows, floors) = (cache.clone(), rows.clone(), floors.clone());
        calls.spawn(async move {
            for turn in 0..200_usize {
                // A tenth of the rows gets half of the calls.
                let id =
                    (task * 7919 + turn * 104_729) % if turn % 2 == 0 { ROWS } else { ROWS / 10 };
                if turn % 8 == 0 {
                    let version = bump(&cache, rows.clone(), id).await;
                    floors[id].fetch_max(version, Ordering::SeqCst);
                    continue;
                }
                let floor = floors[id].load(Ordering::SeqCst);
                let (seen, _) = if turn % 3 == 0 {
                    tagged(&cache, rows.clone(), id).await
                } else {
                    plain(&cache, rows.clone(), id).await
                };
                assert!(
                    seen >= floor,
                    "read {seen} of {id} after {floor} had returned"
                );
            }
        });
    }
    while let Some(call) = calls.join_next().await {
        call.expect("no stale read");
    }
    let stats: String = server.run(&["INFO", "stats"]);
    assert!(!stats.contains("evicted_keys:0\r"), "nothing was evicted");
    assert!(cache.stats().hits > 0, "{:?}", cache.stats());
}

#[tokio::test]
async fn a_tag_over_ten_thousand_entries_goes_in_one_command() {
    const KEYS: u64 = 10_000;

    #[cache("row", tags = ["all"], cache = cache)]
    async fn row(cache: &Cache, id: u64) -> u64 {
        id
    }

    let server = RedisServer::start();
    let cache = on(&server);
    let mut calls = JoinSet::new();
    // Not all at once: on a busy machine the last would find their leases at an end.
    for task in 0..20 {
        let cache = cache.clone();
        calls.spawn(async move {
            for id in (task..KEYS).step_by(20) {
                row(&cache, id).await;
            }
        });
    }
    while let Some(call) = calls.join_next().await {
        call.expect("no panic");
    }
    assert_eq!(server.run::<u64>(&["DBSIZE"]), KEYS + 1);
    server.reset_commands();
    cache.invalidate_tags(["all"]).await.expect("invalidated");
    assert_eq!(server.commands(), [("unlink".to_owned(), 1)].into());
    row(&cache, 1).await;
    assert_eq!(cache.stats().hits, 0);
}

#[tokio::test]
async fn without_fences_a_write_is_one_command_for_each_kind_of_key() {
    let server = RedisServer::start();
    let cache = patient(&server).fences(false).build().expect("right");
    let rows = database(1);
    plain(&cache, rows.clone(), 0).await;
    tagged(&cache, rows.clone(), 0).await;
    server.reset_commands();
    assert_eq!(bump(&cache, rows.clone(), 0).await, 1);
    // Leases, entries and tags.
    assert_eq!(server.commands(), [("unlink".to_owned(), 3)].into());
    assert_eq!(plain(&cache, rows.clone(), 0).await.0, 1);
    assert_eq!(tagged(&cache, rows, 0).await.0, 1);
}
