//! A Redis that comes back from its disk, with what was invalidated since it was last saved.

use std::time::Duration;

use cache_runtime::{Cache, CacheBuilder, ClearAfter, cache};
use cache_testkit::{Log, MINUTE, RedisCluster, RedisServer, Row, SECOND, SentinelSet, eventually};
use tokio::time::sleep;

#[cache("row", cache = cache, skip(row))]
async fn read(cache: &Cache, row: &Row, id: u64) -> u64 {
    row.load()
}

#[cache("row", method = "PUT", cache = cache)]
async fn write(cache: &Cache, row: &Row, id: u64) {
    row.commit();
}

const OUTDATED: &str = "Redis came back with data that may be out of date";
const CLEARED: &str = "data that may be out of date were cleared";

/// How many events have this message.
fn told(log: &Log, message: &str) -> usize {
    let events = log.events();
    events
        .iter()
        .filter(|event| event.message == message)
        .count()
}

fn built(settings: CacheBuilder) -> Cache {
    settings.build().expect("right")
}

/// Saves an entry, makes it stale, and starts the server again.
async fn bring_back(cache: &Cache, row: &Row, server: &mut RedisServer) {
    read(cache, row, 1).await;
    let () = server.run(&["SAVE"]);
    write(cache, row, 1).await;
    server.restart();
}

async fn is_cached_again(cache: &Cache, row: &Row) {
    eventually("the entry is served again", async || {
        let hits = cache.stats().hits;
        assert_eq!(read(cache, row, 1).await, row.version(), "an old value");
        cache.stats().hits > hits
    })
    .await;
}

#[tokio::test]
async fn what_was_invalidated_since_the_last_save_is_not_served() {
    let mut server = RedisServer::start_on_disk(&[]);
    let log = Log::start();
    let (cache, row) = (
        built(server.cache_builder().namespace("blog")),
        Row::default(),
    );
    let () = server.run(&["SET", "another", "program's"]);
    bring_back(&cache, &row, &mut server).await;
    assert_eq!(server.keys().len(), 2, "it is back: {:?}", server.keys());
    is_cached_again(&cache, &row).await;
    assert_eq!(log.count(OUTDATED), 1, "{:#?}", log.lines());
    assert_eq!(told(&log, CLEARED), 1, "{:#?}", log.events());
    assert_eq!(server.run::<String>(&["GET", "another"]), "program's");

    // Who comes later finds what was cleared, and serves it.
    let later = built(server.cache_builder().namespace("blog"));
    read(&later, &row, 1).await;
    assert_eq!(later.stats().hits, 1);
    assert_eq!(log.count(OUTDATED), 1, "{:#?}", log.lines());
}

#[tokio::test]
async fn a_cache_that_is_to_clear_nothing_serves_it() {
    let mut server = RedisServer::start_on_disk(&[]);
    let settings = server.cache_builder().namespace("blog");
    let cache = built(settings.clear_after(ClearAfter::Never));
    let row = Row::default();
    bring_back(&cache, &row, &mut server).await;
    assert_eq!(read(&cache, &row, 1).await, row.version() - 1);
}

#[tokio::test]
async fn a_tag_that_was_invalidated_since_the_last_save_stays_invalid() {
    #[cache("tagged", tags = ["rows"], cache = cache, skip(row))]
    async fn tagged(cache: &Cache, row: &Row) -> u64 {
        row.load()
    }
    let mut server = RedisServer::start_on_disk(&[]);
    let cache = built(server.cache_builder().namespace("blog"));
    let row = Row::default();
    tagged(&cache, &row).await;
    let () = server.run(&["SAVE"]);
    row.commit();
    cache.invalidate_tags(["rows"]).await.expect("invalidated");
    server.restart();
    for _ in 0..20 {
        assert_eq!(tagged(&cache, &row).await, row.version());
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_log_of_commands_counts_as_well() {
    let mut server =
        RedisServer::start_on_disk(&["--appendonly", "yes", "--appendfsync", "always"]);
    let log = Log::start();
    let cache = built(server.cache_builder().namespace("blog"));
    let row = Row::default();
    read(&cache, &row, 1).await;
    read(&cache, &row, 1).await;
    assert_eq!(
        cache.stats().hits,
        1,
        "an empty server has nothing that is old"
    );
    let second = built(server.cache_builder().namespace("blog"));
    read(&second, &row, 1).await;
    assert_eq!(second.stats().hits, 1, "what it holds is of this run");
    assert_eq!(log.count(OUTDATED), 0, "{:#?}", log.lines());
    server.restart();
    is_cached_again(&cache, &row).await;
    assert_eq!(told(&log, CLEARED), 1, "{:#?}", log.events());
}

#[tokio::test]
async fn one_process_clears_and_the_others_wait() {
    const CACHES: usize = 5;
    let mut server = RedisServer::start_on_disk(&[]);
    let caches: Vec<Cache> = (0..CACHES)
        .map(|_| built(server.cache_builder().namespace("blog")))
        .collect();
    let row = Row::default();
    for cache in &caches {
        read(cache, &row, 1).await;
    }
    bring_back(&caches[0], &row, &mut server).await;
    for cache in &caches {
        read(cache, &row, 1).await;
    }
    for cache in &caches {
        is_cached_again(cache, &row).await;
    }
    // Each asks once whether it may scan. One scans the leases and the entries.
    assert_eq!(server.commands()["scan"], CACHES as u64 + 2);
}

#[tokio::test]
async fn a_process_that_dies_while_it_clears_is_replaced() {
    let mut server = RedisServer::start_on_disk(&[]);
    let cache = built(server.cache_builder().namespace("blog"));
    let row = Row::default();
    bring_back(&cache, &row, &mut server).await;
    let () = server.run(&["SET", "blog:__cache:clearing", "dead", "PX", "1500"]);
    let bypassed = cache.stats().bypassed;
    for _ in 0..20 {
        assert_eq!(read(&cache, &row, 1).await, row.version());
        sleep(Duration::from_millis(20)).await;
    }
    assert!(
        cache.stats().bypassed >= bypassed + 20,
        "{:?}",
        cache.stats()
    );
    is_cached_again(&cache, &row).await;
}

#[tokio::test]
async fn a_server_that_restarts_again_before_it_is_cleared_is_served_to_who_only_reads() {
    for is_cleared_by_another in [false, true] {
        let mut server = RedisServer::start_on_disk(&[]);
        let log = Log::start();
        let cache = built(server.cache_builder().namespace("blog"));
        let row = Row::default();
        bring_back(&cache, &row, &mut server).await;
        let () = server.run(&["SET", "blog:__cache:clearing", "another", "PX", "60000"]);
        let bypassed = cache.stats().bypassed;
        read(&cache, &row, 1).await;
        assert_eq!(cache.stats().bypassed, bypassed + 1, "it is not cleared");
        server.restart();
        if is_cleared_by_another {
            let another = built(server.cache_builder().namespace("blog"));
            is_cached_again(&another, &row).await;
        }
        is_cached_again(&cache, &row).await;
        assert!(log.count(OUTDATED) >= 2, "{:#?}", log.lines());
        let cleared = 1 + usize::from(is_cleared_by_another);
        assert_eq!(told(&log, CLEARED), cleared, "{:#?}", log.events());
    }
}

#[tokio::test]
async fn without_a_namespace_nothing_is_removed_and_nothing_old_is_served() {
    let mut server = RedisServer::start_on_disk(&[]);
    let log = Log::start();
    let (cache, row) = (built(server.cache_builder()), Row::default());
    bring_back(&cache, &row, &mut server).await;
    let keys = server.keys();
    for _ in 0..10 {
        assert_eq!(read(&cache, &row, 1).await, row.version());
    }
    assert_eq!(server.keys(), keys);
    log.says(&[OUTDATED, "REDIS_CACHE_NAMESPACE"]);
    assert_eq!(log.count(OUTDATED), 1, "{:#?}", log.lines());
    // A write is sent: a process with a namespace of its own may share the server.
    write(&cache, &row, 1).await;
    assert_eq!(server.keys(), [""; 0]);
    assert_eq!(cache.stats().pending_invalidations, 0);
}

#[tokio::test]
async fn a_user_who_may_not_ask_is_told_so_and_served_as_before() {
    let server = RedisServer::start();
    let () = server.run(&[
        "ACL", "SETUSER", "blog", "on", ">secret", "~*", "+@all", "-info",
    ]);
    let log = Log::start();
    let settings = server
        .cache_builder()
        .url(format!("redis://blog:secret@{}/0", server.address()));
    let (cache, row) = (built(settings.namespace("blog")), Row::default());
    read(&cache, &row, 1).await;
    read(&cache, &row, 1).await;
    assert_eq!(cache.stats().hits, 1);
    assert_eq!(log.count("does not tell by INFO"), 1, "{:#?}", log.lines());
}

#[tokio::test]
async fn of_a_cluster_the_node_is_cleared_that_came_back() {
    let mut cluster = RedisCluster::start().without_failure_detection();
    let cache = built(cluster.cache_builder().namespace("blog"));
    let [stale, other] = [0, 1].map(|node| {
        let key = |number| format!("blog:page:{number}");
        let key = cluster.key_at(node, key);
        key.strip_prefix("blog:").expect("a namespace").to_owned()
    });
    for key in [&stale, &other] {
        cache.set(key, &1, 10 * MINUTE).await.expect("set");
    }
    let () = cluster.node(0).run(&["SAVE"]);
    assert_eq!(cache.delete([&stale]).await.expect("deleted"), 1);
    cluster.node_mut(0).restart();
    cluster.settle();
    let kept = format!("blog:{stale}");
    assert_eq!(cluster.node(0).keys(), [kept], "it is back");
    eventually("the node is cleared", async || {
        match cache.get::<u8>(&stale).await {
            Ok(found) => {
                assert_eq!(found, None, "an old value");
                true
            }
            Err(_) => false,
        }
    })
    .await;
    assert_eq!(cache.get(&other).await.expect("get"), Some(1));
}

#[tokio::test]
async fn of_a_cluster_a_node_is_cleared_that_came_back_before_it_had_slots() {
    let mut cluster = RedisCluster::start().without_failure_detection();
    let cache = built(cluster.cache_builder().namespace("blog"));
    let stored = cluster.key_at(0, |number| format!("blog:page:{number}"));
    let key = stored.strip_prefix("blog:").expect("a namespace");
    cache.set(key, &1, 10 * MINUTE).await.expect("set");
    cluster.set_free(3);
    let slot = cluster.slot(&stored);
    cluster.begin_migration(slot, 3);
    cluster.move_key(&stored, 3);
    let () = cluster.node(3).run(&["SAVE"]);
    assert_eq!(cache.delete([key]).await.expect("deleted"), 1);
    cluster.node_mut(3).restart();
    eventually("the node without slots is asked", async || {
        cache.delete_pattern("none_*").await.is_ok()
    })
    .await;
    assert_eq!(cluster.node(3).keys(), [stored.as_str()], "it is back");
    cluster.finish_migration(slot, 3);
    eventually("the node is cleared", async || {
        match cache.get::<u8>(key).await {
            Ok(found) => {
                assert_eq!(found, None, "an old value");
                true
            }
            Err(_) => false,
        }
    })
    .await;
}

#[tokio::test]
async fn a_failover_clears_where_that_is_wanted() {
    for (event, is_cleared) in [(ClearAfter::Failover, true), (ClearAfter::Restart, false)] {
        let set = SentinelSet::start();
        let settings = set.cache_builder().namespace("blog").deadline(SECOND);
        let cache = built(settings.clear_after(event));
        cache.set("page", &1, 10 * MINUTE).await.expect("set");
        set.settle();
        let master = set.failover();
        // So long it may take until the sentinels are asked.
        sleep(SECOND).await;
        let mut found = None;
        eventually("the new master is read", async || {
            match cache.get::<u8>("page").await {
                Ok(value) => {
                    found = Some(value);
                    true
                }
                Err(_) => false,
            }
        })
        .await;
        let expected = if is_cleared { None } else { Some(1) };
        assert_eq!(found, Some(expected), "{event:?}");
        let keys = set.server(master).keys();
        assert_eq!(
            keys.contains(&"blog:page".to_owned()),
            !is_cleared,
            "{keys:?}"
        );
    }
}

#[tokio::test]
async fn a_node_that_is_master_again_is_looked_at_before_its_large_entries_are_read() {
    let mut cluster = RedisCluster::start().without_failure_detection();
    let settings = cluster.cache_builder().namespace("blog").deadline(SECOND);
    let settings = settings.clear_after(ClearAfter::Failover);
    let cache = built(settings);
    let key = cluster.key_at(0, |number| format!("blog:page:{number}"));
    let key = key.strip_prefix("blog:").expect("a namespace");
    let large = "x".repeat(100_000);
    let is_set = async || cache.set(key, &large, 10 * MINUTE).await.is_ok();
    let is_read = async || {
        cache
            .get::<String>(key)
            .await
            .is_ok_and(|found| found.is_some())
    };
    assert!(is_set().await && is_read().await);
    // The other takes its place, and is cleared.
    let other = cluster.failover(0);
    eventually("the new master is read", async || {
        is_set().await && is_read().await
    })
    .await;
    // All nodes are asked who has what.
    cache.delete_pattern("none_*").await.expect("deleted");
    cluster.settle();
    assert_eq!(cluster.failover(other), 0);
    cluster.node_mut(other).kill();
    eventually("the first is read again", async || {
        match cache.get::<String>(key).await {
            Ok(found) => {
                assert!(found.is_none(), "it was not looked at");
                true
            }
            Err(_) => false,
        }
    })
    .await;
}
