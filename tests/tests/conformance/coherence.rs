//! Readers and writers whose steps a test puts in an order.

use cache_runtime::{Stats, cache};
use cache_testkit::{MINUTE, RedisServer, Refused, World, eventually, on_every_store};

use crate::world::{read, read_tagged, start, write, write_pattern, write_tag};

/// A load that began before a write must not outlive it in the cache, however the write names it.
macro_rules! a_slow_load_loses {
    ($read:ident, $write:ident($($argument:expr),*)) => {
        on_every_store(async |cache| {
            let world = World::new(cache);
            let load = start!(world, $read(1));
            world.has_read.pass().await;
            world.may_commit.let_pass(1);
            world.may_finish.let_pass(1);
            $write(&world, $($argument),*).await.expect("written");
            world.open();
            assert_eq!(load.await.expect("no panic"), 0, "its caller gets what it read");
            assert_eq!($read(&world, 1).await, 1);
            assert_eq!($read(&world, 1).await, 1);
            assert_eq!((world.row.loads(), world.stats().hits), (2, 1));
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
        world.has_begun.pass().await;
        let load = start!(world, read(1));
        world.has_read.pass().await;
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
    let world = World::new(server.cache());
    world.may_return.let_pass(1);
    read(&world, 1).await;
    let ttl = || server.run::<i64>(&["PTTL", "value:1"]);
    let [one, other] = [0, 1].map(|_| start!(world, write(1, true)));
    world.has_begun.pass().await;
    world.has_begun.pass().await;
    assert_eq!(read(&world, 1).await, 0);
    assert!(ttl() <= 30_000, "no longer than the fence");
    world.may_commit.let_pass(1);
    world.may_commit.let_pass(1);
    assert_eq!(
        (one.await.ok(), other.await.ok()),
        (Some(Err(Refused)), Some(Err(Refused)))
    );
    assert!(ttl() > 3_000_000, "its old TTL");
    assert_eq!(server.keys(), ["value:1"]);
}

#[tokio::test]
async fn a_writer_that_is_dropped_invalidates_all_the_same() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        world.may_return.let_pass(10);
        read(&world, 1).await;
        let writer = start!(world, write(1, false));
        world.has_begun.pass().await;
        world.may_commit.let_pass(1);
        world.has_committed.pass().await;
        writer.abort();
        assert!(writer.await.is_err());
        eventually("the write is delivered", async || {
            read(&world, 1).await == 1
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_writer_reads_what_it_wrote() {
    #[cache("value", cache = world.cache, method = "PUT")]
    async fn write_and_read(world: &World, id: u64) -> u64 {
        world.row.commit();
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
    let world = World::new(server.cache());
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
            world.has_read.pass().await;
            if id == 1 {
                world.cache.set("value:1", &7, MINUTE).await.expect("set");
            } else {
                world.cache.delete(["value:2"]).await.expect("deleted");
            }
            world.may_return.let_pass(1);
            assert_eq!(load.await.expect("no panic"), 0);
        }
        assert_eq!(world.cache.get("value:1").await.expect("get"), Some(7));
        assert_eq!(world.cache.get::<u64>("value:2").await.expect("get"), None);
        assert_eq!(world.stats().fills_discarded, 2);
    })
    .await;
}
