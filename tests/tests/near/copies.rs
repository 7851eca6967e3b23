//! When a copy is served, and when it is not.

use std::time::{Duration, Instant};

use cache_runtime::{Cache, cache};
use cache_testkit::{MINUTE, RedisServer, SECOND, eventually};

use crate::{Process, read, tagged, write, write_by_tag};

#[tokio::test]
async fn a_hit_from_memory_sends_no_command() {
    let server = RedisServer::start();
    let process = Process::new(server.cache());
    process.has_copy(read).await;
    server.reset_commands();
    let before = process.cache.stats();
    for _ in 0..1000 {
        assert_eq!(read(&process).await, 0);
    }
    let (stats, commands) = (process.cache.stats(), server.commands());
    assert_eq!(stats.hits - before.hits, 1000);
    assert_eq!(stats.near.hits - before.near.hits, 1000);
    let by_function = process.cache.stats_by_function();
    let of_read = by_function["near::read"];
    assert_eq!(of_read.near, stats.near.hits);
    // Now and then it asks whether it has been told of everything.
    let others = commands.keys().filter(|command| *command != "ping");
    assert_eq!(others.count(), 0, "{commands:?}");
    assert_eq!(process.row.loads(), 1);
}

/// As a handler that is called all the time. Between its reads, connections are looked after.
async fn read_for(process: &Process, time: Duration, read: impl AsyncFn(&Process) -> u64) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        for _ in 0..20 {
            read(process).await;
        }
        tokio::task::yield_now().await;
    }
}

#[cache("busy", near = "200ms", cache = process.cache, skip(process))]
async fn busy(process: &Process) -> u64 {
    process.row.load()
}

#[tokio::test]
async fn there_is_no_command_but_two_pings_in_the_time_that_a_copy_may_be_wrong() {
    let server = RedisServer::start();
    let process = Process::new(server.cache());
    process.has_copy(busy).await;
    server.reset_commands();
    let (before, begun) = (process.near_hits(), Instant::now());
    read_for(&process, SECOND, busy).await;
    let hits = process.near_hits() - before;
    let commands = server.commands();
    // However fast they are: at 10,000 a second, there are 1000 to a command.
    let most = begun.elapsed().as_millis() / 100 + 1;
    let pings = commands["ping"];
    assert!(u128::from(pings) <= most, "{pings} of {most}, {hits} hits");
    assert_eq!(commands.len(), 1, "{commands:?}");
    assert_eq!(process.row.loads(), 1);

    // While nobody reads, nobody asks.
    server.reset_commands();
    tokio::time::sleep(SECOND).await;
    let commands = server.commands();
    assert!(
        commands.get("ping").is_none_or(|&count| count <= 1),
        "{commands:?}"
    );
}

#[tokio::test]
async fn what_a_process_has_stored_is_no_copy() {
    let server = RedisServer::start();
    let process = Process::new(server.cache());
    process.is_ready().await;
    let before = process.cache.stats();
    read(&process).await;
    read(&process).await;
    let stats = process.cache.stats();
    assert_eq!(
        (stats.hits - before.hits, stats.near.hits),
        (1, before.near.hits)
    );
    read(&process).await;
    assert_eq!(process.near_hits(), before.near.hits + 1);
}

#[tokio::test]
async fn what_other_processes_write_is_seen_when_the_write_has_returned() {
    let server = RedisServer::start();
    let reader = Process::new(server.cache());
    let writer = reader.other(server.cache());
    for version in 1..=10 {
        reader.has_copy(read).await;
        reader.has_copy(tagged).await;
        if version % 2 == 0 {
            write(&writer).await;
            assert_eq!(read(&reader).await, version);
        } else {
            write_by_tag(&writer).await;
            assert_eq!(tagged(&reader).await, version);
        }
        writer
            .cache
            .invalidate_tags(["rows"])
            .await
            .expect("removed");
        writer.cache.delete(["row"]).await.expect("removed");
        assert_eq!(
            (read(&reader).await, tagged(&reader).await),
            (version, version)
        );
    }
}

#[cache("value", near = "50ms", cache = process.cache, skip(process))]
async fn value(process: &Process) -> u64 {
    process.row.load()
}

#[tokio::test]
async fn whatever_a_program_removes_or_sets_by_hand_is_seen_as_well() {
    let server = RedisServer::start();
    let reader = Process::new(server.cache());
    let writer = server.cache();
    for version in 0..6 {
        reader.has_copy(value).await;
        reader.row.commit();
        match version % 3 {
            0 => drop(writer.delete(["value"]).await.expect("deleted")),
            1 => drop(writer.delete_pattern("val*").await.expect("deleted")),
            _ => {
                writer.set("value", &100, MINUTE).await.expect("set");
                assert_eq!(value(&reader).await, 100);
                writer.delete(["value"]).await.expect("deleted");
            }
        }
        assert_eq!(value(&reader).await, version + 1);
    }
}

#[tokio::test]
async fn what_another_program_removes_is_seen_a_little_later() {
    let server = RedisServer::start();
    let process = Process::new(server.cache());
    for command in [&["DEL", "row"][..], &["FLUSHALL"], &["PEXPIRE", "row", "1"]] {
        process.has_copy(read).await;
        let version = process.row.commit();
        let _: redis::Value = server.run(command);
        eventually("it is loaded again", async || {
            read(&process).await == version
        })
        .await;
    }
}

#[tokio::test]
async fn copies_are_taken_only_while_all_can_know_of_them() {
    let server = RedisServer::start();
    let process = Process::new(server.cache());
    process.has_copy(read).await;
    // The last two are what a server that comes instead of another may look like.
    let forget: [&[&[&str]]; 2] = [
        &[&["FLUSHALL"]],
        &[
            &["DEL", "row", "__cache:near"],
            &["CLIENT", "KILL", "TYPE", "normal"],
        ],
    ];
    for commands in forget {
        let version = process.row.commit();
        for command in commands {
            let _: redis::Value = server.run(command);
        }
        eventually("it is loaded again", async || {
            read(&process).await == version
        })
        .await;
        process.has_copy(read).await;
        assert!(server.run::<bool>(&["EXISTS", "__cache:near"]));
    }
}

#[cache(
    "short", near = "50ms", expiration = "400ms", stale_while_revalidate = "200ms",
    cache = process.cache, skip(process)
)]
async fn short(process: Process) -> u64 {
    process.row.load()
}

#[tokio::test]
async fn a_copy_lives_no_longer_than_its_entry() {
    let server = RedisServer::start();
    let process = Process::new(server.cache());
    process
        .has_copy(async |process| short(process.clone()).await)
        .await;
    let version = process.row.commit();
    eventually("it has expired", async || {
        short(process.clone()).await == version
    })
    .await;
    // A stale copy was served, and refreshed.
    eventually("it is stale", async || {
        short(process.clone()).await;
        let stats = process.cache.stats();
        stats.stale > 0 && stats.near.expired + stats.near.changed > 0
    })
    .await;
}

#[cache("barrier", near = "0ms", cache = process.cache, skip(process))]
async fn barrier(process: &Process) -> u64 {
    process.row.load()
}

#[cache("barrier", method = "PUT", cache = process.cache)]
async fn write_behind_barrier(process: &Process) -> u64 {
    process.row.commit()
}

#[tokio::test]
async fn without_any_time_each_read_asks_whether_its_copy_is_still_right() {
    let server = RedisServer::start();
    let reader = Process::new(server.cache());
    let writer = reader.other(server.cache());
    reader.has_copy(barrier).await;
    server.reset_commands();
    let before = reader.near_hits();
    for _ in 0..10 {
        barrier(&reader).await;
    }
    let commands = server.commands();
    assert_eq!(commands, [("ping".to_owned(), 10)].into());
    assert_eq!(reader.near_hits() - before, 10);
    // Those that come together ask together.
    server.reset_commands();
    let reads = (0..100).map(|_| barrier(&reader));
    futures_util::future::join_all(reads).await;
    assert!(server.commands()["ping"] <= 3, "{:?}", server.commands());
    for version in 1..=20 {
        reader.has_copy(barrier).await;
        write_behind_barrier(&writer).await;
        assert_eq!(barrier(&reader).await, version);
    }
    assert_eq!(reader.cache.stats().near.disconnected, 0);
}

#[tokio::test]
async fn copies_are_bounded() {
    #[cache("large", near = "50ms", cache = process.cache, skip(process))]
    async fn large(process: &Process, id: u64) -> String {
        "x".repeat(1000)
    }
    let server = RedisServer::start();
    let cache = server.cache_builder().near_bytes(256 * 1024).build();
    let process = Process::new(cache.expect("right"));
    process.is_ready().await;
    for round in 0..3 {
        for id in 0..1000 {
            assert_eq!(large(&process, id).await.len(), 1000, "{round}");
        }
    }
    let near = process.cache.stats().near;
    assert!(near.copies >= 1000 && near.made_room > 0, "{near:?}");
}

#[tokio::test]
async fn a_cache_in_the_process_has_no_need_of_copies() {
    let process = Process::new(Cache::in_memory());
    for version in 0..3 {
        assert_eq!(
            (read(&process).await, read(&process).await),
            (version, version)
        );
        write(&process).await;
    }
    assert_eq!(process.near_hits(), 0);
    let refused = Cache::builder()
        .in_memory(1000)
        .near(Duration::from_millis(10));
    let error = refused.build().expect_err("refused").to_string();
    assert!(error.starts_with("REDIS_CACHE_NEAR: "), "{error}");
}
