//! What is counted for each function.

use std::time::Duration;

use cache_runtime::{Cache, FunctionStats, cache};
use cache_testkit::{Runs, World, on_every_store};
use tokio::task::yield_now;
use tokio::time::advance;

use crate::world::{LOAD, fail, gated, post, refuse, slow, stats_of, update, update_all};

#[tokio::test]
async fn each_function_is_counted_by_itself_in_each_cache() {
    on_every_store(async |cache| {
        let (runs, other) = (Runs::default(), Cache::in_memory());
        for id in [1, 1, 2] {
            post(&cache, &runs, id).await;
        }
        post(&other, &runs, 1).await;
        update(&cache, 1).await;
        let stats = stats_of(&cache, "post");
        assert_eq!((stats.hits, stats.misses, stats.fills), (1, 2, 2));
        assert_eq!((stats.loads, stats.invalidations), (2, 0));
        let updates = stats_of(&cache, "update");
        assert_eq!((updates.invalidations, updates.misses), (1, 0));
        assert_eq!(stats_of(&other, "post").misses, 1);
        assert_eq!(other.stats_by_function().len(), 1);
        let total = cache.stats();
        assert_eq!((total.hits, total.misses, total.invalidations), (1, 2, 1));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_hit_saves_the_time_that_a_load_takes() {
    let cache = Cache::in_memory();
    for _ in 0..3 {
        slow(cache.clone(), 1).await;
    }
    let stats = stats_of(&cache, "slow");
    assert_eq!((stats.misses, stats.hits), (1, 2));
    assert_eq!((stats.load_time, stats.time_saved), (LOAD, 2 * LOAD));
    assert_eq!((stats.bytes_stored, stats.bytes_served), (10, 20));

    advance(Duration::from_secs(60)).await;
    slow(cache.clone(), 1).await;
    while stats_of(&cache, "slow").fills < 2 {
        tokio::time::sleep(LOAD).await;
    }
    let stats = stats_of(&cache, "slow");
    assert_eq!((stats.stale, stats.misses, stats.loads), (1, 1, 2));
    assert_eq!(stats.load_time, 2 * LOAD, "a refresh is a load");
    assert_eq!(stats.time_saved, 3 * LOAD);
    assert_eq!((stats.bytes_stored, stats.bytes_served), (20, 30));
}

#[tokio::test]
async fn who_waits_for_a_load_is_no_hit() {
    on_every_store(async |cache| {
        let world = World::new(cache.clone());
        let first = gated(&world, 1);
        let second = async {
            world.has_read.pass().await;
            let second = gated(&world, 1);
            let open = async {
                yield_now().await;
                world.open();
            };
            tokio::join!(second, open).0
        };
        tokio::join!(first, second);
        let stats = stats_of(&cache, "gated");
        assert_eq!((stats.misses, stats.loads), (1, 1), "{stats:?}");
        // On a server the load may be over before the second has asked for the lease.
        assert_eq!(stats.collapsed + stats.hits, 1, "{stats:?}");
        assert_eq!(stats.bytes_served, 1);
    })
    .await;
}

#[tokio::test]
async fn a_load_that_a_write_has_voided_is_a_discarded_fill() {
    on_every_store(async |cache| {
        let world = World::new(cache.clone());
        let reader = gated(&world, 1);
        let writer = async {
            world.has_read.pass().await;
            cache.delete(["gated:1"]).await.expect("deleted");
            world.open();
        };
        tokio::join!(reader, writer);
        let stats = stats_of(&cache, "gated");
        assert_eq!((stats.fills, stats.fills_discarded), (0, 1));
        assert_eq!((stats.loads, stats.bytes_stored), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn a_write_is_counted_by_what_it_removed() {
    on_every_store(async |cache| {
        let runs = Runs::default();
        for id in 1..=3 {
            post(&cache, &runs, id).await;
        }
        for id in [1, 9] {
            update(&cache, id).await;
        }
        update_all(&cache).await;
        refuse(&cache, 1).await.expect_err("refused");
        fail(&cache, 1).await.expect_err("failed");
        let updates = stats_of(&cache, "update");
        assert_eq!(updates.invalidations, 2);
        let removed = updates.removed;
        assert_eq!((removed.keys, removed.tags, removed.patterns), (4, 2, 0));
        assert_eq!(removed.entries, 1);
        let all = stats_of(&cache, "update_all");
        assert_eq!((all.invalidations, all.removed.patterns), (1, 1));
        assert_eq!((all.removed.keys, all.removed.entries), (0, 2));
        for function in ["refuse", "fail"] {
            let stats = stats_of(&cache, function);
            assert_eq!(
                stats,
                FunctionStats::default(),
                "{function} removed nothing"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn writes_of_a_transaction_are_counted_when_it_is_committed() {
    on_every_store(async |cache| {
        post(&cache, &Runs::default(), 1).await;
        let writes = async {
            update(&cache, 1).await;
            update_all(&cache).await;
        };
        let ((), stale) = cache.deferred(writes).await;
        assert_eq!(cache.stats().invalidations, 0);
        stale.apply().await;
        let (one, all) = (stats_of(&cache, "update"), stats_of(&cache, "update_all"));
        assert_eq!((one.invalidations, one.removed.keys), (1, 2));
        assert_eq!((all.invalidations, all.removed.patterns), (1, 1));
        assert_eq!((one.removed.entries, all.removed.entries), (0, 0));
        assert_eq!(cache.stats().invalidations, 2);
    })
    .await;
}

mod paths {
    use super::{Cache, cache};

    pub(super) struct Shelf(pub(super) Cache);

    impl Shelf {
        #[cache("book:{type}", cache = self.0, skip(self, T))]
        pub(super) async fn r#match<T: Default>(&self, r#type: u64) -> u64 {
            r#type
        }
    }
}

#[tokio::test]
async fn a_function_is_called_by_its_path_whatever_it_is_generic_over() {
    let shelf = paths::Shelf(Cache::in_memory());
    shelf.r#match::<u8>(1).await;
    shelf.r#match::<String>(2).await;
    let stats = shelf.0.stats_by_function();
    let path = concat!(module_path!(), "::paths::match");
    assert_eq!(stats[path].misses, 2);
    assert_eq!(stats.len(), 1, "{stats:?}");
}
