//! Callers that go away at any moment, and a server that has no room.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use cache_testkit::{RedisServer, eventually, on_every_store};
use tokio::task::JoinSet;

use crate::rows::{bump, plain, rows, tagged};

/// What the future returns, unless it is still at work after so many polls: then it is dropped.
async fn polled<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let (mut future, mut left) = (pin!(future), polls);
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[tokio::test]
async fn a_call_that_is_dropped_at_any_await_leaves_no_harm() {
    on_every_store(async |cache| {
        let rows = rows(1);
        let mut polls = 0;
        loop {
            polls += 1;
            cache.delete(["plain:0"]).await.expect("deleted");
            let read = polled(plain(&cache, rows.clone(), 0), polls).await;
            let version = rows[0].version();
            assert_eq!(plain(&cache, rows.clone(), 0).await.0, version);
            assert_eq!(tagged(&cache, rows.clone(), 0).await.0, version);

            let write = polled(bump(&cache, rows.clone(), 0), polls).await;
            // What a dropped write left to do is done in the background.
            eventually("the write is delivered", async || {
                let seen = plain(&cache, rows.clone(), 0).await.0;
                seen == rows[0].version()
            })
            .await;
            let version = rows[0].version();
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
    let cache = server.cache();
    let rows = rows(ROWS);
    let mut calls = JoinSet::new();
    for task in 0..16_usize {
        let (cache, rows) = (cache.clone(), rows.clone());
        calls.spawn(async move {
            for turn in 0..200_usize {
                // A tenth of the rows gets half of the calls.
                let id =
                    (task * 7919 + turn * 104_729) % if turn % 2 == 0 { ROWS } else { ROWS / 10 };
                if turn % 8 == 0 {
                    let version = bump(&cache, rows.clone(), id).await;
                    rows[id].has_returned(version);
                    continue;
                }
                let floor = rows[id].floor();
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
