//! What happens in between: handlers that stop where the test says, on every store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cache_runtime::{Cache, Stats, cache};
use cache_testkit::RedisServer;
use tokio::sync::Semaphore;

use crate::{MINUTE, Runs, eventually, on, on_every_store};

/// A database of one number, and the gates at which its readers and writers stop.
#[derive(Clone)]
struct World {
    cache: Cache,
    database: Arc<AtomicU64>,
    runs: Runs,
    /// A reader has read, and waits to return.
    has_read: Arc<Semaphore>,
    may_return: Arc<Semaphore>,
    /// A writer is about to commit, or has committed, and waits.
    has_begun: Arc<Semaphore>,
    may_commit: Arc<Semaphore>,
    has_committed: Arc<Semaphore>,
    may_answer: Arc<Semaphore>,
}

impl World {
    fn new(cache: Cache) -> Self {
        let gate = || Arc::new(Semaphore::new(0));
        Self {
            cache,
            database: Arc::default(),
            runs: Runs::default(),
            has_read: gate(),
            may_return: gate(),
            has_begun: gate(),
            may_commit: gate(),
            has_committed: gate(),
            may_answer: gate(),
        }
    }

    /// Nobody stops any more.
    fn open(&self) -> &Self {
        for gate in [&self.may_return, &self.may_commit, &self.may_answer] {
            gate.add_permits(1_000_000);
        }
        self
    }

    fn stats(&self) -> Stats {
        self.cache.stats()
    }
}

async fn pass(gate: &Semaphore) {
    gate.acquire().await.expect("never closed").forget();
}

#[cache("value", cache = world.cache, tags = ["tag:{id}"])]
async fn read_tagged(world: &World, id: u64) -> u64 {
    read_database(world).await
}

#[cache("value", cache = world.cache)]
async fn read(world: &World, id: u64) -> u64 {
    read_database(world).await
}

async fn read_database(world: &World) -> u64 {
    world.runs.count();
    let value = world.database.load(Ordering::SeqCst);
    world.has_read.add_permits(1);
    pass(&world.may_return).await;
    value
}

#[cache("value", cache = world.cache, method = "PUT")]
async fn write(world: &World, id: u64, fails: bool) -> Result<(), ()> {
    write_database(world, fails).await
}

#[cache(tags_to_invalidate = ["tag:{id}"], cache = world.cache)]
async fn write_tag(world: &World, id: u64, fails: bool) -> Result<(), ()> {
    write_database(world, fails).await
}

#[cache(pattern_to_invalidate_extra = ["value:"], cache = world.cache)]
async fn write_pattern(world: &World, fails: bool) -> Result<(), ()> {
    write_database(world, fails).await
}

async fn write_database(world: &World, fails: bool) -> Result<(), ()> {
    world.has_begun.add_permits(1);
    pass(&world.may_commit).await;
    if fails {
        return Err(());
    }
    world.database.fetch_add(1, Ordering::SeqCst);
    world.has_committed.add_permits(1);
    pass(&world.may_answer).await;
    Ok(())
}

/// Starts a call in a task of its own.
macro_rules! start {
    ($world:ident, $call:ident($($argument:expr),*)) => {{
        let world = $world.clone();
        tokio::spawn(async move { $call(&world, $($argument),*).await })
    }};
}

/// A load that began before a write must not outlive it in the cache, however the write names it.
macro_rules! a_slow_load_loses {
    ($read:ident, $write:ident($($argument:expr),*)) => {
        on_every_store(async |cache| {
            let world = World::new(cache);
            let load = start!(world, $read(1));
            pass(&world.has_read).await;
            world.may_commit.add_permits(1);
            world.may_answer.add_permits(1);
            $write(&world, $($argument),*).await.expect("written");
            world.open();
            assert_eq!(load.await.expect("no panic"), 0, "its caller gets what it read");
            assert_eq!($read(&world, 1).await, 1);
            assert_eq!($read(&world, 1).await, 1);
            assert_eq!((world.runs.get(), world.stats().hits), (2, 1));
        })
        .await;
    };
}

#[tokio::test]
async fn a_load_that_a_write_overtakes_is_not_stored() {
    a_slow_load_loses!(read, write(1, false));
}

#[tokio::test]
async fn a_load_that_a_tag_overtakes_is_not_served() {
    a_slow_load_loses!(read_tagged, write_tag(1, false));
}

#[tokio::test]
async fn a_load_that_a_pattern_overtakes_is_not_stored() {
    a_slow_load_loses!(read, write_pattern(false));
}

#[tokio::test]
async fn a_load_that_begins_before_the_commit_and_ends_after_it_does_not_survive_the_write() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        let writer = start!(world, write(1, false));
        pass(&world.has_begun).await;
        let load = start!(world, read(1));
        pass(&world.has_read).await;
        world.open();
        assert_eq!(load.await.expect("no panic"), 0);
        assert_eq!(writer.await.expect("no panic"), Ok(()));
        assert_eq!(read(&world, 1).await, 1);
    })
    .await;
}

#[tokio::test]
async fn an_entry_stays_readable_while_a_write_is_under_way_and_survives_its_failure() {
    let server = RedisServer::start();
    let world = World::new(on(&server));
    world.may_return.add_permits(1);
    read(&world, 1).await;
    let life = || server.run::<i64>(&["PTTL", "value:1"]);
    let [one, other] = [0, 1].map(|_| start!(world, write(1, true)));
    pass(&world.has_begun).await;
    pass(&world.has_begun).await;
    assert_eq!(read(&world, 1).await, 0);
    assert!(life() <= 30_000, "no longer than the fence");
    world.may_commit.add_permits(1);
    world.may_commit.add_permits(1);
    assert_eq!(
        (one.await.ok(), other.await.ok()),
        (Some(Err(())), Some(Err(())))
    );
    assert!(life() > 3_000_000, "its old life");
    assert_eq!(server.keys(), ["value:1"]);
}

#[tokio::test]
async fn a_writer_that_is_dropped_invalidates_all_the_same() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        world.may_return.add_permits(10);
        read(&world, 1).await;
        let writer = start!(world, write(1, false));
        pass(&world.has_begun).await;
        world.may_commit.add_permits(1);
        pass(&world.has_committed).await;
        writer.abort();
        assert!(writer.await.is_err());
        eventually(async || read(&world, 1).await == 1).await;
    })
    .await;
}

#[tokio::test]
async fn a_load_that_is_dropped_is_taken_over() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        let leader = start!(world, read(1));
        pass(&world.has_read).await;
        let follower = start!(world, read(1));
        leader.abort();
        pass(&world.has_read).await;
        world.open();
        assert_eq!(follower.await.expect("no panic"), 0);
        assert_eq!(world.runs.get(), 2);
    })
    .await;
}

#[tokio::test]
async fn many_that_come_together_run_the_function_once() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        let calls: Vec<_> = (0..1000).map(|_| start!(world, read(1))).collect();
        pass(&world.has_read).await;
        world.open();
        for call in calls {
            assert_eq!(call.await.expect("no panic"), 0);
        }
        let Stats {
            hits,
            misses,
            coalesced,
            bypassed,
            ..
        } = world.stats();
        assert_eq!((world.runs.get(), misses, bypassed), (1, 1, 0));
        assert_eq!(hits + coalesced, 999);
    })
    .await;
}

#[tokio::test]
async fn nobody_gets_another_callers_error_and_nobody_hangs() {
    #[cache("failing", cache = cache)]
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
async fn a_writer_reads_what_it_wrote() {
    #[cache("value", cache = world.cache, method = "PUT")]
    async fn write_and_read(world: &World, id: u64) -> u64 {
        world.database.fetch_add(1, Ordering::SeqCst);
        read(world, id).await
    }
    on_every_store(async |cache| {
        let world = World::new(cache);
        world.open();
        assert_eq!(read(&world, 1).await, 0);
        assert_eq!(write_and_read(&world, 1).await, 1);
        assert_eq!(read(&world, 1).await, 1);
    })
    .await;
}

#[tokio::test]
async fn garbage_under_the_names_of_the_cache_is_repaired() {
    let server = RedisServer::start();
    let world = World::new(on(&server));
    world.open();
    for command in [
        ["RPUSH", "__cache:lease:{value:1}", "x"],
        ["RPUSH", "__cache:fence:{value:1}", "x"],
        ["RPUSH", "__cache:tag:{tag:1}", "x"],
        ["RPUSH", "__cache:tag-fence:{tag:1}", "x"],
        ["SET", "__cache:lease:{value:2}", "x"],
        ["SET", "__cache:fence:{value:2}", "x"],
        ["SET", "__cache:tag:{tag:2}", "\u{1}"],
        ["SET", "__cache:tag-fence:{tag:2}", "x"],
    ] {
        let () = server.run(&command);
    }
    for id in [1, 2] {
        assert_eq!(write(&world, id, false).await, Ok(()));
        assert_eq!(write_tag(&world, id, false).await, Ok(()));
        let value = read_tagged(&world, id).await;
        assert_eq!(read_tagged(&world, id).await, value);
    }
    let Stats {
        hits,
        misses,
        errors,
        ..
    } = world.stats();
    assert_eq!((hits, misses, errors.total()), (2, 2, 0));
}

#[tokio::test]
async fn a_direct_set_or_delete_is_not_overwritten_by_a_load() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        for id in [1, 2] {
            let load = start!(world, read(id));
            pass(&world.has_read).await;
            if id == 1 {
                world.cache.set("value:1", &7, MINUTE).await.expect("set");
            } else {
                world.cache.delete(["value:2"]).await.expect("deleted");
            }
            world.may_return.add_permits(1);
            assert_eq!(load.await.expect("no panic"), 0);
        }
        assert_eq!(world.cache.get("value:1").await.expect("get"), Some(7));
        assert_eq!(world.cache.get::<u64>("value:2").await.expect("get"), None);
        assert_eq!(world.stats().fills_refused, 2);
    })
    .await;
}

#[tokio::test]
async fn a_tag_invalidates_all_that_was_stored_under_it_and_nothing_else() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        world.open();
        for id in [1, 2] {
            read_tagged(&world, id).await;
            assert_eq!(
                world.cache.get(format!("value:{id}")).await.expect("get"),
                Some(0)
            );
        }
        world
            .cache
            .invalidate_tags(["tag:1"])
            .await
            .expect("invalidated");
        assert_eq!(world.cache.get::<u64>("value:1").await.expect("get"), None);
        for id in [1, 2] {
            read_tagged(&world, id).await;
        }
        assert_eq!((world.stats().misses, world.stats().hits), (3, 1));
    })
    .await;
}
