//! Writes whose commit comes behind them: what they make stale is removed when that is said, and not before.

use std::future::{pending, poll_fn};
use std::mem::forget;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use cache_runtime::{Cache, cache};
use cache_testkit::{MINUTE, RedisServer, Refused, Runs, World, on_every_store};
use tokio::runtime;
use tokio::task::yield_now;
use tokio::time::{advance, sleep, timeout};

use crate::world::{read, read_tagged, start};

/// An hour, in milliseconds.
const FULL: i64 = 3_600_000;

/// A statement of a transaction: the row changes when that is committed.
#[cache("value", cache = world.cache, method = "PUT")]
async fn change(world: &World, id: u64) {}

#[cache(tags_to_invalidate = ["tag:{id}"], cache = world.cache)]
async fn change_tag(world: &World, id: u64) {}

#[cache(pattern_to_invalidate_extra = ["value:"], cache = world.cache)]
async fn change_all(world: &World) {}

#[cache("value", cache = world.cache, method = "PUT")]
async fn refuse(world: &World, id: u64) -> Result<(), Refused> {
    Err(Refused)
}

#[cache("value", cache = world.cache, method = "PUT")]
async fn fail(world: &World, id: u64) -> Result<(), String> {
    Err("nobody knows".to_owned())
}

#[cache("value", cache = world.cache, method = "PUT")]
async fn hang(world: &World, id: u64) {
    pending::<()>().await;
}

fn opened(cache: Cache) -> World {
    let world = World::new(cache);
    world.open();
    world
}

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

#[tokio::test]
async fn what_is_written_in_a_scope_stays_until_it_is_applied() {
    on_every_store(async |cache| {
        let world = opened(cache);
        for id in [1, 3] {
            read(&world, id).await;
        }
        read_tagged(&world, 2).await;
        let scope = async {
            change(&world, 1).await;
            change_tag(&world, 2).await;
            change_all(&world).await;
            "done"
        };
        let (value, stale) = world.cache.deferred(scope).await;
        assert_eq!(value, "done");
        world.row.commit();
        let loads = world.row.loads();
        for id in [1, 3] {
            assert_eq!(read(&world, id).await, 0, "it is not said to be committed");
        }
        assert_eq!(read_tagged(&world, 2).await, 0);
        assert_eq!(world.row.loads(), loads);
        stale.apply().await;
        for id in [1, 3] {
            assert_eq!(read(&world, id).await, 1);
        }
        assert_eq!(read_tagged(&world, 2).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_load_that_has_read_before_the_commit_is_not_stored_behind_it() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        let ((), stale) = world.cache.deferred(change(&world, 1)).await;
        let reader = start!(world, read(1));
        world.has_read.pass().await;
        world.row.commit();
        stale.apply().await;
        world.open();
        assert_eq!(reader.await.expect("no panic"), 0, "it began before");
        assert_eq!(read(&world, 1).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_read_in_a_scope_runs_and_stores_nothing() {
    on_every_store(async |cache| {
        let world = opened(cache);
        read(&world, 1).await;
        world.row.commit();
        let scope = async {
            assert_eq!(read(&world, 1).await, 1, "what the transaction sees");
            read(&world, 2).await;
        };
        let ((), stale) = world.cache.deferred(scope).await;
        stale.rolled_back().await;
        assert_eq!(read(&world, 1).await, 0, "and what is cached stays");
        let stats = world.stats();
        assert_eq!((stats.fills, stats.bypassed), (1, 2), "{stats:?}");
    })
    .await;
}

#[tokio::test]
async fn a_read_in_a_scope_waits_for_nobody() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        let reader = start!(world, read(1));
        world.has_read.pass().await;
        let scope = async {
            let mut inside = pin!(read(&world, 1));
            assert!(poll_once(inside.as_mut()).await.is_pending());
            assert_eq!(world.row.loads(), 2, "it runs");
        };
        let ((), stale) = world.cache.deferred(scope).await;
        stale.rolled_back().await;
        world.open();
        assert_eq!(reader.await.expect("no panic"), 0);
    })
    .await;
}

#[tokio::test]
async fn a_transaction_that_is_rolled_back_changes_nothing() {
    let server = RedisServer::start();
    let world = opened(server.cache());
    let ttl = || server.run::<i64>(&["PTTL", "value:1"]);
    read(&world, 1).await;
    let scope = async {
        change(&world, 1).await;
        change(&world, 1).await;
        change_all(&world).await;
    };
    let ((), stale) = world.cache.deferred(scope).await;
    assert!(ttl() < FULL / 2, "the writers may still commit");
    stale.rolled_back().await;
    assert!(ttl() > FULL / 2);
    assert_eq!(server.keys(), ["value:1"], "no fence is left");
    read(&world, 1).await;
    assert_eq!(world.row.loads(), 1);
}

#[tokio::test]
async fn nothing_is_left_of_a_scope_that_is_applied() {
    let server = RedisServer::start();
    let world = opened(server.cache());
    for writes in [1, 3] {
        let scope = async {
            for _ in 0..writes {
                change(&world, 1).await;
            }
        };
        let ((), stale) = world.cache.deferred(scope).await;
        stale.apply().await;
        assert_eq!(server.keys(), [""; 0], "{writes} writes");
    }
}

#[tokio::test]
async fn a_refused_write_takes_its_own_fence_away_and_no_other() {
    let server = RedisServer::start();
    let world = opened(server.cache());
    let ttl = |id: u64| server.run::<i64>(&["PTTL", &format!("value:{id}")]);
    for id in [1, 2] {
        read(&world, id).await;
    }
    let scope = async {
        change(&world, 1).await;
        for id in [1, 2] {
            assert_eq!(refuse(&world, id).await, Err(Refused));
        }
        assert!(ttl(1) < FULL / 2, "the first write may still commit");
        assert!(ttl(2) > FULL / 2);
    };
    let ((), stale) = world.cache.deferred(scope).await;
    world.row.commit();
    stale.apply().await;
    assert_eq!(read(&world, 1).await, 1);
    assert_eq!(read(&world, 2).await, 0, "it was not written");
}

#[tokio::test]
async fn a_write_in_doubt_keeps_its_fence_when_the_scope_is_applied() {
    let server = RedisServer::start();
    let world = opened(server.cache());
    let fence = || server.run::<i64>(&["PTTL", "__cache:fence:{value:1}"]);
    let scope = async {
        assert!(fail(&world, 1).await.is_err());
        change(&world, 1).await;
    };
    read(&world, 1).await;
    let ((), stale) = world.cache.deferred(scope).await;
    world.row.commit();
    stale.apply().await;
    assert!(fence() > 29_000);
    assert_eq!(read(&world, 1).await, 1, "and what it names is removed");
}

#[tokio::test]
async fn a_function_that_is_dropped_in_a_scope_is_removed_when_that_is_applied() {
    on_every_store(async |cache| {
        let world = opened(cache);
        read(&world, 1).await;
        let scope = async {
            assert!(poll_once(pin!(hang(&world, 1))).await.is_pending());
            let slow = timeout(Duration::from_millis(20), hang(&world, 1));
            assert!(slow.await.is_err());
        };
        let ((), stale) = world.cache.deferred(scope).await;
        assert_eq!(world.cache.drain(MINUTE).await, 0);
        assert_eq!(read(&world, 1).await, 0);
        world.row.commit();
        stale.apply().await;
        assert_eq!(read(&world, 1).await, 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_commit_after_the_drop_is_seen_when_the_fence_has_ended() {
    for late in [0, 1, 28, 29] {
        for drops_scope in [false, true] {
            let world = opened(Cache::in_memory());
            assert_eq!(read(&world, 1).await, 0);
            let begin = async {
                change(&world, 1).await;
                change(&world, 2).await;
            };
            if drops_scope {
                let scope = async {
                    begin.await;
                    pending::<()>().await;
                };
                assert!(
                    poll_once(pin!(world.cache.deferred(scope)))
                        .await
                        .is_pending()
                );
            } else {
                drop(world.cache.deferred(begin).await);
            }
            let loads = world.row.loads();
            assert_eq!(read(&world, 1).await, 0);
            assert_eq!(world.row.loads(), loads + 1, "it was removed");
            advance(Duration::from_secs(late)).await;
            assert_eq!(read(&world, 1).await, 0);
            world.row.commit();
            advance(Duration::from_secs(30 - late) + Duration::from_millis(1)).await;
            assert_eq!(read(&world, 1).await, 1, "{late} s late");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_pattern_of_a_dropped_scope_matches_is_removed_once_more() {
    let world = opened(Cache::in_memory());
    read(&world, 1).await;
    drop(world.cache.deferred(change_all(&world)).await);
    assert_eq!(read(&world, 1).await, 0);
    world.row.commit();
    sleep(Duration::from_secs(29)).await;
    assert_eq!(read(&world, 1).await, 0, "it can't be known yet");
    sleep(Duration::from_millis(1001)).await;
    assert_eq!(world.cache.drain(MINUTE).await, 0);
    assert_eq!(read(&world, 1).await, 1);
}

#[tokio::test(start_paused = true)]
async fn fences_are_renewed_while_the_scope_lasts() {
    let world = opened(Cache::in_memory());
    let scope = async {
        change(&world, 1).await;
        sleep(Duration::from_secs(100)).await;
    };
    let ((), stale) = world.cache.deferred(scope).await;
    assert_eq!(read(&world, 1).await, 0, "and is stored, under the fence");
    world.row.commit();
    // As if the process had died.
    forget(stale);
    advance(Duration::from_secs(30) + Duration::from_millis(1)).await;
    assert_eq!(read(&world, 1).await, 1);
}

#[tokio::test]
async fn an_inner_scope_counts_at_once_and_again_with_the_outer_one() {
    on_every_store(async |cache| {
        let world = opened(cache);
        read(&world, 1).await;
        let outer = async {
            let ((), inner) = world.cache.deferred(change(&world, 1)).await;
            world.row.commit();
            inner.apply().await;
            assert_eq!(start!(world, read(1)).await.expect("no panic"), 1);
        };
        let ((), stale) = world.cache.deferred(outer).await;
        world.row.commit();
        assert_eq!(read(&world, 1).await, 1);
        stale.apply().await;
        assert_eq!(read(&world, 1).await, 2, "the inner one was a savepoint");
    })
    .await;
}

#[tokio::test]
async fn an_inner_scope_that_is_rolled_back_leaves_nothing_to_the_outer_one() {
    on_every_store(async |cache| {
        let world = opened(cache);
        read(&world, 1).await;
        let outer = async {
            let ((), inner) = world.cache.deferred(change(&world, 1)).await;
            inner.rolled_back().await;
        };
        let ((), stale) = world.cache.deferred(outer).await;
        stale.apply().await;
        read(&world, 1).await;
        assert_eq!(world.row.loads(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_task_that_is_spawned_in_a_scope_knows_nothing_of_it() {
    on_every_store(async |cache| {
        let world = opened(cache);
        read(&world, 1).await;
        let scope = async { start!(world, change(1)).await.expect("no panic") };
        let ((), stale) = world.cache.deferred(scope).await;
        world.row.commit();
        assert_eq!(read(&world, 1).await, 1, "it was removed at once");
        stale.rolled_back().await;
    })
    .await;
}

#[tokio::test]
async fn an_application_that_is_dropped_goes_on_in_the_background() {
    let server = RedisServer::start();
    let world = opened(server.cache());
    for writes in [1, 2] {
        read(&world, 1).await;
        let scope = async {
            for _ in 0..writes {
                change(&world, 1).await;
            }
        };
        let ((), stale) = world.cache.deferred(scope).await;
        let version = world.row.commit();
        let mut apply = Box::pin(stale.apply());
        assert!(poll_once(apply.as_mut()).await.is_pending());
        drop(apply);
        assert_eq!(world.cache.drain(MINUTE).await, 0);
        assert_eq!(read(&world, 1).await, version);
    }
}

#[cache("count", skip(runs))]
async fn count(runs: &Runs, id: u64) -> u64 {
    runs.count()
}

#[cache("count", method = "PUT")]
async fn change_count(id: u64) {}

#[tokio::test]
async fn functions_in_a_scope_use_its_cache_and_an_explicit_one_before_it() {
    let (cache, world) = (Cache::in_memory(), opened(Cache::in_memory()));
    for cache in [&cache, &world.cache] {
        cache.set("count:1", &0, MINUTE).await.expect("stored");
        cache.set("value:1", &0, MINUTE).await.expect("stored");
    }
    let scope = async {
        change_count(1).await;
        change(&world, 1).await;
        count(&Runs::default(), 1).await
    };
    let (runs, stale) = cache.deferred(scope).await;
    assert_eq!(runs, 1);
    stale.apply().await;
    for (cache, removed) in [(&cache, "count:1"), (&world.cache, "value:1")] {
        for key in ["count:1", "value:1"] {
            let value = cache.get::<u64>(key).await.expect("JSON");
            assert_eq!(value.is_none(), key == removed, "{key}");
        }
    }
}

#[test]
fn a_scope_waits_where_the_runtime_has_no_timers() {
    let runtime = runtime::Builder::new_current_thread().build();
    let world = World::new(Cache::in_memory());
    world.may_return.let_pass(100);
    runtime.expect("a runtime").block_on(async {
        assert_eq!(read(&world, 1).await, 0);
        let ((), stale) = world
            .cache
            .deferred(async {
                change(&world, 1).await;
                yield_now().await;
            })
            .await;
        world.row.commit();
        stale.apply().await;
        assert_eq!(read(&world, 1).await, 1);
    });
}
