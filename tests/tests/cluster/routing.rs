//! Which node is asked what.

use std::collections::BTreeMap;

use cache_runtime::{Cache, cache};
use cache_testkit::{MINUTE, RedisCluster};

use crate::connected;

pub(crate) type Commands = BTreeMap<String, u64>;

/// What every node was asked, but for what nodes say to each other.
pub(crate) fn commands(cluster: &RedisCluster) -> Vec<Commands> {
    let mut all = cluster.commands();
    for commands in &mut all {
        commands.retain(|name, _| !matches!(name.as_str(), "replconf" | "ping" | "select"));
    }
    all
}

/// The nodes that are asked something, and what.
pub(crate) fn asked<const N: usize>(nodes: [(usize, &[(&str, u64)]); N]) -> Vec<Commands> {
    let mut all = vec![Commands::new(); 6];
    for (node, commands) in nodes {
        let commands = commands.iter();
        all[node] = commands
            .map(|&(name, calls)| (name.to_owned(), calls))
            .collect();
    }
    all
}

/// How often each node was asked this.
fn calls(cluster: &RedisCluster, name: &str) -> Vec<u64> {
    let all = commands(cluster).into_iter();
    all.map(|commands| commands.get(name).copied().unwrap_or_default())
        .collect()
}

#[cache("post", cache = cache)]
async fn post(cache: &Cache, post_id: u64) -> u64 {
    post_id
}

#[tokio::test]
async fn a_hit_is_one_get_at_the_node_of_the_key() {
    let cluster = RedisCluster::exclusive().await;
    let cache = connected(&cluster).await;
    for node in 0..3 {
        let id = cluster.number_at(node, |id| format!("post:{id}"));
        post(&cache, id).await;
        cluster.reset_commands();
        assert_eq!(post(&cache, id).await, id);
        assert_eq!(commands(&cluster), asked([(node, &[("get", 1)])]));
    }
    assert_eq!(cache.stats().hits, 3);
}

#[tokio::test]
async fn a_miss_is_a_get_and_three_scripts_at_the_node_of_the_key() {
    let cluster = RedisCluster::exclusive().await;
    let cache = connected(&cluster).await;
    for node in 0..3 {
        let id = cluster.number_at(node, |id| format!("post:{id}"));
        cluster.reset_commands();
        assert_eq!(post(&cache, id).await, id);
        // The first and the last script look at the lease; the first sets it, and the stage is set beside the last. The
        // one between them asks for patterns.
        for (name, times) in [("evalsha", 3), ("get", 3), ("set", 2)] {
            let mut asked = [0; 3];
            asked[node] = times;
            assert_eq!(calls(&cluster, name)[..3], asked, "{name}");
        }
        // What a replica is told is no script and no question.
        for name in ["evalsha", "get"] {
            assert_eq!(calls(&cluster, name)[3..], [0; 3], "{name}");
        }
    }
}

#[cache("{author}:{blog}", cache = cache, tags = ["by:{author}", "{{on:{blog}}}:a", "{{on:{blog}}}:b"])]
async fn tagged(cache: &Cache, author: u64, blog: u64, id: u64) -> u64 {
    id
}

#[tokio::test]
async fn a_hit_with_tags_asks_for_each_slot_at_its_node() {
    let cluster = RedisCluster::exclusive().await;
    let cache = connected(&cluster).await;
    let author = cluster.number_at(1, |id| format!("by:{id}"));
    let blog = cluster.number_at(2, |id| format!("on:{id}"));
    let id = cluster.number_at(0, |id| format!("{author}:{blog}:{id}"));
    tagged(&cache, author, blog, id).await;
    cluster.reset_commands();
    assert_eq!(tagged(&cache, author, blog, id).await, id);
    let one = &[("get", 1)];
    let both = &[("mget", 1)];
    assert_eq!(commands(&cluster), asked([(0, one), (1, one), (2, both)]));
    cache
        .invalidate_tags([format!("{{on:{blog}}}:b")])
        .await
        .expect("invalidated");
    tagged(&cache, author, blog, id).await;
    assert_eq!((cache.stats().hits, cache.stats().misses), (1, 2));
}

#[tokio::test]
async fn a_write_over_three_nodes_is_three_scripts_at_each() {
    #[cache(
        "post", method = "PUT", cache = cache,
        to_invalidate_extra = {"author": "{author}"}, tags_to_invalidate = ["on:{blog}"]
    )]
    async fn write(cache: &Cache, post_id: u64, author: u64, blog: u64) {}
    let cluster = RedisCluster::exclusive().await;
    let cache = connected(&cluster).await;
    let id = cluster.number_at(0, |id| format!("post:{id}"));
    let author = cluster.number_at(1, |id| format!("author:{id}"));
    let blog = cluster.number_at(2, |id| format!("on:{id}"));
    post(&cache, id).await;
    let entry = format!("author:{author}");
    cache.set(&entry, &0, MINUTE).await.expect("set");
    cluster.reset_commands();
    write(&cache, id, author, blog).await;
    // Each is fenced, closed and opened.
    assert_eq!(calls(&cluster, "evalsha"), [3, 3, 3, 0, 0, 0]);
    assert_eq!(cluster.keys(), [""; 0]);
    assert_eq!(cache.stats().errors.total(), 0);
}

#[tokio::test]
async fn a_pattern_is_looked_for_on_all_primaries_and_removed_where_it_is() {
    let cluster = RedisCluster::exclusive().await;
    let cache = connected(&cluster).await;
    let page = |node| cluster.key_at(node, |page| format!("page:{page}"));
    let other = cluster.key_at(2, |number| format!("other:{number}"));
    for key in [&page(0), &page(1), &other] {
        cache.set(key, &0, MINUTE).await.expect("set");
    }
    cluster.reset_commands();
    assert_eq!(cache.delete_pattern("page:*").await.expect("deleted"), 2);
    // One for leases, one for entries.
    assert_eq!(calls(&cluster, "scan"), [2, 2, 2, 0, 0, 0]);
    assert_eq!(calls(&cluster, "unlink")[..3], [1, 1, 0]);
    assert_eq!(cluster.keys(), [other]);
}

#[tokio::test]
async fn what_is_deleted_is_counted_over_all_nodes() {
    let cluster = RedisCluster::exclusive().await;
    let cache = connected(&cluster).await;
    let keys: Vec<String> = (0..50).map(|number| format!("key:{number}")).collect();
    for key in &keys[10..] {
        cache.set(key, &0, MINUTE).await.expect("set");
    }
    assert_eq!(cache.delete(&keys[..30]).await.expect("deleted"), 20);
    assert_eq!(cache.delete_pattern("key:4?").await.expect("deleted"), 10);
    assert_eq!(cache.delete_pattern("*").await.expect("deleted"), 10);
    assert_eq!(cluster.keys(), [""; 0]);
}
