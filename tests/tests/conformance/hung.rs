//! Functions that never return.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::{Cache, cache};
use cache_testkit::{MINUTE, RedisServer, Runs, SECOND, World, eventually};
use tokio::task::yield_now;
use tokio::time::{advance, pause, sleep};

use crate::world::{read, start};

/// So long a load may renew its lease.
const MAX_LOAD: Duration = Duration::from_secs(30);

#[tokio::test(start_paused = true)]
async fn a_load_that_hangs_gives_way_to_the_next_and_stores_nothing() {
    let world = World::new(Cache::in_memory());
    let hung = start!(world, read(1));
    world.has_read.pass().await;
    sleep(MAX_LOAD + SECOND).await;
    let next = start!(world, read(1));
    world.has_read.pass().await;
    let stats = world.stats();
    assert_eq!((stats.misses, stats.bypassed), (2, 0), "the next loads");
    world.may_return.let_pass(1);
    hung.await.expect("no panic");
    assert_eq!((world.stats().fills, world.stats().fills_discarded), (0, 1));
    world.may_return.let_pass(1);
    next.await.expect("no panic");
    assert_eq!((world.stats().fills, world.stats().fills_discarded), (1, 1));
}

#[tokio::test]
async fn a_load_that_hangs_ceases_to_renew_its_lease() {
    let server = RedisServer::start();
    let world = World::new(server.cache());
    let hung = start!(world, read(1));
    world.has_read.pass().await;
    server.reset_commands();
    pause();
    // While it runs, the clock stands still but for what is asked of it.
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let holds_the_clock = tokio::task::spawn_blocking(move || stopped.recv());
    let mut renewals = 0;
    for _ in 0..5 * MAX_LOAD.as_secs() {
        advance(SECOND).await;
        for _ in 0..1000 {
            yield_now().await;
        }
        renewals = server.commands().get("evalsha").copied().unwrap_or(0);
    }
    // One a second at most.
    assert!((1..30).contains(&renewals), "it renewed {renewals} times");
    drop(stop);
    drop(holds_the_clock.await);
    hung.abort();
}

/// Held by the function, so that it shows when its future is gone.
#[cache("value", stale_while_revalidate = "1h", cache = cache, skip(runs, held))]
async fn hanging(cache: Cache, runs: Runs, held: Arc<()>, id: u64) -> u64 {
    runs.count();
    std::future::pending::<()>().await;
    drop(held);
    0
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_hangs_ends() {
    let (cache, runs, held) = (Cache::in_memory(), Runs::default(), Arc::new(()));
    let call = || hanging(cache.clone(), runs.clone(), held.clone(), 1);
    // Past its expiration, as it is kept for less than its window still.
    cache.set("value:1", &7, 10 * MINUTE).await.expect("set");
    assert_eq!(call().await, 7);
    eventually("it runs", async || runs.get() == 1).await;
    sleep(MAX_LOAD + SECOND).await;
    assert_eq!(Arc::strong_count(&held), 1, "it is gone");
    assert_eq!(call().await, 7);
    eventually("the next one runs", async || runs.get() == 2).await;
}
