//! What calls of one process do once, for all of them.

use cache_runtime::{Cache, cache};
use cache_testkit::{MINUTE, RedisServer, World, eventually, on_every_store};
use tokio::runtime::Handle;

use crate::fleet::on_every_server;
use crate::world::{read, start};

#[cache("value", cache = world.cache, stale_while_revalidate = "1h", skip(world))]
async fn refreshed(world: World, id: u64) -> u64 {
    world.load().await
}

#[cache("value", cache = world.cache, stale_while_revalidate = "1h", skip(world, panics))]
async fn panicking(world: World, panics: bool, id: u64) -> u64 {
    assert!(!panics, "as it is told");
    world.load().await
}

/// An entry that is kept for less than its window still is past its expiration.
async fn set_stale(cache: &Cache) {
    cache.set("value:1", &7, MINUTE).await.expect("set");
}

#[tokio::test]
async fn one_refresh_at_a_time_however_many_find_the_entry_stale() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        set_stale(&world.cache).await;
        for _ in 0..100 {
            assert_eq!(refreshed(world.clone(), 1).await, 7);
        }
        // One, and what drives the connections.
        let tasks = Handle::current().metrics().num_alive_tasks();
        assert!(tasks < 20, "{tasks} tasks");
        world.has_read.pass().await;
        assert_eq!((world.row.loads(), world.stats().stale), (1, 100));
        world.open();
        eventually("the refresh is seen", async || {
            refreshed(world.clone(), 1).await == 0
        })
        .await;
        assert_eq!(world.row.loads(), 1);
    })
    .await;
}

#[tokio::test]
async fn one_of_each_process_asks_for_the_lease_of_a_refresh() {
    let server = RedisServer::start();
    let caches = [(); 3].map(|()| server.cache());
    let mut world = World::new(caches[0].clone());
    set_stale(&world.cache).await;
    refreshed(world.clone(), 1).await;
    world.has_read.pass().await;
    server.reset_commands();
    for cache in &caches {
        world.cache = cache.clone();
        for _ in 0..100 {
            assert_eq!(refreshed(world.clone(), 1).await, 7);
        }
    }
    // The first one may have renewed its lease.
    let scripts = server.commands()["evalsha"];
    assert!(scripts <= 10, "{scripts} scripts");
    assert_eq!(world.row.loads(), 1);
    world.open();
}

#[tokio::test]
async fn a_refresh_that_panics_makes_room_for_the_next() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        world.open();
        set_stale(&world.cache).await;
        assert_eq!(panicking(world.clone(), true, 1).await, 7);
        eventually("the next refresh is seen", async || {
            panicking(world.clone(), false, 1).await == 0
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn who_waits_for_a_load_of_another_process_sends_no_scripts() {
    const CALLERS: u64 = 100;
    on_every_server(async |[one, other, _]| {
        let mut world = World::new(one);
        let leader = start!(world, read(1));
        world.has_read.pass().await;
        world.cache = other;
        let mut others: Vec<_> = (0..CALLERS).map(|_| start!(world, read(1))).collect();
        // The one who follows goes away.
        tokio::task::yield_now().await;
        others.remove(0).abort();
        world.open();
        assert_eq!(leader.await.expect("no panic"), 0);
        for call in others {
            assert_eq!(call.await.expect("no panic"), 0);
        }
        let stats = world.stats();
        assert_eq!((stats.misses, stats.bypassed), (0, 0));
        assert_eq!(world.row.loads(), 1);
    })
    .await;

    let server = RedisServer::start();
    let world = World::new(server.cache());
    let lease = ["SET", "__cache:lease:{value:1}", "another", "PX", "2500"];
    let () = server.run(&lease);
    let calls: Vec<_> = (0..CALLERS).map(|_| start!(world, read(1))).collect();
    let count = |name: &str| server.commands().get(name).copied().unwrap_or(0);
    let scripts = async || count("evalsha") >= CALLERS;
    eventually("all have asked for the lease", scripts).await;
    server.reset_commands();
    let () = server.run(&lease);
    eventually("someone looks at it", async || count("get") >= 10).await;
    assert_eq!(count("evalsha"), 0);
    // The lease lapses.
    world.open();
    for call in calls {
        assert_eq!(call.await.expect("no panic"), 0);
    }
    assert_eq!((world.row.loads(), world.stats().misses), (1, 1));
}
