//! Which node is asked what.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_runtime::redis::deadpool_redis::{Config, Runtime};
use cache_runtime::{Cache, ErrorKind, cache};
use cache_testkit::RedisCluster;

use crate::{MINUTE, cluster, name_at, number_at, on};

type Commands = BTreeMap<String, u64>;

/// What every node was asked, but for what nodes say to each other.
fn commands(cluster: &RedisCluster) -> Vec<Commands> {
    let mut all = cluster.commands();
    for commands in &mut all {
        commands.retain(|name, _| !matches!(name.as_str(), "replconf" | "ping" | "select"));
    }
    all
}

/// The nodes that are asked something, and what.
fn asked<const N: usize>(nodes: [(usize, &[(&str, u64)]); N]) -> Vec<Commands> {
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
    let cluster = cluster().await;
    let cache = on(&cluster).await;
    for node in 0..3 {
        let id = number_at(&cluster, node, |id| format!("post:{id}"));
        post(&cache, id).await;
        cluster.reset_commands();
        assert_eq!(post(&cache, id).await, id);
        assert_eq!(commands(&cluster), asked([(node, &[("get", 1)])]));
    }
    assert_eq!(cache.stats().hits, 3);
}

#[tokio::test]
async fn a_miss_is_a_get_and_two_scripts_at_the_node_of_the_key() {
    let cluster = cluster().await;
    let cache = on(&cluster).await;
    for node in 0..3 {
        let id = number_at(&cluster, node, |id| format!("post:{id}"));
        cluster.reset_commands();
        assert_eq!(post(&cache, id).await, id);
        // Each script looks at the lease; the first sets it, and the stage is set beside the other.
        for (name, times) in [("evalsha", 2), ("get", 3), ("set", 2)] {
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
    let cluster = cluster().await;
    let cache = on(&cluster).await;
    let author = number_at(&cluster, 1, |id| format!("by:{id}"));
    let blog = number_at(&cluster, 2, |id| format!("on:{id}"));
    let id = number_at(&cluster, 0, |id| format!("{author}:{blog}:{id}"));
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

/// Looks at the cluster while it runs.
#[cache(key_prefix = "{{user_{id}}}:posts", tags = ["{{user_{id}}}:all"], cache = cache, skip(look))]
async fn posts(cache: &Cache, id: u64, look: impl Fn()) -> u64 {
    look();
    id
}

#[cache(
    key_prefix = "{{user_{id}}}:posts", method = "PUT", cache = cache,
    tags_to_invalidate = ["{{user_{id}}}:all"]
)]
async fn write_posts(cache: &Cache, id: u64, look: impl Fn()) {
    look();
}

#[tokio::test]
async fn what_the_author_of_a_template_puts_together_lies_together() {
    let cluster = cluster().await;
    let cache = on(&cluster).await;
    for node in 0..3 {
        let id = number_at(&cluster, node, |id| format!("user_{id}"));
        let key = format!("{{user_{id}}}:posts");
        let (lease, fence) = (
            format!("__cache:lease::{key}"),
            format!("__cache:fence::{key}"),
        );
        let tag = format!("__cache:tag::{{user_{id}}}:all");
        let tag_fence = format!("__cache:tag-fence::{{user_{id}}}:all");
        let of_this_user = || {
            let mut keys = cluster.node(node).keys();
            keys.retain(|key| key.contains(&format!("{{user_{id}}}")));
            keys
        };
        let look = || assert_eq!(of_this_user(), [lease.as_str(), &tag]);
        posts(&cache, id, look).await;
        assert_eq!(of_this_user(), [tag.as_str(), &key]);
        cluster.reset_commands();
        posts(&cache, id, || panic!("a hit")).await;
        assert_eq!(commands(&cluster), asked([(node, &[("mget", 1)])]));
        let fenced = [fence.as_str(), &tag_fence, &tag, &key];
        write_posts(&cache, id, || assert_eq!(of_this_user(), fenced)).await;
        assert_eq!(of_this_user(), [""; 0]);
    }
    assert_eq!(cache.stats().hits, 3);
}

#[tokio::test]
async fn a_write_over_three_nodes_is_two_scripts_at_each() {
    #[cache(
        "post", method = "PUT", cache = cache,
        to_invalidate_extra = {"author": "{author}"}, tags_to_invalidate = ["on:{blog}"]
    )]
    async fn write(cache: &Cache, post_id: u64, author: u64, blog: u64) {}
    let cluster = cluster().await;
    let cache = on(&cluster).await;
    let id = number_at(&cluster, 0, |id| format!("post:{id}"));
    let author = number_at(&cluster, 1, |id| format!("author:{id}"));
    let blog = number_at(&cluster, 2, |id| format!("on:{id}"));
    post(&cache, id).await;
    let entry = format!("author:{author}");
    cache.set(&entry, &0, MINUTE).await.expect("set");
    cluster.reset_commands();
    write(&cache, id, author, blog).await;
    assert_eq!(calls(&cluster, "evalsha"), [2, 2, 2, 0, 0, 0]);
    assert_eq!(cluster.keys(), [""; 0]);
    assert_eq!(cache.stats().errors.total(), 0);
}

#[tokio::test]
async fn a_pattern_is_looked_for_on_all_primaries_and_removed_where_it_is() {
    let cluster = cluster().await;
    let cache = on(&cluster).await;
    let page = |node| name_at(&cluster, node, |page| format!("page:{page}"));
    let other = name_at(&cluster, 2, |number| format!("other:{number}"));
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
    let cluster = cluster().await;
    let cache = on(&cluster).await;
    let keys: Vec<String> = (0..50).map(|number| format!("key:{number}")).collect();
    for key in &keys[10..] {
        cache.set(key, &0, MINUTE).await.expect("set");
    }
    assert_eq!(cache.delete(&keys[..30]).await.expect("deleted"), 20);
    assert_eq!(cache.delete_pattern("key:4?").await.expect("deleted"), 10);
    assert_eq!(cache.delete_pattern("*").await.expect("deleted"), 10);
    assert_eq!(cluster.keys(), [""; 0]);
}

#[tokio::test]
async fn odd_names_work_and_every_helper_lies_in_the_slot_of_its_key() {
    const OWN: &str = "__cache:";
    let cluster = cluster().await;
    let cache = on(&cluster).await;
    let slots = || {
        let keys = cluster.keys().into_iter();
        keys.map(|key| (cluster.slot(&key), key))
            .collect::<Vec<_>>()
    };
    /// Declares a reader and a writer of one key, and looks at what is there while they run.
    macro_rules! check {
        ($template:literal, $name:ident = $value:expr) => {{
            #[cache($template, cache = cache, skip(look))]
            async fn load(cache: &Cache, $name: &str, look: impl Fn()) -> u8 {
                look();
                7
            }
            #[cache($template, method = "PUT", cache = cache)]
            async fn write(cache: &Cache, $name: &str, look: impl Fn()) {
                look();
            }
            let value: &str = $value;
            let lease = Cell::new(Vec::new());
            assert_eq!(load(&cache, value, || lease.set(slots())).await, 7);
            let [(slot, key)] = &slots()[..] else {
                panic!("{} of {value}: {:?}", $template, slots());
            };
            assert!(!key.starts_with(OWN), "{key}");
            let [(of_lease, lease)] = &lease.take()[..] else {
                panic!("{key}");
            };
            assert!(lease.starts_with(&format!("{OWN}lease:")), "{lease}");
            assert_eq!(of_lease, slot, "{lease}");
            assert_eq!(load(&cache, value, || panic!("a hit")).await, 7);
            let look = || {
                let fenced = slots();
                assert_eq!(fenced.len(), 2, "{fenced:?}");
                assert!(fenced.iter().all(|(other, _)| other == slot), "{fenced:?}");
            };
            write(&cache, value, look).await;
            assert_eq!(slots(), []);
        }};
    }
    let long = "x".repeat(10_000);
    for odd in ["*", ":", "{x}", "}", "{}", "{", "名前", "", " ", &long] {
        check!("odd:{name}", name = odd);
    }
    check!("{{}}x:{name}", name = "1");
    check!("{{{name}", name = "1");
    check!("}}{name}", name = "1");
    check!("a}}b:{name}", name = "1");
    check!("{{}}{{x}}{name}", name = "1");
    check!("{{a{name}}}b", name = "1");
    check!("{{a}}{name}", name = "}");
    for key in [
        "*", ":", "{x}", "x", "}", "{}", "{", "a}b", "{}{x}", "名前", "", &long,
    ] {
        cache.set(key, key, MINUTE).await.expect("set");
        let found = cache.get::<String>(key).await.expect("get");
        assert_eq!(found.as_deref(), Some(key));
        assert_eq!(cache.delete([key]).await.expect("deleted"), 1, "{key}");
    }
    let stats = cache.stats();
    assert_eq!(
        (stats.hits, stats.misses, stats.errors.total()),
        (17, 17, 0)
    );
}

#[tokio::test]
async fn there_is_a_connection_to_the_node_of_a_key_and_none_to_all() {
    let cluster = cluster().await;
    let cache = on(&cluster).await;
    assert!(matches!(
        cache.connection().await,
        Err(error) if error.kind() == ErrorKind::NoSingleServer
    ));
    for node in 0..3 {
        let key = name_at(&cluster, node, |number| format!("key:{number}"));
        let mut connection = cache.connection_for(&key).await.expect("a connection");
        let () = cache_runtime::redis::cmd("SET")
            .arg(&[key.as_str(), "7"])
            .query_async(&mut connection)
            .await
            .expect("it is there");
        assert_eq!(cluster.node(node).keys(), [key.as_str()]);
        assert_eq!(cache.get(&key).await.expect("get"), Some(7));
    }
}

#[tokio::test]
async fn the_applications_own_pools_are_used_for_each_node() {
    let cluster = cluster().await;
    let ports = Arc::new(Mutex::new(BTreeSet::new()));
    let asked = ports.clone();
    let cache = Cache::builder()
        .deadline(Duration::from_secs(5))
        .cluster_pools(
            [format!("127.0.0.1:{}", cluster.node(0).port())],
            move |host, port| {
                asked.lock().expect("no panic").insert(port);
                let config = Config::from_url(format!("redis://{host}:{port}"));
                config.create_pool(Some(Runtime::Tokio1))
            },
        );
    let cache = cache.build().expect("one node is enough");
    for node in 0..3 {
        let key = name_at(&cluster, node, |number| format!("own:{number}"));
        cache.set(&key, &node, MINUTE).await.expect("set");
        assert_eq!(cache.get(&key).await.expect("get"), Some(node));
    }
    let primaries = [0, 1, 2].map(|node| cluster.node(node).port());
    assert_eq!(*ports.lock().expect("no panic"), primaries.into());
}
