//! Which commands a call sends to its server.

use cache_runtime::{Cache, cache};
use cache_testkit::{RedisServer, Runs};
use tokio::task::JoinSet;

use crate::posts::read_post;
use crate::rows::{bump, plain, rows, tagged};

#[tokio::test]
async fn a_hit_is_one_get_and_the_protocol_is_no_more_than_it_says() {
    #[cache("post", cache = cache, method = "PUT", to_invalidate_extra = {"a": "1", "b": "2"})]
    async fn write(cache: &Cache, post_id: i64) {}
    let server = RedisServer::start();
    let (cache, runs) = (server.cache(), Runs::default());
    write(&cache, 1).await; // teaches the server the scripts
    assert_eq!(read_post(&cache, &runs, 1).await, Ok(1));
    server.reset_commands();
    for _ in 0..10 {
        assert_eq!(read_post(&cache, &runs, 1).await, Ok(1));
    }
    assert_eq!(server.commands(), [("get".to_owned(), 10)].into());
    server.reset_commands();
    write(&cache, 1).await;
    // Three keys: a script for each to fence it, and one to remove them all at one moment.
    assert_eq!(server.commands()["evalsha"], 4);
    server.reset_commands();
    assert_eq!(read_post(&cache, &runs, 1).await, Ok(2));
    // `GET`; begin_fill; the stage's `SET` and fill. Each script sends a `GET` and a `SET` of the lease's.
    let commands = server.commands();
    assert_eq!(
        (commands["evalsha"], commands["get"], commands["set"]),
        (2, 3, 2)
    );
    let without = server.cache_builder().fences(false).build().expect("right");
    write(&without, 1).await; // connects
    server.reset_commands();
    write(&without, 1).await;
    assert_eq!(server.commands()["evalsha"], 1);
}

/// On one thread, the task that drives the connection is the next to run once a call has sent its command.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_several_calls_ask_at_the_same_time_leaves_in_one_write() {
    const CALLS: i64 = 50;
    const HITS: i64 = 20;
    let server = RedisServer::start();
    let (cache, runs) = (server.cache(), Runs::default());
    assert_eq!(read_post(&cache, &runs, 1).await, Ok(1));
    server.reset_commands();
    let mut calls = JoinSet::new();
    for _ in 0..CALLS {
        let (cache, runs) = (cache.clone(), runs.clone());
        calls.spawn(async move {
            for _ in 0..HITS {
                assert_eq!(read_post(&cache, &runs, 1).await, Ok(1));
            }
        });
    }
    calls.join_all().await;
    let received = server.received();
    let gets = server.commands()["get"];
    assert_eq!(gets, (CALLS * HITS).unsigned_abs());
    assert!(
        received * 5 < gets,
        "{gets} commands came in {received} pieces"
    );
}

#[tokio::test]
async fn without_fences_a_write_is_one_command() {
    let server = RedisServer::start();
    let cache = server.cache_builder().fences(false).build().expect("right");
    let rows = rows(1);
    plain(&cache, rows.clone(), 0).await;
    tagged(&cache, rows.clone(), 0).await;
    server.reset_commands();
    assert_eq!(bump(&cache, rows.clone(), 0).await, 1);
    let commands = server.commands();
    // What the script itself sends: the entry, its lease, the tag.
    assert_eq!((commands["evalsha"], commands["unlink"]), (1, 3));
    assert_eq!(plain(&cache, rows.clone(), 0).await.0, 1);
    assert_eq!(tagged(&cache, rows, 0).await.0, 1);
}

#[tokio::test]
async fn a_tag_over_ten_thousand_entries_goes_in_one_command() {
    const KEYS: u64 = 10_000;

    #[cache("row", tags = ["all"], cache = cache)]
    async fn row(cache: &Cache, id: u64) -> u64 {
        id
    }

    let server = RedisServer::start();
    let cache = server.cache();
    let mut calls = JoinSet::new();
    // Not all at once: on a busy machine the last would find their leases at an end.
    for task in 0..20 {
        let cache = cache.clone();
        calls.spawn(async move {
            for id in (task..KEYS).step_by(20) {
                row(&cache, id).await;
            }
        });
    }
    while let Some(call) = calls.join_next().await {
        call.expect("no panic");
    }
    assert_eq!(server.run::<u64>(&["DBSIZE"]), KEYS + 1);
    server.reset_commands();
    cache.invalidate_tags(["all"]).await.expect("invalidated");
    let commands = server.commands();
    assert_eq!((commands["evalsha"], commands["unlink"]), (1, 1));
    row(&cache, 1).await;
    assert_eq!(cache.stats().hits, 0);
}
