//! Copies of what lies on several servers.

use cache_runtime::cache;
use cache_testkit::{RedisCluster, SECOND, SentinelSet, eventually};

use crate::{BOUND, Process, read, write};

/// The entry, and its tag, may each be on any node.
#[cache("entry:{id}", near = BOUND, tags = ["of:{id}"], cache = process.cache, skip(process))]
async fn entry(process: &Process, id: u64) -> u64 {
    process.row.load()
}

#[cache(tags_to_invalidate = ["of:{id}"], cache = process.cache, method = "PUT")]
async fn write_by_tag(process: &Process, id: u64) -> u64 {
    process.row.commit()
}

#[cache("entry:{id}", cache = process.cache, method = "PUT")]
async fn write_by_key(process: &Process, id: u64) -> u64 {
    process.row.commit()
}

#[tokio::test]
async fn on_a_cluster_whoever_has_entry_or_tag_tells_of_it() {
    let cluster = RedisCluster::start();
    let cache = || cluster.cache_builder().build().expect("right");
    let reader = Process::new(cache());
    let writer = reader.other(cache());
    for id in 0..6 {
        for turn in 0..4 {
            reader
                .has_copy(async |process| entry(process, id).await)
                .await;
            let version = if turn % 2 == 0 {
                write_by_tag(&writer, id).await
            } else {
                write_by_key(&writer, id).await
            };
            assert_eq!(entry(&reader, id).await, version);
        }
    }
    reader
        .has_copy(async |process| entry(process, 0).await)
        .await;
    cluster.reset_commands();
    let before = reader.near_hits();
    for _ in 0..100 {
        entry(&reader, 0).await;
    }
    assert_eq!(reader.near_hits() - before, 100);
    for commands in cluster.commands() {
        let gets = ["get", "mget"].map(|name| commands.get(name).copied());
        assert_eq!(gets, [None, None]);
    }
}

#[cache("barrier:{id}", near = "0ms", tags = ["of:{id}"], cache = process.cache, skip(process))]
async fn barrier(process: &Process, id: u64) -> u64 {
    process.row.load()
}

#[tokio::test]
async fn each_server_that_has_a_part_of_it_says_whether_a_copy_is_still_right() {
    let cluster = RedisCluster::start();
    let process = Process::new(cluster.cache_builder().build().expect("right"));
    for id in 0..6 {
        process
            .has_copy(async |process| barrier(process, id).await)
            .await;
    }
    cluster.reset_commands();
    let before = process.near_hits();
    for id in 0..6 {
        for _ in 0..5 {
            barrier(&process, id).await;
        }
    }
    assert_eq!(process.near_hits() - before, 30);
    for commands in cluster.commands() {
        let gets = ["get", "mget"].map(|name| commands.get(name).copied());
        assert_eq!(gets, [None, None]);
    }
}

#[tokio::test]
async fn while_a_slot_moves_nobody_sees_less_than_was_written() {
    let cluster = RedisCluster::start();
    let cache = || cluster.cache_builder().build().expect("right");
    let reader = Process::new(cache());
    let writer = reader.other(cache());
    let slot = cluster.slot("row");
    let to = (cluster.owner_of(slot) + 1) % 3;
    reader.has_copy(read).await;
    cluster.begin_migration(slot, to);
    let version = write(&writer).await;
    assert_eq!(read(&reader).await, version);
    cluster.move_keys(slot, to);
    assert_eq!(read(&reader).await, version);
    let version = write(&writer).await;
    assert_eq!(read(&reader).await, version);
    cluster.move_keys(slot, to);
    cluster.finish_migration(slot, to);
    let version = write(&writer).await;
    assert_eq!(read(&reader).await, version);
}

#[tokio::test]
async fn behind_a_failover_the_new_master_is_asked() {
    let sentinels = SentinelSet::start();
    let cache = || {
        sentinels
            .cache_builder()
            .deadline(SECOND)
            .build()
            .expect("right")
    };
    let reader = Process::new(cache());
    let writer = reader.other(cache());
    reader.has_copy(read).await;
    let master = sentinels.failover();
    // What a master that is being replaced has confirmed may be lost.
    eventually("the writer knows the new master", async || {
        write(&writer).await;
        sentinels.server(master).commands().contains_key("evalsha")
    })
    .await;
    let version = write(&writer).await;
    eventually("the reader does as well", async || {
        read(&reader).await == version
    })
    .await;
    reader.has_copy(read).await;
    let version = write(&writer).await;
    assert_eq!(read(&reader).await, version);
}
