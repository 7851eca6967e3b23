//! Cached functions that read through others, whose entries lie on different nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cache_runtime::{Cache, cache};
use cache_testkit::{RedisCluster, Row, SECOND, World, eventually};

use crate::connected;

/// Where the entries are: each on a node of its own.
#[derive(Clone, Copy)]
struct Ids {
    list: u64,
    profile: u64,
    page: u64,
}

impl Ids {
    fn of(cluster: &RedisCluster) -> Self {
        Self {
            list: cluster.number_at(0, |number| format!("list:{number}")),
            profile: cluster.number_at(1, |number| format!("profile:{number}")),
            page: cluster.number_at(2, |number| format!("page:{number}")),
        }
    }
}

#[cache("list:{ids.list}", cache = cache, skip(row))]
async fn list(cache: &Cache, row: &Row, ids: Ids) -> u64 {
    let version = row.load();
    tokio::task::yield_now().await;
    version
}

#[cache("profile:{ids.profile}", cache = cache, skip(row))]
async fn profile(cache: &Cache, row: &Row, ids: Ids) -> u64 {
    list(cache, row, ids).await
}

#[cache("page:{ids.page}", cache = cache, skip(row))]
async fn page(cache: &Cache, row: &Row, ids: Ids) -> u64 {
    profile(cache, row, ids).await
}

#[cache(
    "page:{ids.page}", cache = cache, method = "PUT",
    to_invalidate_extra = {"profile": "{ids.profile}", "list": "{ids.list}"}
)]
async fn write_keys(cache: &Cache, row: &Row, ids: Ids) -> u64 {
    row.commit()
}

#[cache(
    cache = cache, method = "PUT",
    pattern_to_invalidate_extra = ["page:*", "profile:*", "list:*"]
)]
async fn write_patterns(cache: &Cache, row: &Row) -> u64 {
    row.commit()
}

#[cache(
    "profile:{ids.profile}", cache = cache, method = "PUT",
    pattern_to_invalidate_extra = ["page:*", "list:*"]
)]
async fn write_both(cache: &Cache, row: &Row, ids: Ids) -> u64 {
    row.commit()
}

/// While it is removed, the node of the innermost entry takes its time, and goes on answering those who read.
#[cache(
    "page:{ids.page}", cache = cache, method = "PUT",
    to_invalidate_extra = {"profile": "{ids.profile}", "list": "{ids.list}"}
)]
async fn write_while_a_node_is_slow(
    cache: &Cache,
    row: &Row,
    ids: Ids,
    cluster: &RedisCluster,
) -> u64 {
    let () = cluster.node(0).run(&["CLIENT", "PAUSE", "100", "WRITE"]);
    row.commit()
}

const WRITES: u64 = 30;

/// Readers go on while writes do; whoever reads behind a write sees it.
async fn nobody_sees_less_than_what_was_written(
    cluster: &RedisCluster,
    write: impl AsyncFn(&Cache, &Row, Ids) -> u64,
) {
    let ids = Ids::of(cluster);
    let (row, is_over) = (Arc::new(Row::default()), Arc::new(AtomicBool::new(false)));
    let mut readers = Vec::new();
    for _ in 0..4 {
        let cache = connected(cluster).await;
        let (row, is_over) = (row.clone(), is_over.clone());
        readers.push(tokio::spawn(async move {
            while !is_over.load(Ordering::SeqCst) {
                page(&cache, &row, ids).await;
                tokio::task::yield_now().await;
            }
        }));
    }
    let cache = connected(cluster).await;
    for version in 1..=WRITES {
        assert_eq!(write(&cache, &row, ids).await, version);
        assert_eq!(page(&cache, &row, ids).await, version, "the outermost");
        assert_eq!(profile(&cache, &row, ids).await, version, "the next");
        assert_eq!(list(&cache, &row, ids).await, version, "the innermost");
    }
    is_over.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await.expect("no panic");
    }
    assert_eq!(cache.stats().pending_invalidations, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_loaded_from_an_entry_on_another_node_is_as_new_as_that() {
    let cluster = RedisCluster::start();
    nobody_sees_less_than_what_was_written(&cluster, write_keys).await;
    nobody_sees_less_than_what_was_written(&cluster, write_both).await;
    let write = async |cache: &Cache, row: &Row, _| write_patterns(cache, row).await;
    nobody_sees_less_than_what_was_written(&cluster, write).await;
}

/// Where a cluster is told of patterns, in this sixteenth of its slots: at the least number that lies in its first one.
fn place_of_sweeps(part: u16) -> String {
    let slot = |text: &str| {
        let crc = text.bytes().fold(0_u16, |crc, byte| {
            (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
                (crc << 1) ^ (crc >> 15).wrapping_mul(0x1021)
            })
        });
        crc % 16_384
    };
    let numbers = (0..).map(|number: u32| number.to_string());
    let mut there = numbers.filter(|number| slot(number) == part * 1024);
    format!("__cache:sweeps:{{{}}}", there.next().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn also_where_that_node_takes_longer_to_remove_it() {
    let cluster = RedisCluster::exclusive().await;
    let ids = Ids::of(&cluster);
    let builder = || cluster.cache_builder().deadline(SECOND);
    let [cache, other] = [0, 1].map(|_| builder().build().expect("right"));
    let row = Row::default();
    for version in 1..=5 {
        page(&cache, &row, ids).await;
        list(&cache, &row, ids).await;
        let is_over = AtomicBool::new(false);
        let write = async {
            let written = write_while_a_node_is_slow(&cache, &row, ids, &cluster).await;
            is_over.store(true, Ordering::SeqCst);
            written
        };
        let read = async {
            while !is_over.load(Ordering::SeqCst) {
                page(&other, &row, ids).await;
                tokio::task::yield_now().await;
            }
        };
        assert_eq!(tokio::join!(write, read).0, version);
        assert_eq!(page(&cache, &row, ids).await, version, "the outermost");
        assert_eq!(profile(&cache, &row, ids).await, version, "the next");
        assert_eq!(cache.stats().errors.total(), 0);
    }
}

#[cache("value", cache = world.cache, skip(world))]
async fn read(world: &World, id: u64) -> u64 {
    world.load().await
}

#[tokio::test]
async fn what_a_writer_in_another_process_has_closed_or_is_looking_for_is_not_stored() {
    let cluster = RedisCluster::start();
    let world = World::new(connected(&cluster).await);
    world.open();
    let id = cluster.number_at(1, |number| format!("value:{number}"));
    let (key, fence) = (
        format!("value:{id}"),
        format!("__cache:fence:{{value:{id}}}"),
    );
    let until = 9_000_000_000_000_u64;
    // As far below zero as marks are.
    let mark = format!("-{}", 10_000_000_000_000_000 + until);
    let () = cluster.run(&fence, &["ZADD", &fence, &mark, "!another"]);
    read(&world, id).await;
    assert_eq!((world.stats().fills, world.row.loads()), (0, 1));
    let () = cluster.run(&fence, &["DEL", &fence]);

    let member = r#"00000000000000000000000000000000 ["value:*"]"#;
    let until = until.to_string();
    let near = [0, 1].map(|next| place_of_sweeps((cluster.slot(&key) / 1024 + next) % 16));
    for place in &near {
        let () = cluster.run(place, &["ZADD", place, &until, member]);
    }
    read(&world, id).await;
    assert_eq!((world.stats().fills, world.row.loads()), (0, 2));
    for place in &near {
        let () = cluster.run(place, &["DEL", place]);
    }
    let lease = format!("__cache:lease:{{{key}}}");
    eventually("the lease is given back", async || {
        !cluster.run::<bool>(&lease, &["EXISTS", &lease])
    })
    .await;
    read(&world, id).await;
    assert_eq!((world.stats().fills, world.row.loads()), (1, 3));
}
