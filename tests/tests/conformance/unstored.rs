//! Loads that come to nothing: an error, a status that is not stored, `unless`, a value without JSON. Nobody waits for
//! more than one of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::http::StatusCode;
use cache_runtime::cache;
use cache_testkit::{MINUTE, RedisServer, World, eventually, on_every_store};

use crate::fleet::on_every_server;
use crate::world::start;

#[cache("value", cache = world.cache, skip(world))]
async fn failing(world: &World, id: u64) -> Result<u64, u64> {
    Err(world.load().await)
}

#[cache("value", cache = world.cache, skip(world))]
async fn not_found(world: &World, id: u64) -> (StatusCode, Json<u64>) {
    (StatusCode::NOT_FOUND, Json(world.load().await))
}

#[cache("value", cache = world.cache, skip(world), unless = |_| true)]
async fn excepted(world: &World, id: u64) -> u64 {
    world.load().await
}

/// A map whose keys are no strings has no JSON.
#[cache("value", cache = world.cache, skip(world))]
async fn without_json(world: &World, id: u64) -> BTreeMap<(u64, u64), u64> {
    [((0, 0), world.load().await)].into()
}

#[cache("value", cache = world.cache, unless = |_| !is_storable.load(Ordering::SeqCst), skip(world, is_storable))]
async fn storable_later(world: &World, is_storable: &AtomicBool, id: u64) -> u64 {
    world.load().await
}

#[cache("value", cache = world.cache, stale_if_error = "1h", skip(world))]
async fn kept_for_errors(world: &World, id: u64) -> Result<u64, u64> {
    Err(world.load().await)
}

/// One call loads, others come, the load ends, and then all others run the function at the same time.
macro_rules! all_run_at_once {
    ($world:ident, $function:ident) => {{
        let leader = start!($world, $function(1));
        $world.has_read.pass().await;
        let others = [0; 50].map(|_| start!($world, $function(1)));
        $world.may_return.let_pass(1);
        let _ = leader.await.expect("no panic");
        eventually("all run at once", async || $world.row.loads() == 51).await;
        $world.open();
        for call in others {
            let _ = call.await.expect("no panic");
        }
        let stats = $world.stats();
        assert_eq!((stats.misses, stats.bypassed, stats.fills), (51, 0, 0));
    }};
}

#[tokio::test]
async fn whoever_has_waited_for_a_load_that_came_to_nothing_runs_the_function_at_once() {
    on_every_store(async |cache| {
        let world = World::new(cache.clone());
        all_run_at_once!(world, failing);
    })
    .await;
    on_every_store(async |cache| {
        let world = World::new(cache.clone());
        all_run_at_once!(world, not_found);
    })
    .await;
    on_every_store(async |cache| {
        let world = World::new(cache.clone());
        all_run_at_once!(world, excepted);
    })
    .await;
    on_every_store(async |cache| {
        let world = World::new(cache.clone());
        all_run_at_once!(world, without_json);
    })
    .await;
}

#[tokio::test]
async fn in_other_processes_as_well() {
    on_every_server(async |caches| {
        let mut world = World::new(caches[0].clone());
        let leader = start!(world, failing(1));
        world.has_read.pass().await;
        let mut others = Vec::new();
        for cache in &caches {
            world.cache = cache.clone();
            others.extend([0; 30].map(|_| start!(world, failing(1))));
        }
        world.may_return.let_pass(1);
        leader.await.expect("no panic").expect_err("always fails");
        eventually("all run at once", async || world.row.loads() == 91).await;
        world.open();
        for call in others {
            call.await.expect("no panic").expect_err("always fails");
        }
        let bypassed = caches.map(|cache| cache.stats().bypassed);
        assert_eq!(bypassed, [0; 3]);
    })
    .await;
}

#[tokio::test]
async fn a_thousand_callers_of_what_is_not_there_cost_a_thousand_times_what_one_does() {
    const CALLERS: u64 = 1000;
    let server = RedisServer::start();
    let world = World::new(server.cache());
    let leader = start!(world, not_found(1));
    world.has_read.pass().await;
    let others: Vec<_> = (1..CALLERS).map(|_| start!(world, not_found(1))).collect();
    world.may_return.let_pass(1);
    let _ = leader.await.expect("no panic");
    eventually("all run at once", async || world.row.loads() == CALLERS).await;
    world.open();
    for call in others {
        let _ = call.await.expect("no panic");
    }
    // One asks for the entry and for the lease; the leader also gives it back.
    let commands = server.commands();
    assert!(commands["evalsha"] <= CALLERS + 10, "{commands:?}");
    assert!(
        commands.values().sum::<u64>() <= 10 * CALLERS,
        "{commands:?}"
    );
}

#[tokio::test]
async fn for_a_while_nobody_waits_and_the_first_that_can_be_stored_is() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        let is_storable: &'static AtomicBool = Box::leak(Box::default());
        world.may_return.let_pass(1);
        storable_later(&world, is_storable, 1).await;
        world.has_read.pass().await;
        // One takes the lease, and nobody waits for it: all run at the same time.
        let calls = [0; 3].map(|_| start!(world, storable_later(is_storable, 1)));
        for _ in 0..3 {
            world.has_read.pass().await;
        }
        is_storable.store(true, Ordering::SeqCst);
        world.open();
        for call in calls {
            let _ = call.await.expect("no panic");
        }
        let stats = world.stats();
        assert_eq!((stats.misses, stats.fills, stats.collapsed), (4, 1, 0));
        storable_later(&world, is_storable, 1).await;
        assert_eq!((world.stats().hits, world.row.loads()), (1, 4));
    })
    .await;
}

#[tokio::test]
async fn a_load_that_fails_leaves_those_who_wait_the_old_value() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        // Past its expiration, as it is kept for less than its window still.
        world.cache.set("value:1", &7, MINUTE).await.expect("set");
        let calls = [0; 20].map(|_| start!(world, kept_for_errors(1)));
        world.has_read.pass().await;
        world.open();
        for call in calls {
            assert_eq!(call.await.expect("no panic"), Ok(7));
        }
        let stats = world.stats();
        assert_eq!((stats.stale, stats.bypassed), (20, 0));
        assert_eq!(stats.misses, world.row.loads());
    })
    .await;
}
