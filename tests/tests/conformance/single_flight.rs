//! Calls that come together share one run of the function.

use cache_runtime::{Cache, Stats, cache};
use cache_testkit::{Runs, SECOND, World, on_every_store};
use tokio::time::timeout;

use crate::fleet::on_every_server;
use crate::world::{read, read_tagged, start};

#[tokio::test]
async fn many_that_come_together_run_the_function_once() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        let calls: Vec<_> = (0..1000).map(|_| start!(world, read(1))).collect();
        world.has_read.pass().await;
        world.open();
        for call in calls {
            assert_eq!(call.await.expect("no panic"), 0);
        }
        let Stats {
            hits,
            misses,
            collapsed,
            bypassed,
            ..
        } = world.stats();
        assert_eq!((world.row.loads(), misses, bypassed), (1, 1, 0));
        assert_eq!(hits + collapsed, 999);
    })
    .await;
}

#[tokio::test]
async fn a_load_that_is_dropped_is_taken_over() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        let leader = start!(world, read(1));
        world.has_read.pass().await;
        let follower = start!(world, read(1));
        leader.abort();
        world.has_read.pass().await;
        world.open();
        assert_eq!(follower.await.expect("no panic"), 0);
        assert_eq!(world.row.loads(), 2);
    })
    .await;
}

#[tokio::test]
async fn nobody_gets_another_callers_error_and_nobody_hangs() {
    #[cache("failing", cache = cache, skip(runs))]
    async fn failing(cache: &Cache, runs: &Runs) -> Result<u8, u64> {
        tokio::task::yield_now().await;
        Err(runs.count())
    }
    on_every_store(async |cache| {
        let runs = Runs::default();
        let calls = [0; 10].map(|_| {
            let (cache, runs) = (cache.clone(), runs.clone());
            tokio::spawn(async move { failing(&cache, &runs).await })
        });
        let mut errors = Vec::new();
        for call in calls {
            errors.push(call.await.expect("no panic").expect_err("always fails"));
        }
        errors.sort_unstable();
        assert_eq!(errors, (1..=10).collect::<Vec<u64>>(), "each its own");
    })
    .await;
}

#[tokio::test]
async fn a_call_that_calls_itself_does_not_wait_for_itself() {
    #[cache("again", cache = cache, skip(depth))]
    async fn again(cache: &Cache, depth: u8) -> u8 {
        if depth == 0 {
            return 0;
        }
        Box::pin(again(cache, depth - 1)).await + 1
    }
    on_every_store(async |cache| {
        assert_eq!(again(&cache, 3).await, 3);
        assert_eq!(cache.stats().bypassed, 3);
    })
    .await;
}

#[tokio::test]
async fn nobody_waits_for_a_load_that_a_tag_has_made_useless() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        nobody_waits_for_a_useless_load(&world, &world.cache).await;
    })
    .await;
    on_every_server(async |[one, other, _]| {
        nobody_waits_for_a_useless_load(&World::new(one), &other).await;
    })
    .await;
}

/// The first load is in this world, and another cache invalidates its tag and reads again.
async fn nobody_waits_for_a_useless_load(world: &World, other: &Cache) {
    let first = start!(world, read_tagged(1));
    world.has_read.pass().await;
    world.row.commit();
    other.invalidate_tags(["tag:1"]).await.expect("invalidated");
    let mut next = world.clone();
    next.cache = other.clone();
    let second = start!(next, read_tagged(1));
    next.has_read.pass().await;
    // The third finds a load that will do it good.
    let third = start!(next, read_tagged(1));
    world.open();
    for read in [second, third] {
        assert_eq!(read.await.expect("no panic"), 1);
    }
    first.await.expect("no panic");
    assert_eq!(read_tagged(&next, 1).await, 1);
    // Whoever has waited as long as it may is counted as bypassed.
    assert_eq!((world.row.loads(), next.stats().bypassed), (2, 0));
}

#[cache("of_all", cache = world.cache, skip(world), tags = ["all", "all"])]
async fn read_of_all(world: &World, id: u64) -> u64 {
    world.load().await
}

/// Each of the first two loads would have made the tag's nonce, and one of them has.
#[tokio::test]
async fn loads_that_begin_together_under_a_new_tag_are_not_replaced() {
    on_every_server(async |[one, other, _]| {
        let world = World::new(one);
        let mut next = world.clone();
        next.cache = other;
        let mut reads: Vec<_> = (0..8).map(|id| start!(world, read_of_all(id))).collect();
        for _ in 0..8 {
            world.has_read.pass().await;
        }
        reads.extend((0..8).map(|id| start!(next, read_of_all(id))));
        let runs_again = timeout(SECOND / 2, world.has_read.pass());
        assert!(runs_again.await.is_err(), "they wait");
        world.open();
        for read in reads {
            assert_eq!(read.await.expect("no panic"), 0);
        }
        assert_eq!(world.row.loads(), 8);
    })
    .await;
}
