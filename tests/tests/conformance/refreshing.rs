//! `Cache::refreshing`: what is called in it is loaded anew.

use cache_runtime::{Cache, cache};
use cache_testkit::{MINUTE, Runs, SECOND, World, on_every_store};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::world::{read, read_tagged};

#[cache("inner", cache = cache, skip(runs))]
async fn inner(cache: &Cache, runs: &Runs) -> u64 {
    yield_now().await;
    runs.count()
}

#[cache("outer", cache = cache, skip(runs))]
async fn outer(cache: &Cache, runs: &Runs) -> u64 {
    inner(cache, runs).await
}

#[cache("failing", cache = cache, skip(result), stale_if_error = 60)]
async fn failing(cache: &Cache, result: Result<u64, u64>) -> Result<u64, u64> {
    result
}

#[tokio::test]
async fn what_is_called_in_it_runs_and_is_stored() {
    on_every_store(async |cache| {
        let runs = Runs::default();
        assert_eq!(inner(&cache, &runs).await, 1);
        assert_eq!(cache.refreshing(inner(&cache, &runs)).await, 2);
        assert_eq!(inner(&cache, &runs).await, 2);
        let stats = cache.stats();
        assert_eq!((stats.misses, stats.fills, stats.hits), (2, 2, 1));
    })
    .await;
}

#[tokio::test]
async fn so_does_what_a_cached_function_calls() {
    on_every_store(async |cache| {
        let runs = Runs::default();
        assert_eq!(outer(&cache, &runs).await, 1);
        assert_eq!(cache.refreshing(outer(&cache, &runs)).await, 2);
        assert_eq!(inner(&cache, &runs).await, 2);
        assert_eq!(outer(&cache, &runs).await, 2);
    })
    .await;
}

#[tokio::test]
async fn it_goes_for_its_own_cache_and_for_that_of_a_scope_around_it() {
    let [one, other, third] = [(); 3].map(|()| Cache::in_memory());
    let runs = Runs::default();
    for cache in [&one, &other, &third] {
        inner(cache, &runs).await;
    }
    let of_both = async {
        for cache in [&one, &other, &third] {
            inner(cache, &runs).await;
        }
    };
    let inside = other.refreshing(of_both);
    one.refreshing(inside).await;
    let misses = [&one, &other, &third].map(|cache| cache.stats().misses);
    assert_eq!(misses, [2, 2, 1]);
}

#[tokio::test]
async fn a_task_that_is_spawned_in_it_reads_as_always() {
    let (cache, runs) = (Cache::in_memory(), Runs::default());
    inner(&cache, &runs).await;
    let spawned = async {
        let (cache, runs) = (cache.clone(), runs.clone());
        tokio::spawn(async move { inner(&cache, &runs).await }).await
    };
    assert_eq!(cache.refreshing(spawned).await.expect("no panic"), 1);
    let spawned = {
        let (clone, runs) = (cache.clone(), runs.clone());
        cache.refreshing(async move { inner(&clone, &runs).await })
    };
    assert_eq!(tokio::spawn(spawned).await.expect("no panic"), 2);
}

#[tokio::test]
async fn a_function_that_fails_leaves_the_entry_and_tells_its_caller() {
    on_every_store(async |cache| {
        assert_eq!(failing(&cache, Ok(1)).await, Ok(1));
        assert_eq!(cache.refreshing(failing(&cache, Err(2))).await, Err(2));
        assert_eq!(failing(&cache, Err(3)).await, Ok(1));
    })
    .await;
}

#[tokio::test]
async fn meanwhile_others_are_served_what_was_there() {
    on_every_store(async |cache| {
        let world = World::new(cache.clone());
        cache.set("value:1", &7, MINUTE).await.expect("set");
        let refresh = {
            let world = world.clone();
            tokio::spawn(cache.refreshing(async move { read(&world, 1).await }))
        };
        world.has_read.pass().await;
        assert_eq!(read(&world, 1).await, 7);
        world.open();
        assert_eq!(refresh.await.expect("no panic"), 0);
        assert_eq!(read(&world, 1).await, 0);
    })
    .await;
}

/// What is loaded is what was there: that it was loaded, the bytes don't tell.
#[tokio::test]
async fn refreshes_of_one_key_that_meet_run_the_function_once() {
    on_every_store(async |cache| {
        let world = World::new(cache.clone());
        world.may_return.let_pass(2);
        read(&world, 1).await;
        read_tagged(&world, 2).await;
        for _ in 0..2 {
            world.has_read.pass().await;
        }
        let mut refreshes = Vec::new();
        for _ in 0..10 {
            let world = world.clone();
            refreshes.push(tokio::spawn(cache.refreshing(async move {
                tokio::join!(read(&world, 1), read_tagged(&world, 2))
            })));
        }
        for _ in 0..2 {
            world.has_read.pass().await;
        }
        let runs_again = timeout(SECOND / 2, world.has_read.pass());
        assert!(runs_again.await.is_err(), "they wait");
        world.open();
        for refresh in refreshes {
            assert_eq!(refresh.await.expect("no panic"), (0, 0));
        }
        assert_eq!(world.row.loads(), 4);
    })
    .await;
}
