//! `max_loads`: so many loads of a function run at once, and the others wait.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use cache_runtime::{Cache, FunctionStats, cache};
use cache_testkit::{Log, MINUTE, Runs, SECOND, World, eventually, on_every_store};
use futures_util::FutureExt as _;
use tokio::time::timeout;

use crate::fleet::on_every_server;
use crate::world::start;

const SOON: Duration = Duration::from_millis(200);

#[cache("value", cache = world.cache, skip(world), max_loads = 2)]
async fn two_at_once(world: &World, id: u64) -> u64 {
    world.load().await
}

#[cache("value", cache = world.cache, skip(world), max_loads = 1)]
async fn one_at_once(world: &World, id: u64) -> u64 {
    world.load().await
}

#[cache("kept", cache = world.cache, skip(world), max_loads = 1, expiration = SOON, stale_if_error = "1h")]
async fn kept(world: &World, id: u64) -> u64 {
    world.load().await
}

#[cache("refreshed", cache = world.cache, skip(world), max_loads = 1, expiration = SOON, stale_while_revalidate = "1h")]
async fn refreshed(world: World, id: u64) -> u64 {
    world.load().await
}

#[cache("panics", cache = world.cache, skip(world), max_loads = 1)]
async fn panics(world: &World, id: u64) -> u64 {
    assert_ne!(world.load().await, 0, "a bad day");
    1
}

#[cache("tree:{of}", cache = cache, max_loads = 1)]
async fn depth(cache: &Cache, of: u64) -> u64 {
    if of == 0 {
        return 0;
    }
    Box::pin(depth(cache, of - 1)).await + 1
}

fn stats_of(world: &World, function: &str) -> FunctionStats {
    let path = format!("{}::{function}", module_path!());
    let stats = world.cache.stats_by_function();
    stats.get(path.as_str()).copied().unwrap_or_default()
}

/// Nobody runs who has not run yet.
async fn nobody_runs(world: &World) {
    let runs = timeout(SECOND / 2, world.has_read.pass());
    assert!(runs.await.is_err(), "more run than may");
}

#[tokio::test]
async fn so_many_run_at_once_and_the_others_in_their_turn() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        let calls: Vec<_> = (0..6).map(|id| start!(world, two_at_once(id))).collect();
        for _ in 0..2 {
            world.has_read.pass().await;
        }
        nobody_runs(&world).await;
        for _ in 0..4 {
            world.may_return.let_pass(1);
            world.has_read.pass().await;
        }
        nobody_runs(&world).await;
        world.open();
        for call in calls {
            assert_eq!(call.await.expect("no panic"), 0);
        }
        let stats = stats_of(&world, "two_at_once");
        assert_eq!((stats.loads, stats.fills, stats.misses), (6, 6, 6));
        assert_eq!((stats.queued, stats.shed), (4, 0));
    })
    .await;
}

#[tokio::test]
async fn calls_of_one_key_wait_for_one_turn() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        let first = start!(world, one_at_once(1));
        world.has_read.pass().await;
        let calls = [(); 20].map(|()| start!(world, one_at_once(2)));
        nobody_runs(&world).await;
        world.open();
        assert_eq!(first.await.expect("no panic"), 0);
        for call in calls {
            assert_eq!(call.await.expect("no panic"), 0);
        }
        let stats = stats_of(&world, "one_at_once");
        assert_eq!(
            (stats.loads, stats.misses, stats.bypassed.total()),
            (2, 2, 0)
        );
        assert_eq!((stats.queued, stats.shed), (1, 0));
        assert_eq!(stats.hits + stats.collapsed, 19);
    })
    .await;
}

#[tokio::test]
async fn whoever_has_waited_looks_again() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        let first = start!(world, one_at_once(1));
        world.has_read.pass().await;
        let second = start!(world, one_at_once(2));
        eventually("it waits", async || {
            stats_of(&world, "one_at_once").queued == 1
        })
        .await;
        world.cache.set("value:2", &7, MINUTE).await.expect("set");
        world.open();
        assert_eq!(first.await.expect("no panic"), 0);
        assert_eq!(second.await.expect("no panic"), 7);
        assert_eq!(world.row.loads(), 1);
    })
    .await;
}

#[tokio::test]
async fn another_process_loads_what_waits_in_this_one() {
    on_every_server(async |[one, other, _]| {
        let world = World::new(one);
        let mut next = world.clone();
        next.cache = other;
        let first = start!(world, one_at_once(1));
        world.has_read.pass().await;
        let second = start!(world, one_at_once(2));
        eventually("it waits", async || {
            stats_of(&world, "one_at_once").queued == 1
        })
        .await;
        let third = start!(next, one_at_once(2));
        // Sooner than a lease would end that nobody renews.
        let runs = timeout(2 * SECOND, next.has_read.pass());
        runs.await.expect("nobody holds the lease");
        world.open();
        for call in [first, second, third] {
            assert_eq!(call.await.expect("no panic"), 0);
        }
        assert_eq!(world.row.loads(), 2);
        assert_eq!(stats_of(&next, "one_at_once").loads, 1);
    })
    .await;
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_its_place_and_its_turn() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        let first = start!(world, one_at_once(1));
        world.has_read.pass().await;
        let waits = start!(world, one_at_once(2));
        let same = start!(world, one_at_once(2));
        let last = start!(world, one_at_once(3));
        nobody_runs(&world).await;
        assert_eq!(stats_of(&world, "one_at_once").queued, 2);
        waits.abort();
        first.abort();
        world.has_read.pass().await;
        world.open();
        for call in [same, last] {
            assert_eq!(call.await.expect("no panic"), 0);
        }
        let stats = stats_of(&world, "one_at_once");
        assert_eq!((stats.loads, stats.shed), (2, 0));
    })
    .await;
}

#[tokio::test]
async fn a_panic_makes_room_for_the_next() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        world.open();
        for id in 0..3 {
            let call = AssertUnwindSafe(panics(&world, id)).catch_unwind();
            assert!(call.await.is_err());
        }
        assert_eq!(stats_of(&world, "panics").queued, 0);
    })
    .await;
}

#[tokio::test]
async fn a_function_that_calls_itself_does_not_wait_for_its_own_room() {
    on_every_store(async |cache| {
        assert_eq!(depth(&cache, 3).await, 3);
        let stats = cache.stats();
        assert_eq!((stats.misses, stats.fills, stats.bypassed), (4, 4, 0));
        let stats = cache.stats_by_function();
        let stats = stats[concat!(module_path!(), "::depth")];
        assert_eq!((stats.queued, stats.shed), (0, 0));
    })
    .await;
}

/// One runs, and as many wait as may.
async fn is_full(world: &World) {
    drop(start!(world, kept(0)));
    world.has_read.pass().await;
    for id in 1..=100 {
        drop(start!(world, kept(id)));
    }
    eventually("the queue is full", async || {
        stats_of(world, "kept").queued == 100
    })
    .await;
}

#[tokio::test]
async fn beyond_the_queue_the_function_runs_and_its_value_is_stored() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        is_full(&world).await;
        let more = [(); 10].map(|()| start!(world, kept(101)));
        world.has_read.pass().await;
        nobody_runs(&world).await;
        world.open();
        for call in more {
            assert_eq!(call.await.expect("no panic"), 0);
        }
        assert_eq!(stats_of(&world, "kept").shed, 1);
    })
    .await;
}

#[tokio::test]
async fn beyond_the_queue_an_older_value_is_served() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        world.may_return.let_pass(1);
        assert_eq!(kept(&world, 101).await, 0);
        world.has_read.pass().await;
        tokio::time::sleep(SOON).await;
        is_full(&world).await;
        world.row.commit();
        for _ in 0..3 {
            let call = timeout(2 * SECOND, kept(&world, 101));
            assert_eq!(call.await.ok(), Some(0), "it waits for nobody");
        }
        let stats = stats_of(&world, "kept");
        assert_eq!((stats.stale, stats.shed), (3, 3));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn whoever_has_waited_too_long_runs_and_its_value_is_stored() {
    let (log, world) = (Log::start(), World::new(Cache::in_memory()));
    let first = start!(world, one_at_once(1));
    world.has_read.pass().await;
    let second = start!(world, one_at_once(2));
    world.has_read.pass().await;
    world.open();
    for call in [first, second] {
        assert_eq!(call.await.expect("no panic"), 0);
    }
    let stats = stats_of(&world, "one_at_once");
    assert_eq!((stats.queued, stats.shed, stats.fills), (1, 1, 2));
    assert_eq!(log.count("more loads wait than `max_loads` lets run"), 1);
}

#[tokio::test]
async fn a_refresh_in_the_background_waits_for_no_turn() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        world.may_return.let_pass(1);
        assert_eq!(refreshed(world.clone(), 1).await, 0);
        world.has_read.pass().await;
        let other = {
            let world = world.clone();
            tokio::spawn(async move { refreshed(world, 2).await })
        };
        world.has_read.pass().await;
        eventually("the value is stale", async || {
            assert_eq!(refreshed(world.clone(), 1).await, 0);
            stats_of(&world, "refreshed").stale > 0
        })
        .await;
        nobody_runs(&world).await;
        world.row.commit();
        world.open();
        assert_eq!(other.await.expect("no panic"), 0);
        eventually("it is refreshed", async || {
            refreshed(world.clone(), 1).await == 1
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn calls_without_a_cache_do_not_wait() {
    let world = World::new(Cache::off());
    let calls = [1, 2, 3].map(|id| start!(world, one_at_once(id)));
    for _ in &calls {
        world.has_read.pass().await;
    }
    world.open();
    for call in calls {
        assert_eq!(call.await.expect("no panic"), 0);
    }
}

#[tokio::test]
async fn the_number_may_come_from_a_setting() {
    #[cache("counted", cache = cache, skip(runs, limit), max_loads = limit)]
    async fn counted(cache: &Cache, runs: &Runs, limit: usize) -> u64 {
        runs.count()
    }
    let (cache, runs) = (Cache::in_memory(), Runs::default());
    // None at all would be no cache at all.
    assert_eq!(counted(&cache, &runs, 0).await, 1);
    assert_eq!(cache.stats().fills, 1);
}
