//! Removals by pattern, beside everybody else.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use cache_runtime::{Cache, cache, pattern};
use cache_testkit::{Gate, MINUTE, Row, eventually};
use futures_util::future::{join, join_all};
use tokio::task::JoinSet;

/// More than are looked at before others get their turn.
const MANY: u32 = 20_000;

async fn with_entries(count: u32) -> Cache {
    let cache = Cache::builder().in_memory(1 << 30).jitter(0.0).build();
    let cache = cache.expect("right");
    for n in 0..count {
        cache
            .set(format!("other:{n}"), &n, MINUTE)
            .await
            .expect("set");
    }
    cache
}

#[cache("row", cache = cache, skip(row, gate))]
async fn read(cache: &Cache, row: &Row, gate: &Gate, id: u32) -> u64 {
    let version = row.load();
    gate.pass().await;
    version
}

/// An entry that is made of others.
#[cache("outer", cache = cache, skip(row, gate))]
async fn outer(cache: &Cache, row: &Row, gate: &Gate, id: u32) -> u64 {
    read(cache, row, gate, id).await
}

#[cache("tagged", cache = cache, skip(row, gate), tags = ["rows"])]
async fn tagged(cache: &Cache, row: &Row, gate: &Gate, id: u32) -> u64 {
    read(cache, row, gate, id).await
}

/// Removes all that is made of a row.
#[cache("outer", cache = cache, method = "PUT", pattern_to_invalidate_extra = ["row:*"], tags_to_invalidate = ["rows"])]
async fn write(cache: &Cache, row: &Row, id: u32) -> u64 {
    row.commit()
}

fn open() -> Gate {
    let gate = Gate::default();
    gate.let_pass(1_000_000);
    gate
}

/// Polls this once.
async fn begin<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    poll_fn(|context| {
        Poll::Ready(match pin!(&mut *future).poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn hits_and_misses_get_their_turn_while_a_pattern_is_looked_for_among_many() {
    let cache = with_entries(10 * MANY).await;
    let (row, gate) = (Row::default(), open());
    let mut removal = pin!(cache.delete_pattern("row:*"));
    let (mut turns, mut removed) = (0, None);
    while removed.is_none() {
        removed = begin(&mut removal).await;
        // A key of which nothing is removed: its load has the lease, and is stored.
        outer(&cache, &row, &gate, turns).await;
        outer(&cache, &row, &gate, turns).await;
        turns += 1;
    }
    assert!(turns > 10 * MANY / 2000, "{turns}");
    let stats = cache.stats();
    assert!(stats.hits >= u64::from(turns), "{stats:?}");
}

#[tokio::test]
async fn a_load_that_began_before_the_removal_is_not_stored_behind_it() {
    let cache = with_entries(MANY).await;
    let (row, gate) = (Row::default(), Gate::default());
    let mut load = pin!(read(&cache, &row, &gate, 1));
    assert!(begin(&mut load).await.is_none());
    row.commit();
    assert_eq!(cache.delete_pattern("row:*").await.expect("deleted"), 0);
    gate.let_pass(2);
    assert_eq!(load.await, 0);
    assert_eq!(read(&cache, &row, &gate, 1).await, 1);
    assert_eq!((row.loads(), cache.stats().fills), (2, 1));
}

#[tokio::test]
async fn neither_is_one_that_begins_while_it_is_under_way() {
    let cache = with_entries(MANY).await;
    let (row, gate) = (Row::default(), Gate::default());
    let mut removal = pin!(cache.delete_pattern("row:*"));
    assert!(begin(&mut removal).await.is_none(), "it takes its time");
    let mut load = pin!(read(&cache, &row, &gate, 1));
    assert!(begin(&mut load).await.is_none());
    removal.await.expect("deleted");
    gate.let_pass(3);
    load.await;
    assert_eq!(cache.stats().fills, 0);
    // It is over.
    read(&cache, &row, &gate, 1).await;
    read(&cache, &row, &gate, 1).await;
    assert_eq!((row.loads(), cache.stats().fills), (2, 1));
}

#[tokio::test]
async fn all_that_matches_is_gone_when_it_returns_and_is_counted_once() {
    let cache = with_entries(MANY).await;
    let removals = [
        pattern!("other:*1"),
        pattern!("other:*"),
        pattern!("other:1*"),
    ];
    let removals = removals.map(|pattern| cache.delete_pattern(pattern));
    let removed: u64 = join_all(removals)
        .await
        .into_iter()
        .map(|removed| removed.expect("deleted"))
        .sum();
    assert_eq!(removed, u64::from(MANY));
    for n in 0..MANY {
        let left = cache.get::<u32>(format!("other:{n}")).await;
        assert_eq!(left.expect("get"), None, "{n}");
    }
}

#[tokio::test]
async fn one_that_is_dropped_on_its_way_is_finished_and_nothing_stays_closed() {
    let cache = with_entries(MANY).await;
    {
        let mut removal = pin!(cache.delete_pattern("other:*"));
        assert!(begin(&mut removal).await.is_none(), "it takes its time");
    }
    assert_eq!(cache.stats().pending_invalidations, 1);
    eventually("it is delivered", async || {
        cache.stats().pending_invalidations == 0
    })
    .await;
    for n in 0..MANY {
        let left = cache.get::<u32>(format!("other:{n}")).await;
        assert_eq!(left.expect("get"), None, "{n}");
    }
    let (row, gate) = (Row::default(), open());
    read(&cache, &row, &gate, 1).await;
    read(&cache, &row, &gate, 1).await;
    assert_eq!((row.loads(), cache.stats().fills), (1, 1));
}

/// An entry that matches is there until its turn comes. What is loaded from it meanwhile must not stay.
#[tokio::test]
async fn what_is_loaded_meanwhile_from_what_is_still_to_be_removed_is_removed_as_well() {
    for id in 0..50 {
        let cache = with_entries(2 * MANY / 10).await;
        let (row, gate) = (Row::default(), open());
        read(&cache, &row, &gate, id).await;
        let mut write = pin!(write(&cache, &row, id));
        while begin(&mut write).await.is_none() {
            join(
                outer(&cache, &row, &gate, id),
                tagged(&cache, &row, &gate, id),
            )
            .await;
        }
        for _ in 0..2 {
            let seen = join(
                outer(&cache, &row, &gate, id),
                tagged(&cache, &row, &gate, id),
            )
            .await;
            assert_eq!(seen, (1, 1), "{id}");
        }
    }
}

/// Reads and writes of a few rows in several threads.
async fn assert_no_stale_read(cache: Cache) {
    let rows: Arc<[Row]> = (0..4).map(|_| Row::default()).collect();
    let gate = open();
    let mut tasks = JoinSet::new();
    for task in 0..8_u32 {
        let (cache, rows, gate) = (cache.clone(), rows.clone(), gate.clone());
        tasks.spawn(async move {
            for turn in 0..300_u32 {
                let id = (task + turn) % 4;
                let row = &rows[id as usize];
                if task < 2 && turn % 8 == 0 {
                    let version = write(&cache, row, id).await;
                    row.has_returned(version);
                }
                let floor = row.floor();
                let seen = match turn % 3 {
                    0 => read(&cache, row, &gate, id).await,
                    1 => outer(&cache, row, &gate, id).await,
                    _ => tagged(&cache, row, &gate, id).await,
                };
                assert!(seen >= floor, "{seen} of {floor}");
                let other = format!("other:{task}:{turn}");
                cache.set(other, &turn, MINUTE).await.expect("set");
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.expect("no stale read");
    }
    assert!(cache.stats().hits > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_thread_sees_less_than_what_has_returned() {
    assert_no_stale_read(with_entries(MANY / 4).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn neither_does_one_where_there_is_hardly_any_room() {
    for bytes in [4_000, 16_000, 64_000] {
        let cache = Cache::builder().in_memory(bytes).jitter(0.0).build();
        assert_no_stale_read(cache.expect("right")).await;
    }
}
