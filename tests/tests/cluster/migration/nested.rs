//! What is loaded from another entry, while the slots of both move.

use cache_runtime::{Cache, cache};
use cache_testkit::{MINUTE, RedisCluster, Row, SECOND, eventually};

/// Each on a node of its own.
#[derive(Clone, Copy)]
struct Ids {
    outer: u64,
    inner: u64,
}

#[cache("outer:{ids.outer}", cache = cache, skip(row))]
async fn outer(cache: &Cache, row: &Row, ids: Ids) -> u64 {
    inner(cache, row, ids).await
}

#[cache("inner:{ids.inner}", cache = cache, skip(row))]
async fn inner(cache: &Cache, row: &Row, ids: Ids) -> u64 {
    row.load()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_what_is_removed_with_it_where_a_move_ends_in_between() {
    let cluster = RedisCluster::start().without_failure_detection();
    let builder = || cluster.cache_builder().deadline(10 * SECOND);
    let [cache, other] = [0, 1].map(|_| builder().build().expect("right"));
    let row = Row::default();
    let ids = Ids {
        outer: cluster.number_at(0, |number| format!("outer:{number}")),
        inner: cluster.number_at(2, |number| format!("inner:{number}")),
    };
    for cache in [&cache, &other] {
        outer(cache, &row, ids).await;
        // From here on both are connected to its node.
        inner(cache, &row, ids).await;
    }
    row.commit();
    let keys = [
        format!("outer:{}", ids.outer),
        format!("inner:{}", ids.inner),
    ];
    for key in &keys {
        // Of a load that will not come back.
        let lease = format!("__cache:lease:{{{key}}}");
        let () = cluster.run(key, &["SET", &lease, "0", "PX", "60000"]);
        cluster.begin_migration(cluster.slot(key), 1);
    }
    // The inner one stays for now, and can be read.
    let pause = (10 * MINUTE).as_millis().to_string();
    let () = cluster.node(2).run(&["CLIENT", "PAUSE", &pause, "WRITE"]);
    let deleted = tokio::spawn({
        let (cache, keys) = (cache.clone(), keys.clone());
        async move { cache.delete(keys).await }
    });
    eventually("the outer one is gone", async || {
        !cluster.node(0).keys().contains(&keys[0])
    })
    .await;
    cluster.finish_migration(cluster.slot(&keys[0]), 1);
    let loaded = outer(&other, &row, ids).await;
    assert_eq!(loaded, row.version() - 1, "from what is still there");
    let () = cluster.node(2).run(&["CLIENT", "UNPAUSE"]);
    let deleted = deleted.await.expect("no panic");
    assert_eq!(deleted.expect("deleted"), 2);
    assert_eq!(outer(&other, &row, ids).await, row.version());
}
